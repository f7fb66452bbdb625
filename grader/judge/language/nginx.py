"""What an nginx configuration would do, read with crossplane, a real nginx parser.

    config = nginx.parse(configmap.field('data["default.conf"]'))
    config.answers("/ready", port=8000).code

The text is what a file under /etc/nginx/conf.d holds: it stands inside nginx's `http` block. Where
there are several such files, all are given, in the order of their names, as nginx reads them.
Answers given by `return` are followed; files and proxies are not.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crossplane
from crossplane.analyzer import DIRECTIVES

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.judge.language.fields import Field
from grader.judge.language.nginx_faults import (
    at_the_top,
    before_any_file,
    in_file,
    second_default,
)
from grader.judge.language.nginx_flow import begin, follow
from grader.judge.language.nginx_parts import (
    Listen,
    Location,
    Statement,
    choose,
    listen_of,
    locations_in,
    search,
)

# Directives younger than crossplane's list.
_YOUNGER = frozenset(
    {
        "early_hints",
        "http2",
        "http3",
        "keepalive_min_timeout",
        "keepalive_time",
        "proxy_cookie_flags",
        "quic_gso",
        "quic_retry",
        "ssl_conf_command",
        "ssl_reject_handshake",
    }
)
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_CYCLES = 10
"""So often nginx looks for a location again after a rewrite."""
_POD = "10.244.1.7"
"""What a probe writes into its Host header: the Pod's address, whichever that is."""
_REDIRECTS = ("301", "302", "303", "307", "308")


@dataclass(frozen=True)
class Answer:
    """What a location returns. `content_type` is None where nginx's own default holds."""

    code: int
    body: str
    content_type: str | None
    where: str


@dataclass
class Server:
    """One `server` block."""

    block: list[Statement] = field(repr=False)
    line: int = 0
    where: str = ""

    @property
    def names(self) -> list[str]:
        """What it is called; the empty name where nothing is written."""
        written = [s["args"] for s in self.block if s["directive"] == "server_name"]
        return [name for args in written for name in args] or [""]

    def place(self, line: int) -> str:
        """A line of the text that the server stands in."""
        return f"{self.where} (line {line} of the configuration)"

    @property
    def listens(self) -> list[Listen]:
        """Where it listens; port 80 on all addresses where nothing is written."""
        written = [statement for statement in self.block if statement["directive"] == "listen"]
        return [found for s in written if (found := listen_of(s["args"]))] or [Listen("", 80)]

    @property
    def locations(self) -> list[Location]:
        """Its locations, in order; nested ones apart."""
        return locations_in(self.block)

    def location_of(self, path: str) -> Location | None:
        """The location that nginx chooses for a path.

        An exact one; else the longest prefix if it says ^~; else the first regular expression that
        matches; else the longest prefix (nginx documentation, directive `location`). A location
        that is chosen may hold others, among which nginx looks on.
        """
        return choose(self.block, path)[0]


class NginxConfig:
    """A parsed configuration: the statements of each text, with its place in the submission."""

    def __init__(self, texts: list[tuple[list[Statement], str]]) -> None:
        self.where = texts[0][1]
        self.servers = [
            Server(statement["block"], statement["line"], where)
            for block, where in texts
            for statement in block
            if statement["directive"] == "server"
        ]

    def server_on(self, port: int, host: str = _POD) -> Server:
        """The server that answers for this port at the Pod's address; fails where there is none.

        Of several, the one that is called like `host`, which is who the client says that it asks;
        else the one marked as the default, else the first.
        """
        fitting: list[tuple[Server, Listen]] = [
            (server, listen)
            for server in self.servers
            for listen in server.listens
            if listen.port == port and listen.for_pods
        ]
        marked = [server for server, listen in fitting if listen.is_default]
        every = [server for server, _ in fitting]
        chosen = [*_called(every, host), *marked, *every]
        if not chosen:
            raise CheckFailed(f"nginx to listen on port {port}", self._ports(), self.where)
        note(f"nginx listens on port {port}", chosen[0].place(chosen[0].line))
        return chosen[0]

    def answers(self, path: str, port: int, host: str = _POD) -> Answer:
        """What a GET of `path` gets; fails where no `return` answers it.

        `host` is the name that the client asks for; a probe asks for the Pod's address.
        """
        server = self.server_on(port, host)
        flow = follow(server.block, begin(path, port, host))
        if flow.answer:
            return self._answer(flow.answer, server.block, server)
        for _ in range(_CYCLES):
            flow.moved = flow.ended = False
            location = server.location_of(flow.path)
            if location is None:
                seen = ", ".join(f"{x.modifier} {x.pattern}".strip() for x in server.locations)
                raise CheckFailed(
                    f"a location for {flow.path}", seen or "no location", server.place(server.line)
                )
            follow(location.block, flow)
            if flow.answer:
                return self._answer(flow.answer, location.block, server)
            if not flow.moved:
                raise CheckFailed(
                    f"location {flow.path} to answer with return",
                    "no return that is reached in it",
                    server.place(location.line),
                )
        raise CheckFailed(f"{path} to be answered", "rewritten for ever", server.place(server.line))

    def _answer(self, statement: Statement, block: list[Statement], server: Server) -> Answer:
        code, *rest = statement["args"]
        if not code.isdigit():
            code, rest = "302", [code]
        body = "" if code in _REDIRECTS else " ".join(rest)
        text = re.sub(r"\\([trn\\\"'])", lambda found: _ESCAPES.get(found[1], found[1]), body)
        kinds = [
            inner["args"][0]
            for scope in (block, server.block)
            for inner in scope
            if inner["directive"] == "default_type"
        ]
        where = server.place(statement["line"])
        return Answer(int(code), text, kinds[0] if kinds else None, where)

    def _ports(self) -> str:
        if not self.servers:
            return "no server block"
        seen = [
            f"{x.address}:{x.port}" if x.address else str(x.port)
            for server in self.servers
            for x in server.listens
        ]
        return "listen " + ", ".join(seen)


def parse(text: Field, *more: Field) -> NginxConfig:
    """Read the configuration in a field; fails with nginx's own objection and its line.

    The field is, for example, `configmap.field('data["default.conf"]')`. Where nginx reads several
    files, they are given in the order of their names.
    """
    texts = (text, *more)
    read = [(_read(one), one.where) for one in texts]
    seen, defaults = before_any_file(), set[tuple[str, int]]()
    for one, (block, _) in zip(texts, read, strict=True):
        if fault := at_the_top(block, seen):
            _refuse(one, *fault)
    config = NginxConfig(read)
    for server in config.servers:
        if error := second_default(server.listens, defaults):
            _refuse(next(one for one in texts if one.where == server.where), error, server.line)
    note(f"{', '.join(one.name for one in texts)} is an nginx configuration", text.where)
    return config


def _read(text: Field) -> list[Statement]:
    """The statements of one file."""
    if not isinstance(text.value, str) or not text.value.strip():
        raise CheckFailed(
            f"{text.name} to hold an nginx configuration", show(text.value), text.where
        )
    payload = _crossplane(text.value)
    if payload["errors"]:
        _refuse(text, payload["errors"][0]["error"], payload["errors"][0]["line"])
    top = payload["config"][0]["parsed"]
    if len(top) != 1 or top[0]["directive"] != "http":
        _refuse(text, 'unexpected "}"', None)
    block: list[Statement] = top[0]["block"]
    for statement in (*block, *_inside_servers(block)):
        if statement["directive"] not in DIRECTIVES and statement["directive"] not in _YOUNGER:
            _refuse(text, f'unknown directive "{statement["directive"]}"', statement["line"])
    if fault := in_file(block):
        _refuse(text, *fault)
    return block


def _crossplane(text: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mlk8s-nginx-") as folder:
        file = Path(folder) / "nginx.conf"
        # On the first line, so that line numbers stay those of the text.
        file.write_text(f"http {{ {text}\n}}\n", encoding="utf-8")
        # single: an `include` in the text must never make this machine's files readable.
        return dict(crossplane.parse(str(file), single=True, comments=False))


def _refuse(text: Field, error: str, line: int | None) -> None:
    reason = re.sub(r" in \S+nginx\.conf(:\d+)?$", "", error)
    place = f" in line {line}" if line else ""
    raise CheckFailed(
        f"{text.name} to be a configuration that nginx can read", f"{reason}{place}", text.where
    )


def _inside_servers(block: list[Statement]) -> Iterator[Statement]:
    for statement in block:
        if statement["directive"] in ("server", "location", "if", "limit_except"):
            yield from statement.get("block", [])
            yield from _inside_servers(statement.get("block", []))


def _called(servers: list[Server], host: str) -> list[Server]:
    """Servers that nginx chooses by the name that is asked for, the best first.

    An exact name, else the longest with a star before it, else the longest with one behind it, else
    the first pattern (nginx documentation, "Server names").
    """
    found: list[tuple[int, int, Server]] = []
    for server in servers:
        for name in (written.lower() for written in server.names):
            end = name.removeprefix("*")
            if name and host in (name, name.removeprefix(".")):
                found.append((0, 0, server))
            elif end.startswith(".") and host.endswith(end):
                found.append((1, -len(end), server))
            elif name.endswith(".*") and host.startswith(name[:-1]):
                found.append((2, -len(name), server))
            elif name.startswith("~") and search(name[1:], host, ignore_case=True):
                found.append((3, 0, server))
    return [server for *_, server in sorted(found, key=lambda entry: entry[:2])]
