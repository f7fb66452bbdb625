"""`kubectl kustomize` on trees that have been read and found harmless, within bounds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from grader.load.kustomize import NAMES
from grader.observe.bounded import TooMuch, run, tool

_NOWHERE = "http://127.0.0.1:9"
_OFFLINE = {"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "GIT_TERMINAL_PROMPT": "0"}
"""Nothing that was read leads elsewhere; should kustomize try it all the same, it gets nowhere."""


def render(folder: str, parts: Mapping[str, str]) -> tuple[str, str]:
    """Build one folder of a submission: the YAML, and an empty text or kustomize's complaint.

    Only the files of the trees are there, as plain files in a folder of their own, and kustomize's
    own rule holds that no tree reads above itself but for its bases. Raises MachineError.
    """
    return _render(folder, tuple(sorted(parts.items())))


@lru_cache(maxsize=64)
def _render(folder: str, parts: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The same tree is built once: in a class, many hand in the same one."""
    kubectl = tool("kubectl")
    with tempfile.TemporaryDirectory(prefix="mlk8s-kustomize-") as scratch:
        root = Path(scratch).resolve()
        tree = root / "tree"
        for name, text in parts:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _ask_for_origins(tree / folder)
        try:
            ran = run(kubectl, ["kustomize", f"tree/{folder}"], root, environment=_OFFLINE)
        except TooMuch as error:
            return "", f"the tree asks for too much work: {error}"
        complaint = " ".join(ran.err.split()).replace(f"{tree}/", "").removeprefix("error: ")
        return (ran.out, "") if ran.code == 0 else ("", complaint[:2000] or "kustomize failed")


def _ask_for_origins(folder: Path) -> None:
    """Let kustomize note on each object which file it comes from."""
    path = next(folder / name for name in NAMES if (folder / name).is_file())
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = [*(value.get("buildMetadata") or []), "originAnnotations"]
    value["buildMetadata"] = list(dict.fromkeys(wanted))
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
