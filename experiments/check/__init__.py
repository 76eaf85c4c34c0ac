"""Today's Keras against the stored evidence: a fresh sample of seeds, compared with the rows.

It may import `report` and what stands below it.
"""
