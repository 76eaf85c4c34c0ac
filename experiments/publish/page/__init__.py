"""Writes one HTML file that holds every case, its charts and all their data.

Its parts in `web/` are HTML, CSS and JavaScript.
"""
