"""What stands in the way on this machine, and what mends it."""

from __future__ import annotations

from cluster.doctor.examine import examine
from cluster.doctor.finding import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "examine"]
