"""Pretraining: the network learns what pitch is from synthetic tones, before it hears any recording."""
