"""One file's bytes as text, and its text as documents: YAML, or JSON values in a row."""

from __future__ import annotations

import codecs
import json
import os
import re
from typing import Any

from grader.errors import SubmissionError
from grader.load.compose import Document, compose
from grader.load.limits import MAX_DOCUMENTS, Budget
from grader.model.manifest import Problem

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOVES = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_JSON_SPACE = re.compile(r"[ \t\r\n]*")


def shown(name: str) -> str:
    """A file's name for reports: always encodable, and nothing in it moves a cursor or reverses
    the text around it. Bytes that are not UTF-8 are read as Western European."""
    raw = os.fsencode(name)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return _MOVES.sub("\ufffd", text)


def decode(data: bytes, file: str) -> str:
    """The text of a file, or SubmissionError with the line where it stops being text."""
    if data.startswith(_UTF_16):
        raise SubmissionError(
            "The file is UTF-16 text; Kubernetes reads UTF-8.",
            "Save it again with the encoding UTF-8.",
            f"{file}:1",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if b"\0" in data:
            raise _binary(file, line) from None
        raise SubmissionError(
            "The file is not valid UTF-8 text.",
            "Save it again with the encoding UTF-8.",
            f"{file}:{line}",
        ) from None
    strange = _NOT_TEXT.search(text)
    if strange is not None:
        line = text.count("\n", 0, strange.start()) + 1
        if "\0" in text:
            raise _binary(file, line)
        raise SubmissionError(
            f"The file holds the control character {ord(strange[0])}, which YAML does not allow.",
            "It was probably copied from elsewhere; type the line again.",
            f"{file}:{line}",
        )
    return text


def documents(text: str, file: str, budget: Budget) -> tuple[list[Document], list[Problem]]:
    """What the text holds. As with kubectl, what begins with `{` is tried as JSON first."""
    found: list[Document] = []
    problems: list[Problem] = []
    for part, first_line in parts(text):
        more, wrong = compose(part, file, budget, first_line)
        found += more
        problems += wrong
    return found, problems


def parts(text: str, pair: Any = None) -> list[tuple[str, int]]:
    """The text as YAML, in pieces with the line (from 0) on which each begins.

    JSON that YAML 1.1 cannot read (tabs between values, characters written as two `\\u`) is put
    into words that it can; `pair` says how such a character is to be written.
    """
    ends = _json_ends(text)
    if not ends:
        return [(text, 0)]
    found: list[tuple[str, int]] = []
    for begin, end in ends:
        piece = _PAIR.sub(pair or _as_one, text[begin:end]).replace("\t", " ")
        line = text.count("\n", 0, begin)
        column = begin - (text.rfind("\n", 0, begin) + 1)
        found.append((" " * column + piece, line))
    return found


def _json_ends(text: str) -> list[tuple[int, int]]:
    """Begin and end of each JSON value, or nothing where the text is not all JSON.

    Values beyond those that a submission may hold are not looked for: one too many refuses it.
    """
    position = _after_space(text, 0)
    if text[position : position + 1] not in ("{", "["):
        return []
    decoder = json.JSONDecoder()
    ends: list[tuple[int, int]] = []
    while position < len(text) and len(ends) <= MAX_DOCUMENTS:
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        ends.append((position, end))
        position = _after_space(text, end)
    return ends


def _after_space(text: str, position: int) -> int:
    match = _JSON_SPACE.match(text, position)
    return match.end() if match is not None else position


def _as_one(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return f"\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08X}"


def _binary(file: str, line: int) -> SubmissionError:
    return SubmissionError(
        "The file is binary, not text.",
        "Submit YAML or JSON manifests; unpack an archive first.",
        f"{file}:{line}",
    )
