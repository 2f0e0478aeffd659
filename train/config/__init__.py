"""What a training is asked to be.

trainconfig.py  every constant; network_config.py, policy_config.py: those of network and policy
presets.py      named configurations
"""
