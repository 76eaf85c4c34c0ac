"""Stored rows to tables: one `Analysis` per folder, each part computed once.

The package formats no reports and draws nothing. It may import `runs` and the packages below it.
"""
