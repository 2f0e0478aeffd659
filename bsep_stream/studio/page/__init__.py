"""The page of the studio: plain modules of JavaScript and CSS, served as they are.

index.html, app.js   the front door: which room an address means; colours
api.js, dom.js       the server, asked; small parts of every room
lobby.js             all sessions; room.js: one of them, its tabs and the news of the server
setup.js             recordings.js, instruments.js, training.js, verdict.js: from a file to stems
solos.js             who plays alone where; ear.js: a recording, heard before there are stems
deck.js              what plays: studiodesk.js (clock, region), remixer.js (effects from the server), sounds.js, rack.js
listen.js            the desk: transport.js, timeline.js, lanes.js, effects.js
correct.js           notes that change hands: pianoroll.js, keys.js
takehome.js, live.js what one takes home; the stage
studio.css           looks that all rooms share; rooms.css: room by room. Colours come from page.css of the report
"""
