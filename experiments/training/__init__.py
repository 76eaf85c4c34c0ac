"""Training of one setup over some seeds: random streams, networks, the engine, its references.

The package writes no file. It may import `stats` and `cases`.
"""
