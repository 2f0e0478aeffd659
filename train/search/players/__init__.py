"""Who plays each note: decided over a whole session, by notes, after the search has found the tones.

File by file: the tones are cut into notes (`notes`), the harmonics of each are read where nothing else sounds
(`harmonics`), what sounds together is linked (`links`), every feature says how well notes go together with one player
(`evidence`; `timbre`, `register`, with vibrato or without, dying away or held: `playing`, in stereo where from:
`places`), and the likeliest labels that keep the links are sought (`decision`).

A further feature is one more :class:`evidence.Feature` in the list that :class:`decision.Players` gets. For one
number a note, :func:`evidence.scalar_evidence` makes it: the values (NaN where a note does not tell), how far
notes of one player spread, and how far players differ; for a value that a player has one of, whatever it is,
:class:`evidence.GridEvidence`; for what every note says by itself, :class:`melody.NoteOdds`.
What pairs of notes say (rather one player, rather two) belongs into :class:`links.Links`, in nats: how likely one
player is by their signs was learned from made sessions (``python -m bsep_stream.train.benchmark.links``).

Where a player of one tone at a time stands beside one of chords, the tones are threaded into notes whatever their
voices (`threads`). Every note has signs of whose it is (`signs`): how it decays (`decay`), whether its pitch moves
(`glide`), how stiff its string is (`stiffness`), how bright it is (`brightness`), and what it sounds and begins with
(`company`). A small network that was learned from made sessions turns them into odds (`melody`), and the melody is the
likeliest path through the notes (`solo`); `accompaniment` puts that together. A further sign is one more field of
:class:`signs.Signs`; then the network is learned anew (``python -m bsep_stream.train.benchmark.melodies``).

Two players on one note are heard as one of them, or as one and a harmonic: where the other seems to rest, or has
no more than that (`overtones`), `unisons` decides whether he has the note too, by signs and a model learned in
the same way (``python -m bsep_stream.train.benchmark.unisons``); `mixture` says how well the timbre of both explains
it, `beating` how its harmonics swell and fade.
"""
