"""Checks of lab 11, the log: what the server may write down."""

from grader import check, expect

NEEDED = (
    "ts",
    "level",
    "msg",
    "request_id",
    "model_version",
    "code",
    "duration_ms",
    "validation_error",
    "dependency_error",
)
HARMLESS = ("logger", "input_chars")
SENSITIVE = ("input_text", "user_email", "authorization", "client_ip")


@check(
    points=1,
    hint="With which fields of the line would you have found last week's incident: which request, "
    "which model, what went wrong?",
)
def test_log_policy_keeps_what_is_needed(manifests):
    """The log policy keeps the nine fields that an incident is solved with."""
    allowed, where = allowed_fields(manifests)
    missing = [name for name in NEEDED if name not in allowed]
    expect(not missing, f"the field {(missing or NEEDED)[0]} in allow", ", ".join(allowed), where)


@check(
    points=1,
    hint="A deny-list is a promise to foresee every future field. What must happen to a field that "
    "nobody has thought of, and who wrote the text in this line?",
)
def test_log_policy_drops_what_is_sensitive(manifests):
    """The log policy drops all that it does not name, and names nothing that a user sent."""
    form = manifests.form("log-policy.yaml")
    form.field("default").equals("drop")
    allowed, where = allowed_fields(manifests)
    for name in allowed:
        sensitive = name in SENSITIVE
        expect(not sensitive, f"{name} not to be logged", f"allow holds {name}", where)
        known = name in NEEDED + HARMLESS
        expect(known, "exact names of fields of the log line", f"allow holds {name}", where)


def allowed_fields(manifests):
    """The field names under allow, and the place."""
    field = manifests.form("log-policy.yaml").field("allow")
    field.satisfies(lambda value: isinstance(value, list) and value, "a list of field names")
    return [str(name) for name in field.value], field.where
