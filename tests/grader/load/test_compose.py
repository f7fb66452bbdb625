"""YAML and JSON to values and places: what kubectl reads, within bounds, with the right lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import SubmissionError
from grader.load.compose import Document
from grader.load.limits import MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, Budget
from grader.load.places import Places
from grader.load.text import documents
from grader.model.manifest import Place

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(text: str) -> list[Document]:
    return documents(text, "f.yaml", Budget())[0]


def value(text: str) -> Any:
    (document,) = read(text)
    return document.value


def refusal(text: str) -> SubmissionError:
    with pytest.raises(SubmissionError) as caught:
        documents(text, "f.yaml", Budget())
    return caught.value


# Each pair was compared with what sigs.k8s.io/yaml v1.6.0 makes of it.
@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        *((word, True) for word in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "TRUE")),
        *((word, False) for word in ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "False")),
        *((word, word) for word in ("yEs", "tRue", "nULL", "T", "f", "o", "=")),
        *((word, None) for word in ("~", "null", "Null", "NULL", "")),
        ("0400", 256),
        ("0o400", 256),
        ("0O17", 15),
        ("0x1F", 31),
        ("0X1f", 31),
        ("0b11", 3),
        ("-0b11", -3),
        ("+0x10", 16),
        ("08", 8),
        ("09", 9),
        ("0800", 800),
        ("00", 0),
        ("0777", 511),
        ("1_000", 1000),
        ("1__0", 10),
        ("1_", 1),
        ("_1", "_1"),
        ("0x_1F", 31),
        ("1_0.5", 10.5),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("1,000", "1,000"),
        ("2024-05-01", "2024-05-01"),
        ("2001-12-14t21:59:43-05:00", "2001-12-14t21:59:43-05:00"),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e-3", 0.001),
        ("3.0", 3),
        ("3.", 3),
        (".5", 0.5),
        ("-.5", -0.5),
        ("+5", 5),
        ("-0", 0),
        ("1e400", "1e400"),
        ("1e20", 10**20),
        ("1.10", 1.1),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("0o8", "0o8"),
        ("0b2", "0b2"),
        ("0x", "0x"),
        ("12e", "12e"),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        (".", "."),
        ("...x", "...x"),
        ("--", "--"),
        ("100m", "100m"),
        ("1Gi", "1Gi"),
        ("5%", "5%"),
    ],
)
def test_bare_words_are_read_as_kubectl_reads_them(written: str, read_as: Any) -> None:
    got = value(f"a: {written}\n")["a"]
    assert got == read_as
    assert type(got) is type(read_as)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0400: x", {"256": "x"}),
        ("on: x", {"true": "x"}),
        ("1.5: x", {"1.5": "x"}),
        ("? a\n: b", {"a": "b"}),
        ('"yes": yes', {"yes": True}),
        ("a: !!str yes", {"a": "yes"}),
        ("a: !!float 5", {"a": 5}),
        ("a: ! yes", {"a": "yes"}),
        ("a: |\n  x\n  y", {"a": "x\ny"}),
        ("a: >-\n  x\n  y", {"a": "x y"}),
        ("a: &n 5\nb: *n", {"a": 5, "b": 5}),
        ("&k key: v\nb: {*k : 2}", {"key": "v", "b": {"key": 2}}),
        ("a: 1\na: 2", {"a": 2}),
        ('"<<": {a: 1}', {"<<": {"a": 1}}),
        ("a: 1\n<<: {a: 2, b: 3}", {"a": 2, "b": 3}),
        ("<<: {a: 2, b: 3}\na: 1", {"a": 1, "b": 3}),
        (
            "x: &x {a: 1}\nz: &z {a: 2, c: 3}\nw:\n  <<: [*x, *z]",
            {"x": {"a": 1}, "z": {"a": 2, "c": 3}, "w": {"a": 1, "c": 3}},
        ),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{\n\t"a":\t1e3}', {"a": 1000}),
    ],
)
def test_structures_are_read_as_kubectl_reads_them(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_documents_that_hold_nothing_are_left_out() -> None:
    found = read("---\n# only a comment\n---\na: 1\n---\n---\nnull\n---\nb: 2\n")
    assert [document.value for document in found] == [{"a": 1}, {"b": 2}]
    assert [document.mark.line for document in found] == [3, 8]


def test_json_values_in_a_row_are_documents() -> None:
    found = read('{"a": 1}\n\n  {"b":\n 2} {"c": 3}')
    assert [document.value for document in found] == [{"a": 1}, {"b": 2}, {"c": 3}]
    places = [Places("f", d.mark)[next(iter(d.value)),] for d in found]
    assert places == [Place("f", 1, 2), Place("f", 3, 4), Place("f", 4, 6)]


def test_keys_written_twice_are_reported_with_both_lines() -> None:
    _, problems = documents("a:\n  b: 1\n  c: 2\n  b: 3\n", "f.yaml", Budget())
    (problem,) = problems
    assert problem.kind == "duplicate-key"
    assert problem.place == Place("f.yaml", 4, 3)
    assert "first on line 2" in problem.message


def test_a_merged_field_may_be_written_again() -> None:
    text = "x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n"
    assert documents(text, "f.yaml", Budget())[1] == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\tb: 1\n", 2, "tab"),
        ("a: 1\n\tb: 1\n", 2, "tab"),
        ("a: b\nc\nd: e\n", 2, "no colon"),
        ("a: b: c\n", 1, "colon"),
        ("a:\n  b: 1\n c: 2\n", 3, "line up"),
        ("a:\n  - 1\n - 2\n", 3, "line up"),
        ('a: "x\nb: 1\n', 1, "quote"),
        ("a: [1, 2\nb: 3\n", 1, "closing ]"),
        ("a: {b: 1\nc: 3\n", 1, "closing }"),
        ("a: @x\n", 1, "character"),
        ("a: - b\n", 1, "list"),
        ('a: "\\q"\n', 1, "backslash"),
        ("x: 1\na: !foo bar\n", 2, "!foo"),
        ("a: !!binary aGk=\n", 1, "!!binary"),
        ("a: !<tag:example.com,2000:x> {b: 1}\n", 1, "tag"),
        ("a: *nowhere\n", 1, "anchor"),
        ("a: &x\n  b: *x\n", 2, "contains it"),
        ("a: &x [*x]\n", 1, "contains it"),
        ("a: .nan\n", 1, "JSON"),
        ("? [a]\n: b\n", 1, "plain text"),
        ("a:\n  {{ name }}: b\n", 2, "plain text"),
        ("<<: 5\n", 1, "mapping"),
        ("<<: [5]\n", 1, "mapping"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, line: int, words: str) -> None:
    error = refusal(text)
    assert error.where == f"f.yaml:{line}"
    assert words in error.message
    assert "\n" not in error.message


def laughs(levels: int, width: int) -> str:
    lines = ['a0: &a0 ["lol", "lol"]']
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]")
    return "\n".join(lines)


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    budget = Budget()
    with pytest.raises(SubmissionError, match="Aliases repeat"):
        documents(laughs(12, 9), "f.yaml", budget)
    assert budget.nodes < 20 * MAX_NODES


def test_a_bomb_of_merges_is_refused() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    assert "Aliases repeat" in refusal("\n".join(lines)).message


def test_one_long_text_repeated_by_aliases_is_refused() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"
    assert "Aliases repeat" in refusal(text).message


def test_a_ladder_of_anchors_counts_as_depth() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 5))]
    assert "deeper" in refusal("\n".join(lines)).message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", '{"a":', "[{a: "])
def test_deep_nesting_is_refused(opening: str) -> None:
    assert "deeper" in refusal(opening * 50_000).message


def test_nesting_up_to_the_limit_is_read() -> None:
    assert value("[" * (MAX_DEPTH - 1) + "x" + "]" * (MAX_DEPTH - 1))


def test_too_many_documents_and_values_are_refused() -> None:
    assert "documents" in refusal("a: 1\n---\n" * (MAX_DOCUMENTS + 1)).message
    assert "documents" in refusal("{}\n" * 50_000).message
    assert "values" in refusal("a: [" + "1," * MAX_NODES + "]").message


def test_aliases_share_and_keep_their_places() -> None:
    (document,) = read("base: &b\n  x: {v: 1}\nuse: *b\n")
    places = Places("f", document.mark)
    assert places["use",].line == 3
    assert places["use", "x", "v"].line == 2


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=12)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@QUICK
@given(json_values)
def test_json_is_read_as_json(data: Any) -> None:
    found = read(json.dumps({"k": data}))
    assert found[0].value == {"k": data}


@QUICK
@given(json_values)
def test_agrees_with_safe_load_on_quoted_yaml(data: Any) -> None:
    text = yaml.safe_dump({"k": data}, default_style='"', allow_unicode=True)
    assert read(text)[0].value == yaml.safe_load(text) == {"k": data}


plain_keys = st.text("abcdefgh", min_size=1, max_size=5).filter(lambda k: k not in ("y", "n"))
nested = st.recursive(
    st.sampled_from(["word", "two words", "line\nline\n", "", "#x", "a: b"]) | st.integers(0, 99),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4),
    max_leaves=25,
)


@QUICK
@given(st.dictionaries(plain_keys, nested, min_size=1, max_size=4), st.booleans())
def test_each_place_is_where_the_key_is_written(data: dict[str, Any], as_json: bool) -> None:
    text = json.dumps(data, indent=1) if as_json else yaml.safe_dump(data)
    lines = text.split("\n")
    (document,) = read(text)
    places = Places("f", document.mark)
    for path, place in places.items():
        rest = lines[place.line - 1][place.column - 1 :]
        if path and isinstance(path[-1], str):
            assert rest.startswith((f"{path[-1]}:", f'"{path[-1]}":', f"? {path[-1]}"))
        held = document.value
        for step in path:
            held = held[step]
    assert len(places) == len(set(places)) == _count(data)


def _count(data: Any) -> int:
    below = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return 1 + sum(map(_count, below))


@pytest.mark.parametrize("path", [("x",), ("a", "b"), ("l", 5), ("l", -1), ("l", "0"), (0,)])
def test_there_is_no_place_for_what_is_not_written(path: tuple[str | int, ...]) -> None:
    (document,) = read("a: 1\nl: [1, 2]\n")
    places = Places("f", document.mark)
    assert path not in places
    with pytest.raises(KeyError):
        places[path]


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@#,? \n\t<yn0.1e~\\"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = None
    try:
        json.dumps([document.value for document in read(text)], allow_nan=False)
    except SubmissionError as error:
        refused = error
    assert refused is None or refused.where.startswith("f.yaml:")
    assert refused is None or refused.message.endswith(".")
