"""The report as one page that needs no network: sound, spectrograms, and what was learned.

assemble.py    the page: template, style, scripts and data become one file
content.py     what is known, as plain values for JSON
sound.py       stems to MP3
spectra.py     stems to levels of spectrograms

page.html      the skeleton; page.css its looks
desk.js        Web Audio: all players on one clock, mute, solo, levels; mixdown.js: what one hears, as a file
spectrogram.js levels to pixels, pitches over them
charts.js      bars and curves
player.js      the controls of the desk, playhead, keyboard
page.js        cards, colours, start
"""
