"""Clusters that labs run on: one protocol, several providers. Never imports `grader`."""
