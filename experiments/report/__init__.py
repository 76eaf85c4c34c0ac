"""Formats an analysis as text and figures.

The package computes no statistics. It may import `analysis` and the packages below it.
"""
