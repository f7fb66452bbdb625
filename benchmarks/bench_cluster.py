"""Bringing an embedded cluster up, and the hands-on lab on it."""

from __future__ import annotations

import os
import statistics
import tempfile
import time

from cluster.embedded import EmbeddedProvider
from cluster.model import ClusterSpec
from grader.grading.grade import load
from grader.grading.where import all_servers
from grader.judge.case import Case
from grader.judge.run import judge
from grader.load.labs import find_lab
from grader.observe import observe

RUNS = 3


def run() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLK8S_HOME"] = home
        provider = EmbeddedProvider()
        spec = ClusterSpec(name="bench", servers=all_servers())
        provider.create(spec)
        provider.delete("bench")
        creating, grading = [], []
        lab = find_lab("14")
        for _ in range(RUNS):
            began = time.perf_counter()
            status = provider.create(spec)
            creating.append(time.perf_counter() - began)
            for _ in range(2):
                began = time.perf_counter()
                submission = load(lab, lab.solution)
                case = Case("bench", submission, observe(lab, submission, status))
                result = judge(lab, [case])[0]
                grading.append(time.perf_counter() - began)
                if not result.passed:
                    raise SystemExit("the solution did not pass: no figure")
            provider.delete("bench")
    return [
        ("embedded cluster, binaries cached", "5 s", _figure(creating)),
        ("hands-on lab, apply to verdict, right", "3 s", _figure(grading)),
    ]


def _figure(times: list[float]) -> str:
    middle = statistics.median(times)
    return f"{middle:.1f} s ({min(times):.1f} to {max(times):.1f}, {len(times)} runs)"
