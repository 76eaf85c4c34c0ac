"""Claims, variants and interventions: `<case>.py` holds the `EVIDENCE` of a case."""
