"""Arrays of seeds to intervals, verdicts and Shapley values.

It knows no case and no file; it may import `cases` for its errors.
"""
