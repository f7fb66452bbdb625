"""Data shared by load, observe, judge and report. Imports none of them."""
