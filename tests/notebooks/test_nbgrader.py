"""A small class with nbgrader's own commands: release, hand in, collect, grade, give feedback."""

from __future__ import annotations

import csv
import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.paths import cache_dir
from grader.judge.survey import provable_points
from grader.load.labs import find_lab
from grader.notebook import source
from grader.notebook.copies import notebook_of
from grader.notebook.course import prepare_course

LAB = find_lab("02")
POINTS = provable_points(LAB)
pytestmark = [pytest.mark.embedded, pytest.mark.course, pytest.mark.notebook, pytest.mark.slow]

Edit = Callable[[source.Json], None]


class Course:
    """A course's folder, and nbgrader in it as the instructor or as a learner."""

    def __init__(self, root: Path, cluster: str = "embedded") -> None:
        self.root = root / "course"
        self.exchange = root / "exchange"
        self.exchange.mkdir(mode=0o777)
        self.exchange.chmod(0o777)
        prepare_course(self.root, [LAB], "ml", cluster)
        self.environment = {
            **os.environ,
            # As in an activated environment: nbgrader looks for alembic on the PATH.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(root),
            "MLK8S_CACHE": str(cache_dir()),  # or the control plane would be built once more
            "JUPYTER_CONFIG_DIR": str(root / "jupyter"),
            "JUPYTER_DATA_DIR": str(root / "data"),
            "IPYTHONDIR": str(root / "ipython"),
        }

    def nbgrader(self, *arguments: str, folder: Path | None = None) -> str:
        """Run one command; returns what it said. It must succeed."""
        words = [sys.executable, "-m", "nbgrader", *arguments]
        words += [f"--Exchange.root={self.exchange}", "--CourseDirectory.course_id=ml"]
        done = subprocess.run(
            words,
            cwd=folder or self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def submit(self, edit: Edit) -> None:
        """Fetch, edit, submit through the exchange, as the person who runs this test."""
        home = self.root.parent / "home"
        home.mkdir()
        self.nbgrader("fetch_assignment", LAB.id, folder=home)
        self._edit(home / LAB.id, edit)
        self.nbgrader("submit", LAB.id, folder=home)

    def put(self, learner: str, edit: Edit) -> None:
        """Hand in without an exchange: a copy of the release in submitted/."""
        folder = self.root / "submitted" / learner / LAB.id
        shutil.copytree(self.root / "release" / LAB.id, folder)
        self._edit(folder, edit)

    def _edit(self, folder: Path, edit: Edit) -> None:
        path = folder / f"{LAB.id}.ipynb"
        path.chmod(0o644)
        notebook = source.read(path)
        edit(notebook)
        source.write(notebook, path)

    def scores(self) -> dict[str, float]:
        """Each learner's score, as nbgrader exports it."""
        self.nbgrader("export")
        with (self.root / "grades.csv").open() as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def answer(notebook: source.Json, name: str, text: str) -> None:
    """Write an answer cell."""
    for cell in notebook["cells"]:
        if "answer" in source.tags(cell) and source.answer_name(cell) == name:
            cell["source"] = f"%%manifest {name}\n{text}"


def reference(name: str) -> str:
    return (LAB.solution / name).read_text(encoding="utf-8")


def right(notebook: source.Json) -> None:
    for name in ("deployment.yaml", "service.yaml"):
        answer(notebook, name, reference(name))


def half_right(notebook: source.Json) -> None:
    """A readiness probe that asks a path which does not exist."""
    right(notebook)
    answer(notebook, "deployment.yaml", reference("deployment.yaml").replace("/ready", "/"))


def nothing(notebook: source.Json) -> None:
    """As it was fetched."""


def a_cheat(notebook: source.Json) -> None:
    """Code that would give full marks if it were run, and a graded cell rewritten."""
    cheat = "import grader.notebook\ngrader.notebook.check = lambda *_: 20.0\nprint('ran')"
    magic = "%%manifest {open('ran','w').write('x')} x.yaml\nkind: Pod"
    for text in (cheat, magic):
        cell = {**notebook["cells"][3], "source": text, "id": f"cheat{len(text)}", "metadata": {}}
        notebook["cells"].insert(0, cell)
    for cell in notebook["cells"]:
        if "graded" in source.tags(cell):
            cell["source"] = "20.0"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, home: None) -> Course:
    """A course in which all of this was done."""
    found = Course(tmp_path_factory.mktemp("class"))
    found.nbgrader("generate_assignment", LAB.id)
    found.nbgrader("release_assignment", LAB.id)
    found.submit(right)
    for learner, edit in LEARNERS.items():
        found.put(learner, edit)
    found.nbgrader("collect", LAB.id)
    found.nbgrader("autograde", LAB.id)
    found.nbgrader("generate_feedback", LAB.id)
    return found


ME = getpass.getuser()
LEARNERS: dict[str, Edit] = {"ben": half_right, "cem": nothing, "eve": a_cheat}


def test_nothing_secret_is_released(course: Course) -> None:
    released = (course.root / "release" / LAB.id / f"{LAB.id}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in released
    assert "HIDDEN" not in released
    assert "YOUR CODE HERE" not in released
    assert "TODO" in released
    secret = [
        line.strip()
        for line in reference("deployment.yaml").splitlines()
        if line.strip().startswith("# ")
    ]
    assert len(secret) > 5
    for line in secret:
        assert json.dumps(line)[1:-1] not in released, line
    assert (course.root / "release" / LAB.id / "README.md").is_file()


def test_points_are_those_of_check(course: Course) -> None:
    graded = [
        cell
        for cell in source.read(notebook_of(LAB))["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    ]
    assert [cell["metadata"]["nbgrader"]["points"] for cell in graded] == [POINTS]


def test_scores(course: Course) -> None:
    scores = course.scores()
    assert scores[ME] == POINTS
    assert 0 < scores["ben"] < POINTS
    assert 0 <= scores["cem"] < scores["ben"]
    assert scores["eve"] == scores["cem"]


def test_partial_credit_is_what_check_gives(course: Course, tmp_path: Path) -> None:
    from grader.grading.grade import Options, grade

    for name in ("deployment.yaml", "service.yaml"):
        (tmp_path / name).write_text(reference(name).replace("path: /ready", "path: /"))
    assert course.scores()["ben"] == grade(LAB, tmp_path, Options(where="embedded")).score


def test_no_code_of_a_learner_ran(course: Course) -> None:
    assert not list(course.root.rglob("ran"))
    text = (course.root / "autograded" / "eve" / LAB.id / f"{LAB.id}.ipynb").read_text()
    outputs = [cell.get("outputs") for cell in json.loads(text)["cells"]]
    assert "ran\\n" not in json.dumps(outputs)


def test_feedback_shows_the_verdict(course: Course) -> None:
    page = (course.root / "feedback" / "ben" / LAB.id / f"{LAB.id}.html").read_text()
    assert f"of {POINTS:g} points" in page
    assert "deployment.yaml:" in page
    assert "<summary>Hint</summary>" in page


def test_a_broken_cluster_is_never_a_zero(course: Course, tmp_path: Path) -> None:
    """Where no verdict can be had nbgrader says so, and the score stays what it was."""
    before = course.scores()[ME]
    course.environment["MLK8S_HOME"] = "/dev/null/nowhere"
    try:
        with pytest.raises(AssertionError, match="could not be graded"):
            course.nbgrader("autograde", LAB.id, f"--student={ME}", "--force")
    finally:
        course.environment["MLK8S_HOME"] = os.environ["MLK8S_HOME"]
    course.nbgrader("autograde", LAB.id, f"--student={ME}", "--force")
    assert course.scores()[ME] == before
