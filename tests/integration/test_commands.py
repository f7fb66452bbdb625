"""The commands that README and the labs show, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.embedded import EmbeddedProvider
from grader.grading.where import CLUSTER_NAME
from grader.load.labs import course_root, find_lab, lab_ids

LAB = find_lab("14")
ELSEWHERE = ("./mlk8s tour", "./mlk8s test", "./mlk8s notebook", "./mlk8s quiz")
"""Lines of the README that other tests run: tests/commands.yaml names them."""
ROOT = course_root()


class Shell:
    """Runs lines of a page in a folder of its own, as a learner would in the course's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, line: str, code: int = 0) -> str:
        words = shlex.split(line)
        assert words[0] == "./mlk8s", line
        words = [w for word in words for w in self._globbed(word)]
        done = subprocess.run(
            [sys.executable, "-m", "grader.cli", *words[1:]],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _globbed(self, word: str) -> list[str]:
        if "*" not in word:
            return [word]
        return [str(path) for path in sorted(self.folder.glob(word))] or [word]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def cluster(embedded_home: None) -> Iterator[None]:
    """The shared cluster's home; what the commands bring up is removed."""
    yield
    EmbeddedProvider().delete(CLUSTER_NAME)


def shown(page: Path) -> list[str]:
    """The lines of a page's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [found for line in lines if (found := re.sub(r"\s+#.*", "", line).strip())]


@pytest.mark.parametrize("lab_id", lab_ids())
def test_every_lab_is_begun_and_read(lab_id: str, shell: Shell) -> None:
    """`start` and the check of the files; what `check` plays is proven by tests/course."""
    number = lab_id[:2]
    page = shown(ROOT / "labs" / lab_id / "README.md")
    assert f"./mlk8s start {number}" in page
    assert f"./mlk8s check {number} --cluster none" in page
    assert f"./mlk8s check {number}" in page
    shell(f"./mlk8s start {number}")
    said = shell(f"./mlk8s check {number} --cluster none", code=1)
    assert "points" in said


@pytest.mark.embedded
def test_the_readme(shell: Shell, cluster: None) -> None:
    """In the README's own order, with the solution where it says that you have worked."""
    page = shown(ROOT / "README.md")
    shell("./mlk8s up --provider embedded")
    for line in page:
        if line in ELSEWHERE:
            continue
        if line.startswith("./mlk8s check 14"):
            shutil.copytree(LAB.solution, shell.folder / "work" / LAB.id, dirs_exist_ok=True)
        if line == "./mlk8s check 14 --live":
            shell(f"./mlk8s kubectl apply -f work/{LAB.id}")
            shell("./mlk8s kubectl -n ml-k8s-lab rollout status deployment/mock-inference")
        if line.startswith("./mlk8s class"):
            shutil.copytree(LAB.solution, shell.folder / "handed-in" / "ada")
        # What is live has not been cleaned up yet, which the check says: no more than that.
        code = 1 if line.endswith("--live") else 0
        shell(line, code)
    shell("./mlk8s kubectl delete namespace ml-k8s-lab")


@pytest.mark.embedded
def test_kubectl_of_lab_14(shell: Shell, cluster: None) -> None:
    """The request goes no further than its Pod's manifest: only a real server could answer."""
    shutil.copytree(LAB.solution, shell.folder / "work" / LAB.id)
    shell("./mlk8s up --provider embedded")
    lines = [line for line in shown(LAB.readme) if line.startswith("./mlk8s kubectl")]
    assert len(lines) >= 6
    for line in lines:
        if " run ask " not in line:
            shell(line)
            continue
        asked = json.loads(shell(line.replace(" --rm -i ", " --dry-run=client -o json ")))
        command = shlex.split(line.partition(" -- ")[2])
        assert asked["spec"]["containers"][0]["args"] == command
