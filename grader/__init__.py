"""The grader: load -> observe -> judge -> report. What lab authors use is here."""

from grader.judge.check import check
from grader.judge.language.expectation import expect, note
from grader.model.quantity import Quantity, quantity

__version__ = "0.1.0"

__all__ = ["Quantity", "__version__", "check", "expect", "note", "quantity"]
