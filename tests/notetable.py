"""A table of notes as the studio keeps it: of a flute and an oboe."""

NOTES = """source,onset_seconds,offset_seconds,key,name,cents,f0_hz,velocity,level_db
flute,0.0000,0.5000,72,C5,0.0,523.251,80,0.0
oboe,0.1000,0.4000,60,C4,0.0,261.626,80,0.0
oboe,0.6000,0.9000,62,D4,0.0,293.665,80,0.0
"""
