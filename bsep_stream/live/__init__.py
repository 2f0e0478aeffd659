"""Live: sound in, separated, through the rack, sound out, with a latency that is known and every dropout counted.

How the parts meet. Every sample has a position, the number of samples that came in before it, and keeps it all the way:

    device -> Capture -> [input] -> Worker: separator -> rack -> dry/wet -> [wet] -> Playback -> device
                            |                                                          |
                            +----------------- dry, where wet is missing --------------+

``[...]`` is a :class:`~bsep_stream.live.engine.history.History`: one thread writes, others read by position, nobody
waits. At time t the device is given position ``t - latency``. What the worker has not finished by then is bridged with
the input of the same position, which is why a bridge keeps time, and goes unnoticed where there are no effects.
"""
