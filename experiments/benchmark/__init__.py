"""Timings of the engine against plain `model.fit` and against a hand-written loop in JAX.

The package may import every other package of the library; none of them imports it.
"""
