"""One setup and some seeds to metrics: streams, networks, the engine and its references.

It writes no file; it may import `stats` and `cases`.
"""
