"""The prose keeps its promises: links lead somewhere, commands and options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from grader.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "labs/*/*.md", "solutions/*/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
CALL = re.compile(r"(?<![\w/])(?:\./)?mlk8s ([a-z][a-z-]*)([^`\n|]*)")
PASSED_ON = {"kubectl", "test"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_local_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    local = [target for target in targets if "://" not in target and target != "mailto:"]
    missing = [target for target in local if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist_with_their_options(page: Path) -> None:
    command = typer.main.get_command(app)
    known = getattr(command, "commands", {})
    text = page.read_text(encoding="utf-8")
    calls = re.findall(r"`[^`]+`|^\s*(?:\./)?mlk8s .*$", text, re.MULTILINE)
    for found in CALL.finditer("\n".join(calls)):
        word, rest = found[1], found[2].split("#")[0]
        if word in PASSED_ON:
            continue
        assert word in known, f"{page.name}: mlk8s {word}"
        options = {option for parameter in known[word].params for option in parameter.opts}
        used = {part for part in shlex.split(rest, posix=False) if part.startswith("--")}
        assert used <= options, f"{page.name}: mlk8s {word} {used - options}"


def test_the_pages_were_found() -> None:
    assert len(PAGES) >= 10
