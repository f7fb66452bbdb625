"""The launcher `./mlk8s`, with a small project in place of ours and without any network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[2] / "mlk8s"
COMMANDS = ("bash", "cksum", "dirname", "readlink", "cat", "mkdir", "mv", "rm", "sleep", "ls")

STUB_UV = """
echo "uv $*" >> "$LOG"
case "$1" in
venv)
  for last; do :; done
  mkdir -p "$last/bin"; touch "$last/pyvenv.cfg"
  printf '#!/bin/sh\\necho "python $*"\\n' > "$last/bin/python"
  printf '#!/bin/sh\\necho "ran: $*"\\n' > "$last/bin/mlk8s"
  chmod 755 "$last/bin/python" "$last/bin/mlk8s" ;;
pip) sleep "${SLOW:-0}"; exit "${UV_CODE:-0}" ;;
esac
"""


class Project:
    def __init__(self, root: Path, tools: Path) -> None:
        self.root, self.tools, self.log = root, tools, root.parent / "log"
        self.log.touch()

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": str(self.tools), "LOG": str(self.log), "HOME": str(self.root), **more}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "mlk8s"), *arguments],
            capture_output=True,
            text=True,
            env=self.environment(**environment),
            check=False,
            timeout=60,
        )

    @property
    def installs(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line.rpartition(" ")[2] for line in lines if line.startswith("uv pip install")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root, tools = tmp_path / "my course", tmp_path / "tools"
    root.mkdir()
    tools.mkdir()
    shutil.copy(LAUNCHER, root / "mlk8s")
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    for name in (*COMMANDS, "touch", "chmod", "printf", "env", "flock"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    uv = tools / "uv"
    uv.write_text("#!/bin/sh" + STUB_UV)
    uv.chmod(0o755)
    return Project(root, tools)


def test_the_first_start_installs_and_the_second_is_silent(project: Project) -> None:
    first = project.run("labs", "a b")
    assert first.returncode == 0
    assert first.stdout == "ran: labs a b\n"
    assert first.stderr.count("\n") == 1
    second = project.run("labs")
    assert (second.stdout, second.stderr) == ("ran: labs\n", "")
    assert project.installs == [str(project.root).split()[-1]]


@pytest.mark.parametrize(
    ("command", "extra"),
    [("notebook", "notebooks"), ("nbgrader", "classroom"), ("test", "dev")],
)
def test_extras_are_added_when_a_command_needs_them(
    project: Project, command: str, extra: str
) -> None:
    project.run("labs")
    for _ in range(2):
        done = project.run(command, "x")
    assert done.stderr == ""
    assert len(project.installs) == 2
    assert project.installs[1].endswith(f"[{extra}]")
    assert done.stdout == ("python -m pytest x\n" if command == "test" else f"ran: {command} x\n")


def test_what_is_installed_with_everything_serves_every_command(project: Project) -> None:
    project.run("test")
    for command in ("labs", "notebook", "nbgrader"):
        assert project.run(command).stderr == ""
    assert len(project.installs) == 1


def test_a_changed_project_is_installed_again(project: Project) -> None:
    project.run()
    (project.root / "pyproject.toml").write_text("[project]\nname = 'y'\n")
    project.run()
    assert len(project.installs) == 2


def test_a_failed_installation_is_said_and_done_again(project: Project) -> None:
    failed = project.run(UV_CODE="1")
    assert failed.returncode == 3
    assert "the installation failed" in failed.stderr
    assert failed.stdout == ""
    assert project.run("x").stdout == "ran: x\n"
    assert len(project.installs) == 2


@pytest.mark.parametrize("with_flock", [True, False])
def test_several_at_once_install_once(project: Project, with_flock: bool) -> None:
    if not with_flock:
        (project.tools / "flock").unlink(missing_ok=True)
    several = [
        subprocess.Popen(
            [str(project.root / "mlk8s"), "x"],
            env=project.environment(SLOW="0.5"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[0] for process in several] == [b"ran: x\n"] * 4
    assert len(project.installs) == 1


@pytest.mark.parametrize("with_flock", [True, False])
def test_a_killed_installation_does_not_block_the_next(project: Project, with_flock: bool) -> None:
    if not with_flock:
        (project.tools / "flock").unlink(missing_ok=True)
    process = subprocess.Popen(
        [str(project.root / "mlk8s"), "x"],
        env=project.environment(SLOW="600"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not project.installs:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert project.run("x").stdout == "ran: x\n"


def test_it_works_through_a_symbolic_link(project: Project) -> None:
    link = project.root.parent / "link"
    link.symlink_to(project.root / "mlk8s")
    done = subprocess.run(
        [str(link), "x"],
        capture_output=True,
        text=True,
        env=project.environment(),
        cwd="/",
        check=False,
    )
    assert done.stdout == "ran: x\n"
    assert (project.root / ".venv").is_dir()


def test_another_environment_can_be_named(project: Project, tmp_path: Path) -> None:
    project.run("x", MLK8S_VENV=str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / "bin" / "mlk8s").exists()
    assert not (project.root / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(project: Project, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("text")
    done = project.run("x", MLK8S_VENV=str(precious))
    assert done.returncode == 3
    assert "is not a Python environment" in done.stderr
    assert [entry.name for entry in precious.iterdir()] == ["thesis.txt"]


def test_without_a_new_enough_python_it_says_so(project: Project) -> None:
    (project.tools / "uv").unlink()
    old = project.tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = project.run("x")
    assert done.returncode == 3
    assert "Python 3.11 or newer is needed" in done.stderr


def test_without_ensurepip_it_names_the_package(project: Project) -> None:
    (project.tools / "uv").unlink()
    python = project.tools / "python3"
    python.write_text(
        '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.11 ;; *) exit 0 ;; esac\n'
    )
    python.chmod(0o755)
    done = project.run("x")
    assert done.returncode == 3
    assert "sudo apt install python3.11-venv" in done.stderr


def test_it_makes_a_real_environment_without_uv(project: Project) -> None:
    (project.tools / "uv").unlink()
    python = project.tools / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    # No network here: that the installer was reached is all that can be seen.
    done = project.run("x", PIP_NO_INDEX="1")
    assert (project.root / ".venv" / "pyvenv.cfg").exists()
    assert "the installation failed" in done.stderr
