"""What a cluster recorded in words, and whether somebody quotes it.

Names that a cluster makes up differ between the learner's cluster and the grader's: hashes of Pods,
uids, addresses, numbers of nodes. A quote is compared without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.model.pods import container_statuses
from grader.model.recording import Change, Object

SHORTEST = 6
"""Characters that a quote must have at least to be one."""

_EXIT_CODE = ("exit code", "exit code:", "exitCode:")
"""As people, `kubectl describe` and YAML write it."""

_MADE_UP = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "*"),
    (re.compile(r"\b([a-z0-9][-a-z0-9]*?)-[a-z0-9]{6,10}-[a-z0-9]{5}(?![a-z0-9])"), r"\1-*"),
    (re.compile(r"\b(\d{1,3}\.){3}\d{1,3}\b"), "*"),
    (re.compile(r"\b\d+/\d+(?= nodes)|\b\d+(?= node\(s\)| Insufficient)", re.IGNORECASE), "*"),
    (re.compile(r"[\"'`]"), ""),
    (re.compile(r"\s*[:=]\s*"), ":"),
    (re.compile(r"\s+"), " "),
)


def plain(text: str) -> str:
    """`text` without what differs between clusters, and without quotation marks."""
    for pattern, replacement in _MADE_UP:
        text = pattern.sub(replacement, text)
    return text.strip(" .").lower()


class Words:
    """Texts that were recorded: messages of events and conditions, states, labels, selectors."""

    def __init__(self, changes: list[Change], what: str) -> None:
        self.what = what
        self.found: dict[str, str] = {}
        for change in changes:
            for text, where in _texts(change.object):
                self.found.setdefault(text, f"{where}, {change.at:.1f} s")

    def quoted(self, quote: object, naming: str, place: str = "") -> Words:
        """`quote` is, or holds, a recorded text; and it says `naming`, a regular expression.

        A part of a text is as good, and so is a whole line of `kubectl describe` around it.
        """
        wanted = re.compile(naming, re.IGNORECASE)
        written = plain(quote) if isinstance(quote, str) else ""
        if len(written) < SHORTEST:
            raise CheckFailed(f"words quoted from {self.what}", show(quote), place)
        told = [(plain(text), text) for text in self.found if wanted.search(text)]
        for bare, text in told:
            if bare in written or (written in bare and wanted.search(str(quote))):
                note(f"quoted: {text}", self.found[text])
                return self
        if any(written in plain(text) for text in self.found):
            expected = "a quote that names the reason"
            raise CheckFailed(expected, f"{show(quote)}, which was recorded but names none", place)
        raise CheckFailed(
            f"words that were recorded in {self.what}, naming the reason", show(quote), place
        )


def _texts(found: Object) -> Iterator[tuple[str, str]]:
    """Every text of an object that says something of its state, with where it stands."""
    about = f"{found['kind']}/{found['metadata']['name']}"
    if found["kind"] == "Event":
        involved = found.get("involvedObject") or {}
        where = f"event {found.get('reason')} of {involved.get('kind')}/{involved.get('name')}"
        yield from ((text, where) for text in _sentences(str(found.get("message") or "")))
        return
    status = found.get("status") or {}
    for condition in status.get("conditions") or []:
        for text in _sentences(str(condition.get("message") or "")):
            yield text, f"condition {condition.get('type')} of {about}"
    for entry in container_statuses(found):
        yield from _states(entry, f"container {entry.get('name')} of {about}")
    spec, metadata = found.get("spec") or {}, found["metadata"]
    if found["kind"] == "Service":
        yield from ((pair, f"selector of {about}") for pair in _pairs(spec.get("selector")))
    yield from ((pair, f"labels of {about}") for pair in _pairs(metadata.get("labels")))


def _states(entry: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    for key in ("state", "lastState"):
        for state in (entry.get(key) or {}).values():
            for text in (state.get("reason"), state.get("message")):
                if text:
                    yield str(text), where
            if state.get("exitCode"):
                code = state["exitCode"]
                yield from ((f"{name} {code}", where) for name in _EXIT_CODE)


def _sentences(message: str) -> Iterator[str]:
    """The message, and each of its sentences where it has several."""
    if message:
        yield message
    parts = re.split(r"(?<=[a-z)])\. ", message)
    if len(parts) > 1:
        yield from (part for part in parts if len(part) >= SHORTEST)


def _pairs(labels: Any) -> Iterator[str]:
    for key, value in (labels or {}).items():
        yield f"{key}={value}"
