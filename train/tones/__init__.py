"""What a tone is.

harmonics.py   peaks of a tone; phases.py: the ridge solve for their phases; moduli.py: moduli and their lift
dictionary.py  relative amplitudes of the harmonics; registers.py: who is likely to play which pitch
timbre.py      spectra of every source at every pitch; timbrefit.py: from labels; tonefit.py: in a frame
"""
