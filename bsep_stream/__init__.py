"""Streaming separation of the instruments of a recording, learned from that recording alone."""
