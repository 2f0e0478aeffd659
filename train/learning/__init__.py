"""Learning.

loop.py        all stages until the end; stages.py: what each gained; stopping.py: early; interruption.py: Ctrl-C
steps.py       one iteration of each stage
beginnings.py  the dictionary to begin with, where there is no search
imitation.py   first stage: the labels
rollouts.py    second stage: tones sampled from the policy; expansion.py: the likeliest ones, in place of samples
timbrereturn.py   how well the timbre of the session explains a rollout
credit.py      which choices a loss is put down to
owntones.py    the timbre from the network's own tones, where there are no labels
losses.py, learner.py, optimiser.py   what is minimised, and its steps
assessment.py  how well the mixture is explained; verdict.py, doubts.py: in words
run_folder.py, runinfo.py, checkpoint.py, logbook.py   what is kept
"""
