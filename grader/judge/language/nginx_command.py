"""Whether a command line starts an nginx that stays, and that reads what its image has it read."""

from __future__ import annotations

import getopt
import posixpath
import re
from collections.abc import Mapping, Sequence

from grader.judge.language.shell import commands

FOLDER, FILE = "/etc/nginx", "nginx.conf"
_PROGRAMS = ("nginx", "nginx-debug")
_OPTIONS = "?hvVtTqs:p:e:c:g:"
"""As `nginx -h` lists them."""
_NO_SERVER = {"-?", "-h", "-v", "-V", "-t", "-T", "-s"}
"""With these nginx answers a question, or speaks to another nginx, and ends."""
_BEFORE = ("exec", "env", "nice", "tini", "dumb-init", "--", "/docker-entrypoint.sh")
_BEFORE_IN_SHELL = ("then", "do", "else", "{", "!")
"""Words behind which a command line may call a program all the same."""
_STAYING = frozenset({"sleep", "tail"})
"""Programs with which people keep a shell from ending."""
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_DAEMON_OFF = re.compile(r"\bdaemon\s+off\s*;")


def serves(line: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether a container with this command line goes on as an nginx that reads its folder.

    Without `daemon off;` nginx goes into the background, and the container ends with its shell,
    unless the shell has something else to do.
    """
    runs = commands(line, variables)
    return any(
        (options := _options(words)) is not None
        and not options.keys() & _NO_SERVER
        and posixpath.join(FOLDER, options.get("-c", FILE)) == f"{FOLDER}/{FILE}"
        and (_DAEMON_OFF.search(options.get("-g", "")) or _stays(runs[place + 1 :]))
        for place, words in enumerate(runs)
    )


def _stays(runs: Sequence[Sequence[str]]) -> bool:
    """Whether one of the commands that follow keeps the shell busy."""
    return any(word.rpartition("/")[2] in _STAYING for words in runs for word in words)


def _options(words: Sequence[str]) -> dict[str, str] | None:
    """The options with which a command calls nginx; None where it does not, or cannot."""
    for place, word in enumerate(words):
        if word.rpartition("/")[2] in _PROGRAMS:
            try:
                options, others = getopt.getopt(list(words[place + 1 :]), _OPTIONS)
            except getopt.GetoptError:
                return None
            return None if others else dict(options)
        if word not in (*_BEFORE, *_BEFORE_IN_SHELL) and not _ASSIGNED.match(word):
            return None
    return None
