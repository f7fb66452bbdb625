"""The installed pytest plugin: `pytest labs/14-local-inference-mock --submission DIR`.

Kept apart from the judge, because making the case from options needs the layers above it. Imports
nothing but pytest until a lab is collected, as it is loaded by every pytest in the environment.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("mlk8s", "grade a lab's submission")
    group.addoption("--submission", metavar="PATH", help="folder or file with the manifests")
    group.addoption(
        "--cluster",
        metavar="WHERE",
        default="none",
        help="where to play the lab: none (files only, the default), auto, embedded or kind",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    """Prepare the judge when the first check file of a lab is met."""
    folder = file_path.parent
    if not file_path.name.startswith("test_") or not (folder / "lab.yaml").is_file():
        return
    from grader.judge import plugin

    config = parent.config
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin)
    if plugin.judge_at(config, folder) is None:
        plugin.set_judge(config, folder, _judge(config, folder))


def _judge(config: pytest.Config, folder: Path) -> object:
    from grader.errors import GraderError
    from grader.grading.grade import Options, load, play
    from grader.judge.case import Case
    from grader.judge.plugin import CaseRef, JudgePlugin
    from grader.load.labs import read_lab

    given = config.getoption("submission")
    if not given:
        raise pytest.UsageError("say what to grade: --submission PATH")
    try:
        lab = read_lab(folder)
        submission = load(lab, Path(given))
        case = Case(submission.name, submission)
        where = config.getoption("cluster")
        if where != "none":
            case.recording = play(lab, submission, Options(where=where))
    except GraderError as error:
        raise pytest.UsageError(error.message) from error
    return JudgePlugin(lab.id, [CaseRef(case.id, lambda: case)])
