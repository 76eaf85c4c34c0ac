"""The engine timed against plain `model.fit` and against a loop written by hand in JAX.

It may import every other package of the library, and none of them imports it.
"""
