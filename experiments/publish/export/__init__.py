"""One arm of a case as a plain Keras and NumPy script, as a diff or as a notebook.

A script is compared with its case before it is printed.
"""
