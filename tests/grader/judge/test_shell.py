"""Scripts of containers, read without being run."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from grader.judge.language.shell import commands, expand

VARIABLES = {"INDEX": "5", "HOSTNAME": "scores-5", "TWO": "a b", "EMPTY": ""}

SCRIPTS = [
    "show a$INDEX.x",
    'show "a${INDEX}.x" b',
    "show 'a${INDEX}.x'",
    r'show \$INDEX "\$INDEX" \"',
    'OUT="a-${INDEX}"\nshow --out="$OUT"',
    'OUT=a-$INDEX; export IN="b c"; show $OUT $IN "$IN"',
    "OUT=a show x$OUT",
    "set -eu; show 1 && show 2 | show 3",
    "# show no\nshow yes # show no\nshow a#b",
    "show a \\\n  b",
    "show ${INDEX:?no index} ${INDEX?no}",
    "show ${NO:-x} ${NO-x} ${EMPTY:-x} ${EMPTY-x}y ${INDEX:-x}",
    "show ${NO:=x} $NO",
    "show ${NO:+x}. ${INDEX:+x}.",
    "show ${HOSTNAME##*-} ${HOSTNAME%-*} ${HOSTNAME#*c} ${HOSTNAME%%s*}.",
    'show $TWO "$TWO" x${TWO}y',
    "show ${NO}a $NO ''",
    'show "${NO:-a b}" ${NO:-a b}',
    'show "a\nb"',
    "if true; then X=1; show $X; fi",
    "show $1 $2. $0",
    'show "${NO:-$INDEX}"',
    "{ show a; }\n( show b )",
    'show $((INDEX)) $(($INDEX)) $((${INDEX} + 1)) x$((INDEX*2)).$((NO - 3)) "$((INDEX))"',
    "cat <<EOF >/dev/null\nshow isn't it $INDEX\nEOF\nshow a",
    "cat <<-'END' > /dev/null; show b\n\tit's\n\tEND\nshow c",
    'cat <<A <<"B" >/dev/null\nshow a\nA\nit\'s\nB\nshow d',
]


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell to compare with")
@pytest.mark.parametrize("script", SCRIPTS)
def test_words_are_those_that_a_shell_hands_over(script: str) -> None:
    shown = 'show() { printf "%s\\037" "$@"; printf "\\036"; }\n'
    ran = subprocess.run(
        ["sh", "-c", shown + script, "zero", "one"],
        env={**VARIABLES, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = [command.split("\037")[:-1] for command in ran.stdout.split("\036")[:-1]]
    read = commands(["sh", "-c", script, "zero", "one"], VARIABLES)
    # The parts of a pipe write where nobody looks, all but the last.
    shows = [words[words.index("show") + 1 :] for words in read if "show" in words]
    assert [words for words in shows if words in seen] == seen


@pytest.mark.parametrize(
    "line",
    [
        ["sh", "-c"],
        ["/bin/bash", "-lc"],
        ["bash", "-euo", "pipefail", "-c"],
        ["bash", "-ceu", "-o", "pipefail"],
        ["ash", "-e", "-c", "--"],
        ["tini", "--", "sh", "-ec"],
    ],
)
def test_a_shell_is_known_however_it_is_started(line: list[str]) -> None:
    assert commands([*line, "score $INDEX"], VARIABLES) == [["score", "5"]]


@pytest.mark.parametrize(
    "line", [["score", "$INDEX"], ["sh", "run.sh", "$INDEX"], ["sh", "-c"], ["sh"], []]
)
def test_without_a_script_the_line_stays_as_it_is(line: list[str]) -> None:
    assert commands(line, VARIABLES) == [line]


@pytest.mark.parametrize(
    "text", ["$(hostname)", "`hostname`", "$((INDEX / 2))", "${INDEX/5/6}", "${#INDEX}", "$?", "a$"]
)
def test_what_would_have_to_be_run_stays_as_it_is(text: str) -> None:
    assert commands(["sh", "-c", f'score "{text}"'], VARIABLES) == [["score", text]]


@pytest.mark.parametrize(
    "script", ["score 'a", 'score "a', "score ${", "score $(", "score a\\", ""]
)
def test_a_script_that_breaks_off_is_read_to_its_end(script: str) -> None:
    commands(["sh", "-c", script], VARIABLES)


def test_references_as_the_kubelet_expands_them() -> None:
    known = {"A": "1", "b.c-d": "2"}
    assert expand("$(A) $(b.c-d) $(NO) $$(A) $A $( A) $$$(A)", known) == (
        "1 2 $(NO) $(A) $A $( A) $1"
    )
