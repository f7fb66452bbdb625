"""Replaces the values of Secrets in a file's text, so that no recording ever holds one.

A value becomes `hmac-sha256:` and 16 hexadecimal digits, keyed with a random key that is forgotten
after the load: equal values of one load have equal hashes, and nothing can be found out by trying.
A value that is wrong as it stands keeps the fact: `…:not-text` (a number, say), or `…:not-base64`
under `data`. Lines stay where they are.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from typing import Any

import yaml

from grader.load.text import parts

PREFIX = "hmac-sha256:"
NOT_TEXT = ":not-text"
NOT_BASE64 = ":not-base64"

_HASH = re.compile(r"hmac-sha256:[0-9a-f]{16}")
_WHOLE = re.compile(rf"{_HASH.pattern}(?:{NOT_TEXT}|{NOT_BASE64})?")
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_ANCHOR = re.compile(r"(?:!\S*\s+)*(&\S+)\s")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def is_hash(value: object) -> bool:
    """Whether a Secret's value is one of this module's hashes."""
    return isinstance(value, str) and _WHOLE.fullmatch(value) is not None


def without_hashes(text: str) -> str:
    """The text with each hash replaced by the same word: what stays equal from load to load."""
    return _HASH.sub(PREFIX, text) if PREFIX in text else text


def is_base64(text: str) -> bool:
    """Whether the API server can read this as a value under `data`."""
    import base64
    import binascii

    try:
        base64.b64decode(_BREAK.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


class Redactor:
    """Redacts the files of one submission with one key."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def redact(self, text: str) -> str:
        """The text without the values of any Secret in it. The text must have been composed."""
        if "secret" not in text.lower() and "stringData" not in text:
            return text
        spans: dict[int, tuple[int, str]] = {}
        lines = _line_starts(text)
        for part, first_line in parts(text, lambda _: "x" * 12):
            offset = lines[first_line]
            for node, where in _secret_scalars(part):
                begin, end = node.start_mark.index + offset, node.end_mark.index + offset
                spans[begin] = (end, self._replacement(node, where, text[begin:end]))
        pieces: list[str] = []
        position = 0
        for begin, (end, replacement) in sorted(spans.items()):
            pieces += (text[position:begin], replacement)
            position = end
        return "".join((*pieces, text[position:]))

    def _replacement(self, node: Any, where: str, raw: str) -> str:
        """The hash in quotes, with the anchor and the line breaks of what it replaces."""
        value = str(node.value)
        if is_hash(value):
            return raw
        mac = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        mark = ""
        if not node.tag.endswith(":str"):
            mark = NOT_TEXT
        elif where == "data" and not is_base64(value):
            mark = NOT_BASE64
        anchor = _ANCHOR.match(raw)
        kept = f"{anchor[1]} " if anchor is not None else ""
        breaks = "".join(_BREAK.findall(raw))
        return f'{kept}"{PREFIX}{mac.hexdigest()[:16]}{mark}"{breaks}'


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _secret_scalars(text: str) -> Iterator[tuple[Any, str]]:
    """Each scalar node that holds a value of a Secret, with the field it is under."""
    for root in yaml.compose_all(text, _loader()):
        if root is not None:
            yield from _secrets_in(root, set())


def _loader() -> Any:
    from grader.load.scalars import NotInJson, resolve

    base: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

    class Loader(base):  # type: ignore[misc]
        """Composes nodes, and tells text from other scalars as kubectl does."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
            if kind is not yaml.ScalarNode or not implicit[0]:
                return "tag:yaml.org,2002:str"
            try:
                return f"tag:yaml.org,2002:{type(resolve(value)).__name__}"
            except NotInJson:
                return "tag:yaml.org,2002:float"

    return Loader


def _secrets_in(node: Any, seen: set[int]) -> Iterator[tuple[Any, str]]:
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _secrets_in(item, seen)
        return
    fields = list(_fields(node))
    kinds = [value.value for key, value in fields if key == "kind" and _is_scalar(value)]
    is_secret = any(str(kind).strip().lower().startswith("secret") for kind in kinds)
    for key, value in fields:
        if key == "stringData" or (is_secret and key == "data"):
            for scalar in _scalars(value, set()):
                yield scalar, key
        elif is_secret and key == "metadata":
            yield from ((scalar, "metadata") for scalar in _last_applied(value))
        if key in ("items", "<<"):
            yield from _secrets_in(value, seen)
            if is_secret and isinstance(value, yaml.SequenceNode):
                for item in value.value:
                    yield from _data_of(item)


def _data_of(item: Any) -> Iterator[tuple[Any, str]]:
    """An item of a SecretList need not say its kind."""
    if isinstance(item, yaml.MappingNode):
        for key, value in _fields(item):
            if key == "data":
                yield from ((scalar, key) for scalar in _scalars(value, set()))


def _last_applied(metadata: Any) -> Iterator[Any]:
    """kubectl's own note of what was applied repeats the whole Secret."""
    if isinstance(metadata, yaml.MappingNode):
        for key, value in _fields(metadata):
            if key == "annotations" and isinstance(value, yaml.MappingNode):
                for name, text in _fields(value):
                    if name == _LAST_APPLIED:
                        yield from _scalars(text, set())


def _fields(node: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a mapping node, those merged in with `<<` among them."""
    for key, value in node.value:
        if not _is_scalar(key):
            continue
        yield str(key.value), value
        if key.value == "<<":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                if isinstance(source, yaml.MappingNode):
                    yield from _fields(source)


def _scalars(node: Any, seen: set[int]) -> Iterator[Any]:
    """The scalars below a node that hold something."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if _is_scalar(node):
        if node.value != "":
            yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, seen)
    else:
        for _, value in node.value:
            yield from _scalars(value, seen)


def _is_scalar(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode)
