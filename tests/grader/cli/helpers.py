"""Running the command line in this process, as the console script does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from grader.cli import consoles
from grader.cli.app import run


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Both streams with line breaks folded, so that tests do not depend on the width."""
        return " ".join((self.out + self.err).split())


def mlk8s(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run one command. A traceback would surface as the exception itself."""
    consoles.out.cache_clear()
    consoles.err.cache_clear()
    capsys.readouterr()
    try:
        code = run(list(arguments))
    finally:
        consoles.out.cache_clear()
        consoles.err.cache_clear()
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)
