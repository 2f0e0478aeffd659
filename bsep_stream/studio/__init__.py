"""The studio: a whole session in a browser, on the user's own machine.

A server of 127.0.0.1 and a page that drives it. It runs what the commands run, and all that it knows lies in the folder
of a session: recordings, run, model, stems, notes, racks. It never imports torch: trainings are processes of their own
(``bsep_stream.train.workshop``), which say in files how far they are.

sessionfolder.py  where everything of a session lies; names that may be names of files
sessions.py       all sessions of a folder
shelf.py          recordings that lie in the folder of the studio
recordings.py     what came in: its waveform, its level, and what could be better about it
training.py       processes that learn: start, pause, finish, go on; that correct notes
soundfiles.py     stems as a browser plays and paints them
renaming.py       instruments under other names, after the training
noteboard.py      notes as they were found, and as the user corrected them
solos.py          passages in which one plays alone, as the user marks them
racks.py          effects and racks as the page moves them; remix.py: heard while they move
parcels.py        what one takes home: stems, remix, notes, model, report
stage.py          live: an engine on the devices of this machine
wording.py        sentences as the page shows them
fulldisk.py       a disk that is full, in words
guard.py          who may speak to the server; answers.py: what it says; house.py: what all addresses share
routes/           the addresses; server.py puts them together and serves

page/             HTML, CSS and JavaScript modules, without a build step; what the report page has is shared with it
"""
