"""The committed JSON Schema is that of the models, and real output keeps to it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
from typer.testing import CliRunner

from grader.cli.app import app
from grader.report.schema import schema_text

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "result.schema.json"


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m grader.report.schema > docs/result.schema.json"
    )


def test_real_output_keeps_to_it() -> None:
    solution = ROOT / "solutions" / "14-local-inference-mock"
    arguments = ["check", "14", "--cluster", "none", "--json", "-s", str(solution)]
    outcome = CliRunner().invoke(app, arguments)
    document = json.loads(outcome.stdout)
    jsonschema_rs.validate(json.loads(schema_text()), document)
    for key in ("lab", "submission", "cluster", "score", "max_score", "provable_max", "checks"):
        assert key in document
    assert document["score"] == document["provable_max"] < document["max_score"]
    assert {check["status"] for check in document["checks"]} == {"passed", "not_provable"}
