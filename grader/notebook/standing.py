"""`progress`: how far the learner has come, from what `check` has seen in this work folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from grader.model.result import Result
from grader.notebook.html import Shown, Table
from grader.notebook.place import Desk, work_root

FILE = ".progress.json"
QUIZ = "quiz"


def remember(desk: Desk, result: Result) -> None:
    """Keep the best complete verdict of each lab. It is for the learner's eyes, never a grade."""
    if not result.complete or result.cluster.provider == "none":
        return
    path = desk.work.parent / FILE
    every = _read(path)
    before = every.get(desk.lab.id) or {}
    if result.score >= float(before.get("points", -1)):
        every[desk.lab.id] = {
            "points": result.score,
            "out_of": result.provable_max,
            "passed": result.passed,
            "when": time.strftime("%Y-%m-%d %H:%M"),
        }
        _write(path, every)


def remember_quiz(work: Path, points: float, out_of: float) -> None:
    """Keep the best verdict on the knowledge check."""
    every = _read(work / FILE)
    if points >= float((every.get(QUIZ) or {}).get("points", -1)):
        now = time.strftime("%Y-%m-%d %H:%M")
        every[QUIZ] = {
            "points": points,
            "out_of": out_of,
            "passed": points == out_of,
            "when": now,
        }
        _write(work / FILE, every)


def passed_labs(work: Path) -> set[str]:
    """The ids of the labs that were passed from this folder."""
    every = _read(work / FILE)
    return {lab for lab, found in every.items() if isinstance(found, dict) and found.get("passed")}


def progress() -> Shown:
    """A table of all labs: what is done, what is begun, what comes next."""
    from grader.load.labs import all_labs

    root = work_root()
    every = _read(root / FILE)
    rows = []
    for lab in all_labs():
        found = every.get(lab.id)
        begun = (root / lab.id).is_dir()
        state = "begun" if begun else ""
        if found:
            state = "passed" if found.get("passed") else "in work"
        points = f"{found['points']:g} of {found['out_of']:g}" if found else ""
        when = found["when"] if found else ""
        rows.append((lab.number, lab.file.title, lab.file.minutes, state, points, when))
    done = sum(row[3] == "passed" for row in rows)
    note = f"{done} of {len(rows)} labs passed. {_quiz_words(every)}Best verdicts from {root}"
    return Table(("lab", "", "minutes", "state", "best", "when"), rows, note, "Your progress")


def _quiz_words(every: dict[str, Any]) -> str:
    found = every.get(QUIZ)
    return f"Knowledge check: {found['points']:g} of {found['out_of']:g} points. " if found else ""


def _write(path: Path, every: dict[str, Any]) -> None:
    temporary = path.with_name(f"{FILE}.new")
    temporary.write_text(json.dumps(every, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
