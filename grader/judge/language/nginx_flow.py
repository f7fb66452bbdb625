"""What nginx's rewrite module makes of a request, directive by directive, in their order.

`return` ends it with an answer, `rewrite` changes the path, `break` ends it without an answer, and
`if` and `set` work with variables (nginx documentation, ngx_http_rewrite_module). A condition on
something that is not known of the request is taken as one that does not hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from grader.judge.language.nginx_parts import Statement, search

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_ABSENT = ("arg_", "cookie_", "http_")
"""Variables that are empty for a plain request, but for the headers that clients usually send."""
_SENT = ("http_user_agent", "http_accept", "http_accept_encoding", "http_connection")
_REDIRECTS = {"redirect": "302", "permanent": "301"}


@dataclass
class Flow:
    """Where a request stands: its path now, the `return` that answers it, and whether it has left
    its location for another (`moved`) or nothing more is done to it (`ended`)."""

    path: str
    variables: dict[str, str]
    answer: Statement | None = None
    moved: bool = False
    ended: bool = False


def begin(path: str, port: int, host: str) -> Flow:
    """A GET of `path` from `host` at this port, before anything was done to it."""
    known = {
        "request_method": "GET",
        "request_uri": path,
        "host": host,
        "http_host": host,
        "scheme": "http",
        "server_port": str(port),
        **dict.fromkeys(("args", "query_string", "is_args", "https"), ""),
    }
    return Flow(path, known)


def follow(block: list[Statement], flow: Flow) -> Flow:
    """Do what the rewrite directives of a block say, until one of them ends it."""
    for statement in block:
        if flow.ended or flow.answer:
            break
        match statement["directive"]:
            case "return":
                flow.answer = statement
            case "break":
                flow.ended, flow.moved = True, False
            case "set" if (value := _value(statement["args"][1], flow)) is not None:
                flow.variables[statement["args"][0].removeprefix("$")] = value
            case "rewrite":
                _rewrite(statement, flow)
            case "if" if _holds(statement["args"], flow):
                follow(statement["block"], flow)
    return flow


def _rewrite(statement: Statement, flow: Flow) -> None:
    pattern, target, *flags = statement["args"]
    found = search(pattern, flow.path)
    if found is None:
        return
    flag = flags[0] if flags else ""
    written = re.sub(r"\$(\d)", lambda group: _group(found, int(group[1])), target)
    if flag in _REDIRECTS or written.startswith(("http://", "https://", "$scheme")):
        code = _REDIRECTS.get(flag, "302")
        flow.answer = {**statement, "directive": "return", "args": [code, written]}
        return
    flow.path = written.partition("?")[0]
    flow.moved, flow.ended = flag != "break", flag in ("last", "break")


def _group(found: re.Match[str], number: int) -> str:
    return (found[number] or "") if number <= found.re.groups else ""


def _holds(words: list[Any], flow: Flow) -> bool:
    value = _value(str(words[0]), flow)
    if value is None or str(words[0]).startswith("-"):
        return False
    if len(words) == 1:
        return value not in ("", "0")
    how, other = str(words[1]), str(words[2]) if len(words) > 2 else ""
    if how in ("=", "!="):
        right = _value(other, flow)
        return right is not None and (value == right) is (how == "=")
    matches = search(other, value, how.endswith("*")) is not None
    return matches is not how.startswith("!")


def _value(text: str, flow: Flow) -> str | None:
    """A text with its variables filled in; None where one of them is not known."""
    known = {**flow.variables, "uri": flow.path, "document_uri": flow.path}
    parts, at = [], 0
    for found in _VARIABLE.finditer(text):
        name = found[1] or found[2]
        value = known.get(name)
        if value is None and name.startswith(_ABSENT) and name not in _SENT:
            value = ""
        if value is None:
            return None
        parts += [text[at : found.start()], value]
        at = found.end()
    return "".join([*parts, text[at:]])
