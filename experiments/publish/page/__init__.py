"""One HTML file that holds every case, its charts and all they need.

Its parts in `web/` are HTML, CSS and JavaScript.
"""
