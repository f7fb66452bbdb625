"""What nginx refuses though each directive is one that it knows: words and repetitions.

The sentences are nginx's own. Where it looks on what the image's nginx.conf says before it includes
the files of conf.d, that of the official image is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from grader.judge.language.nginx_parts import Listen, Statement, listen_of, locations_in

Fault = tuple[str, int]
"""What nginx says, and the line."""

_SET_BY_THE_IMAGE = ("default_type", "sendfile", "keepalive_timeout")
"""What the http block of the official image's nginx.conf sets itself, so that no file may again."""
_ONCE = frozenset(
    {
        *("absolute_redirect", "alias", "autoindex", "charset", "client_body_timeout"),
        *("client_header_timeout", "client_max_body_size", "default_type", "etag"),
        *("expires", "gzip", "http2", "keepalive_requests", "keepalive_timeout"),
        *("log_not_found", "merge_slashes", "port_in_redirect", "proxy_http_version"),
        *("proxy_pass", "resolver", "root", "send_timeout", "sendfile"),
        *("server_name_in_redirect", "server_tokens", "tcp_nodelay", "tcp_nopush"),
        *("try_files", "underscores_in_headers"),
    }
)
"""Common directives that a block may hold once; `access_log`, `add_header` and more may repeat."""
_LISTEN_WORD = re.compile(
    r"default_server|default|bind|deferred|reuseport|ssl|http2|quic|spdy|proxy_protocol"
    r"|ipv6only=(on|off)|so_keepalive=\S+|accept_filter=\S+|(setfib|fastopen|backlog)=-?\d+"
    r"|(rcvbuf|sndbuf)=\d+[kKmM]?"
)


def in_file(block: list[Statement]) -> Fault | None:
    """The first fault within the servers of one file."""
    for statement in block:
        if statement["directive"] == "server":
            fault = next(chain(_words(statement["block"]), _twice(statement["block"])), None)
            if fault:
                return fault
    return None


def at_the_top(block: list[Statement], seen: set[str]) -> Fault | None:
    """What a file sets in the http block that was set there before; `seen` is brought on."""
    return next(_repeated(block, seen), None)


def before_any_file() -> set[str]:
    """What the http block holds before the first file is included."""
    return set(_SET_BY_THE_IMAGE)


def second_default(listens: list[Listen], seen: set[tuple[str, int]]) -> str:
    """What nginx says if one of these wants to be the default where another is; else empty."""
    for listen in listens:
        if listen.is_default:
            if listen.place in seen:
                address, port = listen.place
                return f"a duplicate default server for {address}:{port}"
            seen.add(listen.place)
    return ""


def _words(block: list[Statement]) -> Iterator[Fault]:
    for statement in block:
        if statement["directive"] == "listen":
            for word in statement["args"][1:]:
                if not _LISTEN_WORD.fullmatch(word):
                    yield f'invalid parameter "{word}"', statement["line"]


def _twice(block: list[Statement]) -> Iterator[Fault]:
    """What stands twice in a server though nginx takes it once only. Patterns may repeat, and
    "= /x" stands beside "/x"; "/x" and "^~ /x" are the same."""
    seen: set[object] = set()
    yield from _repeated(block, set())
    for statement in block:
        if statement["directive"] == "listen" and (listen := listen_of(statement["args"])):
            address, port = listen.place
            if listen.place in seen:
                yield f"a duplicate listen {address}:{port}", statement["line"]
            seen.add(listen.place)
    for location in locations_in(block):
        if location.modifier not in ("~", "~*"):
            name = (location.modifier == "=", location.pattern)
            if name in seen:
                yield f'duplicate location "{location.pattern}"', location.line
            seen.add(name)
        yield from _twice(location.block)


def _repeated(block: list[Statement], seen: set[str]) -> Iterator[Fault]:
    for statement in block:
        name = statement["directive"]
        if name in _ONCE:
            if name in seen:
                yield f'"{name}" directive is duplicate', statement["line"]
            seen.add(name)
