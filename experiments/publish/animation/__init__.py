"""Side-by-side animations of one seed, and of optimizers on a loss surface.

It draws stored tables; `slices` and `trajectories` record those that need training.
"""
