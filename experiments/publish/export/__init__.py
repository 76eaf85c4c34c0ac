"""Exports one arm of a case as a plain Keras and NumPy script, as a diff or as a notebook.

A script is checked against its case before it is printed.
"""
