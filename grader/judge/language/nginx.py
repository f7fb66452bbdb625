"""What an nginx configuration would do, read with crossplane, a real nginx parser.

    config = nginx.parse(configmap.field('data["default.conf"]'))
    config.answers("/ready", port=8000).code

The text is what a file under /etc/nginx/conf.d holds: it stands inside nginx's `http` block. Where
there are several such files, all are given, in the order of their names, as nginx reads them.
Answers given by `return` are followed; files, proxies and conditions are not.
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

Statement = dict[str, Any]

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
_EVERY_IPV4_ADDRESS = ("", "*", "0.0.0.0")  # noqa: S104  # read, not bound
_LONGEST_PATTERN = 200
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


@dataclass(frozen=True)
class Listen:
    """One `listen`: the address without port ("" for all), the port, and the other words."""

    address: str
    port: int
    words: tuple[str, ...] = ()

    @property
    def for_pods(self) -> bool:
        """Whether plain HTTP requests to the Pod's IPv4 address arrive here."""
        whole = self.address in _EVERY_IPV4_ADDRESS
        whole = whole or (self.address == "[::]" and "ipv6only=off" in self.words)
        return whole and not {"ssl", "quic", "proxy_protocol"} & set(self.words)

    @property
    def is_default(self) -> bool:
        """Whether its server answers whoever asks for a name that no server has."""
        return bool({"default_server", "default"} & set(self.words))

    @property
    def place(self) -> tuple[str, int]:
        """Address and port, the address by one name where several mean the same."""
        every = self.address in _EVERY_IPV4_ADDRESS
        return _EVERY_IPV4_ADDRESS[-1] if every else self.address, self.port


@dataclass
class Location:
    """One `location`: its modifier ("", "=", "^~", "~" or "~*"), its pattern and its content."""

    modifier: str
    pattern: str
    block: list[Statement] = field(repr=False)
    line: int = 0

    def matches(self, path: str) -> bool:
        """Whether the location applies to this path at all."""
        if self.modifier == "=":
            return path == self.pattern
        if self.modifier in ("~", "~*"):
            return _searches(self.pattern, path, self.modifier == "~*")
        return path.startswith(self.pattern)


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
        return [found for s in written if (found := _listen(s["args"]))] or [Listen("", 80)]

    @property
    def locations(self) -> list[Location]:
        """Its locations, in order; nested ones apart."""
        return _locations(self.block)

    def location_of(self, path: str) -> Location | None:
        """The location that nginx chooses for a path.

        An exact one; else the longest prefix if it says ^~; else the first regular expression that
        matches; else the longest prefix (nginx documentation, directive `location`). A location
        that is chosen may hold others, among which nginx looks on.
        """
        return _choose(self.block, path)[0]


class NginxConfig:
    """A parsed configuration: the statements of each text, with its place in the submission."""

    def __init__(self, texts: list[tuple[list[Statement], str]]) -> None:
        self.block = [statement for block, _ in texts for statement in block]
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
        if direct := _return_in(server.block):
            return self._answer(direct, server.block, server)
        location = server.location_of(path)
        if location is None:
            seen = ", ".join(f"{x.modifier} {x.pattern}".strip() for x in server.locations)
            raise CheckFailed(
                f"a location for {path}", seen or "no location", server.place(server.line)
            )
        found = _return_in(location.block)
        if found is None:
            raise CheckFailed(
                f"location {path} to answer with return",
                "no return in it",
                server.place(location.line),
            )
        return self._answer(found, location.block, server)

    def _answer(self, statement: Statement, block: list[Statement], server: Server) -> Answer:
        code, *rest = statement["args"]
        if not code.isdigit():
            code, rest = "302", [code]
        body = "" if code in _REDIRECTS else " ".join(rest)
        text = re.sub(r"\\([trn\\\"'])", lambda found: _ESCAPES.get(found[1], found[1]), body)
        kinds = [
            inner["args"][0]
            for scope in (block, server.block, self.block)
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
    config = NginxConfig([(_read(one), one.where) for one in texts])
    if second := _second_default(config.servers):
        server, error = second
        _refuse(next(one for one in texts if one.where == server.where), error, server.line)
    note(f"{', '.join(one.name for one in texts)} is an nginx configuration", text.where)
    return config


def _second_default(servers: list[Server]) -> tuple[Server, str] | None:
    """A server that wants to be the default where another is, and nginx's words for it."""
    seen: set[tuple[str, int]] = set()
    for server in servers:
        for listen in server.listens:
            if listen.is_default:
                if listen.place in seen:
                    address, port = listen.place
                    return server, f"a duplicate default server for {address}:{port}"
                seen.add(listen.place)
    return None


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
    for statement in block:
        if statement["directive"] == "server" and (repeated := _twice(statement["block"])):
            _refuse(text, *repeated)
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


def _locations(block: list[Statement]) -> list[Location]:
    """The locations that stand directly in a block, in order."""
    found = []
    for statement in block:
        if statement["directive"] == "location":
            *modifier, pattern = statement["args"]
            word = modifier[0] if modifier else ""
            if not modifier and (split := re.match(r"(\^~|~\*|~|=)(.+)", pattern)):
                word, pattern = split.groups()
            found.append(Location(word, pattern, statement["block"], statement["line"]))
    return found


def _choose(block: list[Statement], path: str) -> tuple[Location | None, bool]:
    """The location of a block for a path, and whether it was found by "=" or by a pattern, which
    ends the search: patterns further out are not tried any more."""
    fitting = [location for location in _locations(block) if location.matches(path)]
    if exact := [location for location in fitting if location.modifier == "="]:
        return exact[0], True
    prefixes = [location for location in fitting if location.modifier in ("", "^~")]
    longest = max(prefixes, key=lambda found: len(found.pattern), default=None)
    chosen, final = _choose(longest.block, path) if longest else (None, False)
    chosen = chosen or longest
    patterns = [location for location in fitting if location.modifier in ("~", "~*")]
    if final or not patterns or (longest is not None and longest.modifier == "^~"):
        return chosen, final
    return _choose(patterns[0].block, path)[0] or patterns[0], True


def _twice(block: list[Statement]) -> tuple[str, int] | None:
    """What stands twice in a server though nginx takes it once only, in nginx's words, and the
    line. Patterns may repeat, and "= /x" stands beside "/x"; "/x" and "^~ /x" are the same."""
    seen: set[object] = set()
    for statement in block:
        if statement["directive"] == "listen" and (listen := _listen(statement["args"])):
            address, port = listen.place
            words = f"a duplicate listen {address}:{port}"
            if listen.place in seen:
                return words, statement["line"]
            seen.add(listen.place)
    for location in _locations(block):
        if location.modifier not in ("~", "~*"):
            name = (location.modifier == "=", location.pattern)
            if name in seen:
                return f'duplicate location "{location.pattern}"', location.line
            seen.add(name)
        if nested := _twice(location.block):
            return nested
    return None


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
            elif name.startswith("~") and _searches(name[1:], host, ignore_case=True):
                found.append((3, 0, server))
    return [server for *_, server in sorted(found, key=lambda entry: entry[:2])]


def _return_in(block: list[Statement]) -> Statement | None:
    return next((statement for statement in block if statement["directive"] == "return"), None)


def _listen(words: list[str]) -> Listen | None:
    first, *rest = words
    if first.startswith("unix:"):
        return None
    found = re.fullmatch(r"(?:(?P<address>\[[^\]]*\]|[^:]*):)?(?P<port>\d+)", first)
    if found:
        return Listen(found["address"] or "", int(found["port"]), tuple(rest))
    return Listen(first, 80, tuple(rest))


def _searches(pattern: str, path: str, ignore_case: bool) -> bool:
    if len(pattern) > _LONGEST_PATTERN:
        return False
    try:
        return re.search(pattern, path, re.IGNORECASE if ignore_case else 0) is not None
    except re.error:
        return False
