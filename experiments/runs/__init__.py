"""A plan trained and kept: row keys, the store, jobs, executors and clusters.

It interprets no result; it may import `training` and what stands below it.
"""
