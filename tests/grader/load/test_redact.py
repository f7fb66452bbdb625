"""No value of a Secret reaches the sources, and what the sources say stays the same otherwise."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.load import from_sources, load_submission
from grader.load.limits import Budget
from grader.load.redact import Redactor, is_hash
from grader.load.text import documents
from grader.model.manifest import SourceFile, Submission

HEAD = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"


def load(tmp_path: Path, text: str) -> Submission:
    (tmp_path / "s.yaml").write_bytes(text.encode())
    return load_submission(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        "stringData:\n  p: hunter2\n  q: x\n",
        "stringData:\n  p: 'hunter2'\n",
        'stringData: {p: "hunter2", q: hunter2}\n',
        "stringData:\n  p: |\n    first\n    hunter2\n\n  q: end\n",
        "stringData:\n  p: >-\n    hunter2\n    more\n  q: end\n",
        "stringData:\n  p: hunter2\n    goes on\n  q: end\n",
        'stringData:\n  p: "hunter2\n\n    goes on"\n  q: end\n',
        "stringData:\r\n  p: |\r\n    hunter2\r\n    x\r\n  q: end\r\n",
        "stringData:\n  p: &a hunter2\n  q: *a\n",
        "stringData:\n  p: !!str hunter2\n",
        "stringData:\n  p: &a !!str hunter2\n  q: *a\n",
        "data:\n  p: hunter2\n",
        "data: hunter2\n",
        "data:\n  p: [hunter2, {x: hunter2}]\n",
        "x: &x {p: hunter2}\nstringData: *x\n",
        "x: &x {p: hunter2}\nstringData:\n  <<: *x\n",
        "x: &x\n  stringData: {p: hunter2}\n<<: *x\n",
        '"stringData": {"p": hunter2}\n',
    ],
)
def test_no_value_is_left_and_no_line_moves(tmp_path: Path, body: str) -> None:
    submission = load(tmp_path, HEAD + body)
    (source,) = submission.sources
    assert "hunter2" not in source.text
    assert "hunter2" in json.dumps(submission.manifests[0].value)
    assert "hunter2" not in " ".join(map(str, submission.problems))
    again = from_sources(submission.name, submission.sources)
    assert again.digest == submission.digest
    assert [p[:3] for p in again.problems] == [p[:3] for p in submission.problems]
    (one,), (other,) = submission.manifests, again.manifests
    lines = {path: place.line for path, place in one.places.items()}
    assert {path: place.line for path, place in other.places.items()} == lines


def test_other_kinds_are_left_as_they_are() -> None:
    text = "kind: ConfigMap\ndata: {p: hunter2}\n---\nkind: Pod\nspec: {secretName: x}\n"
    assert Redactor().redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "kind: List\nitems:\n- kind: Secret\n  data: {p: hunter2}\n",
        "kind: SecretList\nitems:\n- data: {p: hunter2}\n",
        "kind: secret\ndata: {p: hunter2}\n",
        "metadata: {name: x}\nstringData: {p: hunter2}\n",
        '{"kind": "Secret",\n\t"data": {"p": "hunter2 \\ud83d\\ude00"}}\n{"kind": "Secret", '
        '"stringData": {"q": "hunter2"}}',
        "kind: Secret\nmetadata:\n  annotations:\n"
        "    kubectl.kubernetes.io/last-applied-configuration: |\n      {data: hunter2}\n",
        "kind: Secret\ndata: {p: hmac-sha256:0123456789abcdef-hunter2}\n",
    ],
)
def test_secrets_are_found_wherever_they_stand(text: str) -> None:
    redacted = Redactor().redact(text)
    assert "hunter2" not in redacted
    assert redacted.count("\n") == text.count("\n")
    assert documents(redacted, "f", Budget())[0]


def test_equal_values_are_equal_within_one_load_only() -> None:
    text = HEAD + "stringData: {a: x1, b: x1, c: x2}\n"
    first = yaml.safe_load(Redactor().redact(text))["stringData"]
    second = yaml.safe_load(Redactor().redact(text))["stringData"]
    assert all(map(is_hash, first.values()))
    assert first["a"] == first["b"] != first["c"]
    assert first["a"] != second["a"]


def test_what_is_redacted_stays_redacted() -> None:
    once = Redactor().redact(HEAD + "stringData: {a: x1, b: 5}\ndata: {c: '!'}\n")
    assert Redactor().redact(once) == once


def test_problems_are_the_same_from_the_recording(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"fine").decode()
    body = f"data:\n  good: {encoded}\n  bad: hunter2!\nstringData:\n  pin: 1234\n  yes: on\n"
    submission = load(tmp_path, HEAD + body)
    messages = [problem.message for problem in submission.problems]
    assert messages == [
        "data.bad is not base64; plain text goes under stringData",
        "stringData.pin must be text, not another type of value; put it in quotes",
        "stringData.true must be text, not another type of value; put it in quotes",
    ]
    again = from_sources(submission.name, submission.sources)
    assert [problem.message for problem in again.problems] == messages


def test_the_digest_tells_contents_and_paths_apart() -> None:
    def digest(path: str, text: str) -> str:
        return from_sources("x", [SourceFile(path, text)]).digest

    one = digest("a.yaml", "a: 1")
    assert (
        len({one, digest("b.yaml", "a: 1"), digest("a.yaml", "a: 2"), digest("a.yam", "la: 1")})
        == 4
    )
    assert one == digest("a.yaml", "a: 1")


@settings(max_examples=200, deadline=None)
@given(
    st.text(min_size=1, max_size=30).map(lambda text: "hunter2" + text),
    st.sampled_from(["'", '"', "|", ">", None]),
    st.booleans(),
)
def test_any_value_in_any_style_is_redacted(value: str, style: str | None, flow: bool) -> None:
    secret = {"kind": "Secret", "stringData": {"a": value, "b": "end"}, "z": 1}
    text = yaml.safe_dump(secret, default_style=style, default_flow_style=flow, allow_unicode=True)
    redacted = Redactor().redact(text)
    assert "hunter2" not in redacted
    loaded = yaml.safe_load(redacted)
    assert is_hash(loaded["stringData"]["a"])
    assert is_hash(loaded["stringData"]["b"])
    assert loaded["z"] == 1
    assert len(redacted.splitlines()) == len(text.splitlines())
