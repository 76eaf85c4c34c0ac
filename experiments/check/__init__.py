"""Compares a fresh sample of seeds, trained with the installed Keras, with the stored rows.

It may import `report` and the layers below it.
"""
