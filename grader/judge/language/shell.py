"""What kubelet and shell make of a command line, as far as that can be known without running it.

Quotes, comments, assignments, here-documents, parameter expansion and simple arithmetic (POSIX
Shell Command Language, 2.2, 2.3, 2.6.2, 2.6.4 and 2.7.4) are followed; programs are not run. So
`$(hostname)` stays as it is written, and so do expansions that only some shells know.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
_END_OF_COMMAND, _END_OF_WORD = ";&|()\n", " \t<>;&|()\n"
_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})
_BEFORE_ASSIGNMENT = _DECLARING | {"{", "!", "then", "do", "else", "if", "while", "until", "exec"}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)
_REFERENCE = re.compile(r"\$(?:\$|\(([^()\s]+)\))")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*]", re.ASCII)
_HERE = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([^\s<>;&|()'\"]+))")
_ARITHMETIC = re.compile(r"\s*(-?\d+)\s*(?:([-+*])\s*(-?\d+)\s*)?")
_BRACED = re.compile(r"([A-Za-z_]\w*|[0-9]+|[@*])(?:(:?[-=?+]|##?|%%?)(.*))?", re.ASCII | re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` as the kubelet expands it: what is not known stays as it is, `$$` is a dollar."""
    return _REFERENCE.sub(
        lambda found: variables.get(found[1], found[0]) if found[1] else "$", text
    )


def commands(line: Sequence[str], variables: Mapping[str, str]) -> list[list[str]]:
    """The commands, each with its words, that the command line of a container comes down to.

    Where it starts a shell with a script (`sh -c "…"`), they are those of the script, whose
    variables are `variables`; else the line itself is the only one.
    """
    for place, word in enumerate(line):
        if word.rpartition("/")[2] in _SHELLS:
            script = _script(line[place + 1 :])
            if script is not None:
                return _Script(script[0], variables, script[1:]).commands()
    return [list(line)]


def _script(words: Sequence[str]) -> Sequence[str] | None:
    """What follows a shell's options: the script, then `$0`, `$1`, …; None without option -c."""
    has_script, place = False, 0
    while place < len(words) and words[place][:1] in ("-", "+") and words[place] not in ("-", "--"):
        if not words[place].startswith("--"):
            has_script = has_script or (words[place][0] == "-" and "c" in words[place])
            place += "o" in words[place].lower()  # -o pipefail: the name is a word of its own
        place += 1
    place += words[place : place + 1] in (["-"], ["--"])
    return words[place:] if has_script and place < len(words) else None


class _Script:
    """Reads one script from its beginning to its end."""

    def __init__(
        self, text: str, variables: Mapping[str, str], arguments: Sequence[str] = ()
    ) -> None:
        self.text = text.replace("\\\n", "")
        self.at = 0
        self.variables = dict(variables)
        self.arguments = arguments
        self._awaited: list[tuple[bool, str]] = []
        """Here-documents whose text begins with the next line: whether tabs go, and their end."""

    def commands(self) -> list[list[str]]:
        """The words of each command, in the order of the script."""
        found: list[list[str]] = []
        words: list[str] = []
        assigned: dict[str, str] = {}
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in _END_OF_COMMAND:
                self._finish(words, assigned, found)
                words, assigned = [], {}
            if char in _END_OF_WORD:
                self._pass(char)
            elif char == "#":
                self.at = (self.text + "\n").index("\n", self.at)
            elif (name := self._assignment()) and _BEFORE_ASSIGNMENT.issuperset(words):
                self.at += len(name) + 1
                assigned[name] = "".join(self._word(split=False))
            else:
                words += self._word()
        self._finish(words, assigned, found)
        return found

    def _pass(self, char: str) -> None:
        """Step over what stands between words, and over the here-documents that begin there."""
        here = _HERE.match(self.text, self.at)
        if here:
            self._awaited.append((bool(here[1]), here[2] or here[3] or here[4]))
        # The string of a here-string (`<<<`) is a word like others.
        self.at = here.end() if here else self.at + 1 + 2 * self.text.startswith("<<<", self.at)
        while char == "\n" and self._awaited:
            tabs, end = self._awaited.pop(0)
            lines = self.text[self.at :].splitlines(keepends=True)
            for line in lines:
                self.at += len(line)
                if (line.lstrip("\t") if tabs else line).rstrip("\n") == end:
                    break

    def _finish(self, words: list[str], assigned: dict[str, str], found: list[list[str]]) -> None:
        """Before a command an assignment is for that command alone; else it stays."""
        if _BEFORE_ASSIGNMENT.issuperset(words):
            self.variables |= assigned
        elif words:
            found.append(words)

    def _assignment(self) -> str:
        match = _ASSIGNMENT.match(self.text, self.at)
        return match[1] if match else ""

    def _word(self, split: bool = True) -> list[str]:
        """The next word. What an expansion outside of quotes yields is split into several."""
        fields, is_there = [""], False
        while self.at < len(self.text) and self.text[self.at] not in _END_OF_WORD:
            char = self.text[self.at]
            if char in "'\"":
                fields[-1] += self._quoted(char)
                is_there = True
            elif char in "$`":
                value = self._expansion()
                pieces = re.split(r"[ \t\n]+", value) if split else [value]
                fields[-1] += pieces[0]
                fields += pieces[1:]
            else:
                self.at += char == "\\"
                fields[-1] += self.text[self.at : self.at + 1]
                self.at += 1
        return [field for field in fields if field or is_there or not split]

    def _quoted(self, mark: str) -> str:
        """The text up to the closing mark; between double ones expansions go on."""
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != mark:
            char = self.text[self.at]
            if mark == '"' and char in "$`":
                parts.append(self._expansion())
                continue
            if mark == '"' and char == "\\" and self.text[self.at + 1 : self.at + 2] in '$`"\\':
                self.at += 1
            parts.append(self.text[self.at : self.at + 1])
            self.at += 1
        self.at += 1
        return "".join(parts)

    def _expansion(self) -> str:
        """The value of `$NAME` or `${…}`; what would have to be run stays as it is written."""
        begin = self.at
        for opening, closing in (("$(", ")"), ("${", "}"), ("`", "`")):
            if self.text.startswith(opening, begin):
                self.at = self._closing(begin + len(opening), opening[-1], closing)
                whole = self.text[begin : self.at]
                if whole.startswith("$((") and whole.endswith("))"):
                    return self._arithmetic(whole)
                return self._braced(whole) if opening == "${" else whole
        match = _NAME.match(self.text, begin + 1)
        self.at = match.end() if match else begin + 1
        return (self._value(match[0]) or "") if match else "$"

    def _closing(self, at: int, opening: str, closing: str) -> int:
        """Where what was opened before `at` is over, the closing mark included."""
        depth = 1
        while at < len(self.text) and depth:
            char = self.text[at]
            depth += -1 if char == closing else char == opening
            at += 1
        return at

    def _value(self, name: str) -> str | None:
        if name in "@*":
            return " ".join(self.arguments[1:])
        if name.isdigit():
            return next(iter(self.arguments[int(name) : int(name) + 1]), None)
        return self.variables.get(name)

    def _arithmetic(self, whole: str) -> str:
        """The value of `$((…))` where it is a number, or a sum, difference or product of two."""
        plain = re.sub(
            r"\$?\{?([A-Za-z_]\w*)\}?", lambda name: self._value(name[1]) or "0", whole[3:-2]
        )
        match = _ARITHMETIC.fullmatch(plain)
        if match is None:
            return whole
        left, sign, right = int(match[1]), match[2] or "+", int(match[3] or 0)
        return str({"+": left + right, "-": left - right, "*": left * right}[sign])

    def _braced(self, whole: str) -> str:
        """The value of a whole `${…}`."""
        match = _BRACED.fullmatch(whole[2:-1])
        if match is None:
            return whole
        name, how, other = match.groups()
        value = self._value(name)
        if how is None:
            return value or ""
        text = "".join(_Script(other, self.variables, self.arguments)._word_of_all())
        if how[0] in "#%":
            return _without(value or "", how, text)
        missing = value is None or (how[0] == ":" and not value)
        if how[-1] == "+":
            return "" if missing else text
        if missing and how[-1] == "=":
            self.variables[name] = text
        return text if missing and how[-1] in "-=" else value or ""

    def _word_of_all(self) -> Iterator[str]:
        """The whole text as one word, spaces included."""
        while self.at < len(self.text):
            yield from self._word(split=False)
            yield self.text[self.at : self.at + 1]
            self.at += 1


def _without(value: str, how: str, pattern: str) -> str:
    """`${NAME#pattern}`, `##`, `%` and `%%`: the shortest or longest end that fits is cut off."""
    matches = re.compile(fnmatch.translate(pattern)).match
    lengths = range(len(value) + 1)
    for length in reversed(lengths) if len(how) == 2 else lengths:
        if how[0] == "#" and matches(value[:length]):
            return value[length:]
        if how[0] == "%" and matches(value[len(value) - length :]):
            return value[: len(value) - length]
    return value
