"""A class on one control plane, and the same class judged again from its recordings."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.grading.grade import judge_recordings, load, save_recording
from grader.grading.sessions import Player
from grader.load.labs import find_lab

WORKERS = 16


def run(size: int = 200) -> list[tuple[str, str, str]]:
    lab = find_lab("14")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["MLK8S_HOME"] = f"{scratch}/home"
        folder = Path(scratch) / "recordings"
        folder.mkdir()

        def play(place: int) -> Path:
            submission = load(lab, lab.solution, name=f"student-{place:04d}")
            return save_recording(player.play(lab, submission), folder)

        with Player("embedded") as player:
            play(0)
            began = time.perf_counter()
            with ThreadPoolExecutor(WORKERS) as workers:
                paths = list(workers.map(play, range(1, size + 1)))
            played = time.perf_counter() - began
            from cluster.embedded import EmbeddedProvider
            from grader.grading.where import CLUSTER_NAME

            EmbeddedProvider().delete(CLUSTER_NAME)
        began = time.perf_counter()
        results = judge_recordings(lab, paths)
        judged = time.perf_counter() - began
    passed = sum(result.passed for result in results)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        (
            f"class of {size}, hands-on lab, one control plane",
            f"{90 * size / 1000:.0f} s (90 s for 1,000)",
            f"{played:.1f} s, {size / played:.1f} a second, {passed} of {size} passed",
        ),
        (
            "the same class judged again from recordings",
            f"{20 * size / 1000:.0f} s (20 s for 1,000)",
            f"{judged:.1f} s",
        ),
        ("memory of the grader for that class", "2 GB", f"{memory:.2f} GB at most"),
    ]
