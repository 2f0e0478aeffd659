"""Search: a first explanation of a whole session by tones, before any network is trained.

The signal path, file by file: spectral peaks of every frame (`peaks`), what of them is new and not just ringing
(`tails`), pitches that could cause them (`candidates`), the best amplitudes for every pair of pitches (`pairs`), the
likeliest way through all frames (`tracking`, `decoding`) for as many tones at once as every instrument may play
(`voices`), the harmonic envelope of every instrument along that way (`observations`, `envelopes`) where it is not
that of higher tones (`subharmonics`), what is left of tones that have ended (`ringing`), and all of it in turns
(`session`, by means of `hearing`), from starts by register, by brightness (`starts`), and by what tones that sound at
once are made of (`together`), each until it comes to where another was (`visited`). Each ends in an explanation
(`explanation`). Who plays what is then decided by notes (`players`), one of the explanations is taken, its tones are
heard once more with what every player is made of (`rehearing`), and decided anew (`whoplays`).
"""
