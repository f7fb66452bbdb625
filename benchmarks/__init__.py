"""The time budgets of the design, measured: `python -m benchmarks`."""
