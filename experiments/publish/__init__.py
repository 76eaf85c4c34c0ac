"""Publishes stored results as animations, as one interactive page and as plain scripts.

It may import `report` and the layers below it.
"""
