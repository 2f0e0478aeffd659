"""What a training is asked to be.

trainconfig.py  every constant; network_config.py, policy_config.py, learning_config.py: those of each part
presets.py      named configurations; limits.py: what one may ask for that was read from a file
hints.py        what a musician says of who plays
"""
