"""Descriptions of what is compared: setups, cases, evidence, claims and plans.

The package imports the standard library only. It trains nothing.
"""
