"""Learning.

loop.py        both stages until the end; stopping.py: early; interruption.py: Ctrl-C
imitation.py   first stage: the labels; rollouts.py: second stage: tones sampled from the policy
losses.py, learner.py, optimiser.py   what is minimised, and its steps
assessment.py  how well the mixture is explained; verdict.py: in words
run_folder.py, checkpoint.py, logbook.py   what is kept
"""
