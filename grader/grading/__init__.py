"""Grading one submission: load, observe, judge, in this order."""
