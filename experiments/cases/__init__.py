"""What is compared: setups, cases, evidence, claims and plans.

It knows no array and trains nothing; it imports the standard library only.
"""
