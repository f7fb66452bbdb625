"""`mlk8s check` from files only, as a whole process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from grader.load.labs import find_lab

RUNS = 7


def run() -> list[tuple[str, str, str]]:
    solution = str(find_lab("14").solution)
    command = [sys.executable, "-m", "grader.cli", "check", "14", "--cluster", "none"]
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run([*command, "-s", solution], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    middle = statistics.median(times[1:])
    spread = f"{min(times[1:]):.2f} to {max(times[1:]):.2f}"
    return [
        (
            "`check` from files only, whole process",
            "0.5 s",
            f"{middle:.2f} s ({spread}, {RUNS} runs)",
        )
    ]
