"""Renders animations of one seed under every arm, and of optimizers on a loss surface.

The frames come from stored tables. `slices` and `trajectories` record the tables that need
training.
"""
