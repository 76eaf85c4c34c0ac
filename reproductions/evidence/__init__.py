"""What is asked about each case: `<case>.py` holds the `EVIDENCE` of `reproductions/<case>.py`."""
