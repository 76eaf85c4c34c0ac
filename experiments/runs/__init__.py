"""Training of plans and storage of rows: row keys, the store, jobs, executors and clusters.

The package interprets no results. It may import `training` and the packages below it.
"""
