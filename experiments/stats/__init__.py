"""Statistics over seeds: intervals, verdicts, tests, Shapley values, and text of numbers.

The package reads no cases and no files. It may import `cases` for its errors.
"""
