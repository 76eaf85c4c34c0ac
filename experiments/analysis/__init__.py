"""Stored rows to tables: one `Analysis` of each folder, whose parts are computed once.

It formats no text and draws nothing; it may import `runs` and what stands below it.
"""
