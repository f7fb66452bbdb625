"""`mlk8s check` as a whole process on a real control plane, and what may go wrong meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.embedded import EmbeddedProvider
from cluster.embedded.state import Folder
from grader.grading.where import CLUSTER_NAME
from grader.load.labs import course_root, find_lab

pytestmark = pytest.mark.embedded

LAB = find_lab("14")
COMMAND = [sys.executable, "-m", "grader.cli"]
UP = [*COMMAND, "up", "--provider", "embedded"]
CHECK = [*COMMAND, "check", "14", "--submission", str(LAB.solution), "--cluster", "embedded"]
SLOW = [
    *(*COMMAND, "check", "02", "--submission", str(find_lab("02").solution)),
    *("--cluster", "embedded", "--json"),
]
"""Lab 02 takes some seconds, so that there is a middle in which things can happen."""


@pytest.fixture(autouse=True)
def _home(embedded_home: None) -> None:
    """The shared home of the session; the cluster that `check` makes is removed at its end."""


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in err
    return process.returncode, out, err


def start(command: list[str], limit: int | None = None) -> subprocess.Popen[str]:
    def small_files() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=small_files,
    )


def namespaces() -> set[str]:
    config = EmbeddedProvider().kubeconfig(CLUSTER_NAME)
    done = subprocess.run(
        [*COMMAND, "kubectl", "get", "namespaces", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KUBECONFIG": str(config)},
    )
    return set(done.stdout.split())


@contextlib.contextmanager
def in_the_middle(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A check whose namespace exists, so that its scenario is under way."""
    code, _, err = finish(start(UP))
    assert code == 0, err
    before = namespaces()
    process = start(command)
    while process.poll() is None and not namespaces() - before:
        time.sleep(0.05)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_the_reference_passes_and_its_recording_judges_the_same() -> None:
    code, out, err = finish(start([*CHECK, "--json"]))
    assert code == 0, out + err
    result = json.loads(out)
    assert result["score"] == result["provable_max"] > 0
    assert result["cluster"]["simulated"] == ["kubelet"]
    code, out, err = finish(start([*COMMAND, "judge", result["recording"], "--json"]))
    assert code == 0, err
    again = json.loads(out)
    for check in (*result["checks"], *again["checks"]):
        check["seconds"] = 0
    assert again == result


def test_nothing_of_a_run_is_left_behind() -> None:
    finish(start(UP))
    before = namespaces()
    assert finish(start(CHECK))[0] == 0
    assert not namespaces() - before


def test_two_checks_side_by_side() -> None:
    finish(start(UP))
    processes = [start([*CHECK, "--json"]) for _ in range(3)]
    assert [finish(process)[0] for process in processes] == [0, 0, 0]


def test_a_killed_api_server_is_never_a_verdict_and_the_next_check_mends_it() -> None:
    with in_the_middle(SLOW) as process:
        servers = [
            found
            for found in Folder(CLUSTER_NAME).processes()
            if found.argv[0].endswith("kube-apiserver")
        ]
        for server in servers:
            os.kill(server.pid, signal.SIGKILL)
        code, out, err = finish(process)
    assert code == 3, out + err
    if out:  # it broke off after the scenario had begun: then there is a result that says so
        result = json.loads(out)
        assert result["complete"] is False
        statuses = {check["status"] for check in result["checks"] if check["needs"] != "manifests"}
        assert statuses == {"error"}
    assert finish(start(CHECK))[0] == 0


def test_ctrl_c_leaves_nothing_behind() -> None:
    finish(start(UP))
    before = namespaces()
    with in_the_middle(SLOW) as process:
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
    assert code == 130
    assert "nothing was lost" in " ".join(err.split())
    deadline = time.monotonic() + 60
    # Leftovers of an earlier test's killed run may be cleared away meanwhile.
    while namespaces() - before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not namespaces() - before


def test_a_full_disk_is_the_machines_fault() -> None:
    finish(start(UP))
    # More than the cluster's small files need, less than the recording.
    code, out, err = finish(start(CHECK, limit=8192))
    assert code == 3, out + err
    assert "recording could not be written" in err


def test_the_users_kubeconfig_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "config"
    mine.write_text("# mine\n")
    monkeypatch.setenv("KUBECONFIG", str(mine))
    home = Path.home() / ".kube" / "config"
    before = home.read_bytes() if home.exists() else None
    assert finish(start(CHECK))[0] == 0
    assert mine.read_text() == "# mine\n"
    assert (home.read_bytes() if home.exists() else None) == before


@pytest.mark.parametrize(("where", "code"), [("none", 0), ("embedded", 0)])
def test_as_plain_pytest(where: str, code: int) -> None:
    folder = course_root() / "labs" / LAB.id
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(
        [*command, "--submission", str(LAB.solution), "--cluster", where],
        capture_output=True,
        text=True,
        check=False,
        cwd=course_root(),
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_a_context_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(start(UP))
    mine = tmp_path / "config"
    mine.write_bytes(EmbeddedProvider().kubeconfig(CLUSTER_NAME).read_bytes())
    before = mine.read_bytes()
    monkeypatch.setenv("KUBECONFIG", str(mine))
    code, out, err = finish(start([*CHECK, "--json", "--cluster", f"context:{CLUSTER_NAME}"]))
    assert code == 0, out + err
    assert json.loads(out)["cluster"]["provider"] == f"context:{CLUSTER_NAME}"
    assert mine.read_bytes() == before
    code, _, err = finish(start([*CHECK, "--cluster", "context:nowhere"]))
    assert code == 3
    assert "no context 'nowhere'" in err


def test_a_lab_that_changes_nodes_is_not_played_on_anybodys_cluster() -> None:
    submission = str(find_lab("04").solution)
    command = [*COMMAND, "check", "04", "-s", submission, "--cluster", "context:x"]
    code, _, err = finish(start(command))
    assert code == 2
    assert "cluster of its own" in err


def test_up_and_down_for_machines() -> None:
    code, out, err = finish(start([*UP, "--json"]))
    assert code == 0, err
    status = json.loads(out)
    assert (status["running"], status["provider"]) == (True, "embedded")
    down = [*COMMAND, "down", "--provider", "embedded", "--json"]
    assert json.loads(finish(start(down))[1]) == {"removed": True}
    assert json.loads(finish(start(down))[1]) == {"removed": False}


def test_the_tour() -> None:
    code, out, err = finish(start([*COMMAND, "tour", "--provider", "embedded"]))
    assert code == 0, out + err
    assert out.count("FAILED") == 2
    for words in ("files only", "Kubernetes 1.35", "which no Pod carries", "check 14"):
        assert words in " ".join(out.split())
