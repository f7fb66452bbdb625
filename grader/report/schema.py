"""The JSON Schema of a result: `python -m grader.report.schema > docs/result.schema.json`."""

from __future__ import annotations

import json

from grader.model.result import Result


def schema_text() -> str:
    """The schema as the committed file holds it."""
    schema = Result.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
