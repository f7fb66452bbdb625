"""Spelling, anchors and addresses in all prose, and a test for each command that it shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = (
    "*.md",
    "docs/*.md",
    "labs/*.md",
    "labs/*/*.md",
    "solutions/*/*.md",
    "notebooks/*.ipynb",
)
PAGES = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
SPELT = ("*.md", "docs", "labs", "solutions", "notebooks", "quiz/gpu-job", "grader", "cluster")
KNOWN = "notin,trough"
"""Words that codespell takes for mistakes: an operator of Kubernetes, and where traffic is low."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The Markdown of a page or of a notebook's cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """The headings' anchors as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.M):
        words = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
        found.add(words.strip().replace(" ", "-"))
    return found


def commands() -> Iterator[tuple[str, str]]:
    """Each line of a console block, without its comment, and the page that shows it."""
    for path in PAGES:
        for block in re.findall(r"```console\n(.*?)```", prose(path), re.DOTALL):
            for line in block.splitlines():
                shown = re.sub(r"\s+#.*", "", line).strip()
                if shown:
                    yield shown, name(path)


def test_spelling() -> None:
    files = [str(path) for pattern in SPELT for path in ROOT.glob(pattern)]
    arguments = [
        "--quiet-level=3",
        f"--ignore-words-list={KNOWN}",
        "--skip=*.sum,*.lock,sealed.json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *arguments, *files], capture_output=True, text=True
    )
    assert not done.stdout, done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links(page: Path) -> None:
    """Files and anchors exist; addresses elsewhere are well formed, as no network is used here."""
    for target in LINK.findall(without_code(prose(page))):
        if "://" in target:
            parts = urlsplit(target)
            assert parts.scheme == "https", target
            assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), target
            assert not re.search(r"[.,;:]$", parts.path), target
            continue
        file, _, anchor = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), target
        if anchor and there.suffix in (".md", ".ipynb"):
            assert anchor in anchors(prose(there)), target


def test_every_command_that_is_shown_is_run_by_a_test() -> None:
    rules = yaml.safe_load((ROOT / "tests" / "commands.yaml").read_text(encoding="utf-8"))
    used = set()
    for command, page in commands():
        rule = next((r for r in rules if re.fullmatch(r["pattern"], command)), None)
        assert rule is not None, f"{page}: no test is known for: {command}"
        used.add(rule["pattern"])
    assert used == {rule["pattern"] for rule in rules}, "a rule is for a line that nobody shows"
    for rule in rules:
        assert ("test" in rule) != ("not_run" in rule), rule
        file, _, function = rule.get("test", "").partition("::")
        if file:
            text = (ROOT / file).read_text(encoding="utf-8")
            assert f"def {function}" in text, rule
