"""Material to publish: animations, an interactive page, exported scripts and notebooks.

It may import `report` and what stands below it; `check` and `publish` do not know each other.
"""
