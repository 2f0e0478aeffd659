"""The network, and what it says of a frame.

unet.py        the U-Net; salience.py: pitch evidence that it is handed
policy.py      the choice of source and pitch; frame_state.py: a frame and the tones so far
separator.py   network, dictionary and timbre together; prediction.py: the likeliest tones; hypotheses.py: second ones
network_file.py, fast.safetensors   the network that is shipped to start from
"""
