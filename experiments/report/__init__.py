"""An analysis to text and figures.

It computes no statistic; it may import `analysis` and what stands below it.
"""
