"""The parts of an nginx configuration: statements, where a server listens, and its locations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Statement = dict[str, Any]
"""One directive as crossplane gives it: `directive`, `args`, `line`, and its `block` if any."""

EVERY_IPV4_ADDRESS = ("", "*", "0.0.0.0")  # noqa: S104  # read, not bound
_LONGEST_PATTERN = 200
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")


@dataclass(frozen=True)
class Listen:
    """One `listen`: the address without port ("" for all), the port, and the other words."""

    address: str
    port: int
    words: tuple[str, ...] = ()

    @property
    def for_pods(self) -> bool:
        """Whether plain HTTP requests to the Pod's IPv4 address arrive here."""
        return self._is_whole and not {"ssl", "quic", "proxy_protocol"} & set(self.words)

    @property
    def is_default(self) -> bool:
        """Whether its server answers whoever asks for a name that no server has."""
        return bool({"default_server", "default"} & set(self.words))

    @property
    def place(self) -> tuple[str, int]:
        """Address and port, the address by one name where several mean the same."""
        return EVERY_IPV4_ADDRESS[-1] if self._is_whole else self.address, self.port

    @property
    def _is_whole(self) -> bool:
        both = self.address == "[::]" and "ipv6only=off" in self.words
        return both or self.address in EVERY_IPV4_ADDRESS


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
            return search(self.pattern, path, self.modifier == "~*") is not None
        return path.startswith(self.pattern)


def listen_of(words: list[str]) -> Listen | None:
    """What the words behind `listen` say; None for a socket in the file system."""
    first, *rest = words
    if first.startswith("unix:"):
        return None
    found = re.fullmatch(r"(?:(?P<address>\[[^\]]*\]|[^:]*):)?(?P<port>\d+)", first)
    if found:
        return Listen(found["address"] or "", int(found["port"]), tuple(rest))
    return Listen(first, 80, tuple(rest))


def locations_in(block: list[Statement]) -> list[Location]:
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


def choose(block: list[Statement], path: str) -> tuple[Location | None, bool]:
    """The location of a block for a path, and whether it was found by "=" or by a pattern, which
    ends the search: patterns further out are not tried any more."""
    fitting = [location for location in locations_in(block) if location.matches(path)]
    if exact := [location for location in fitting if location.modifier == "="]:
        return exact[0], True
    prefixes = [location for location in fitting if location.modifier in ("", "^~")]
    longest = max(prefixes, key=lambda found: len(found.pattern), default=None)
    chosen, final = choose(longest.block, path) if longest else (None, False)
    chosen = chosen or longest
    patterns = [location for location in fitting if location.modifier in ("~", "~*")]
    if final or not patterns or (longest is not None and longest.modifier == "^~"):
        return chosen, final
    return choose(patterns[0].block, path)[0] or patterns[0], True


def search(pattern: str, text: str, ignore_case: bool = False) -> re.Match[str] | None:
    """The first match of a pattern of nginx (PCRE); None also where this one cannot be read here,
    or may cost too much."""
    if len(pattern) > _LONGEST_PATTERN:
        return None
    try:
        found = re.search(
            _NAMED_GROUP.sub("(?P<", pattern), text, re.IGNORECASE if ignore_case else 0
        )
    except re.error:
        return None
    return found
