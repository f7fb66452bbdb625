"""The step `may`: what an account may do, as the cluster's own authorizer says."""

from __future__ import annotations

from typing import Any

from grader.errors import MachineError
from grader.model.scenario import Ask, May
from grader.observe.client import ApiAnswer
from grader.observe.identity import await_all_grants, review
from grader.observe.stage import Stage

Json = dict[str, Any]

EVERYBODY = "system:authenticated"


def play_may(stage: Stage, action: May) -> None:
    """Ask each question and record the answer."""
    namespace = stage.namespace_of(action.namespace)
    # The authorizer reads Roles and bindings from a cache, which must know the latest ones.
    wide = stage.lab.file.isolation == "cluster"
    await_all_grants(stage.api, stage.isolation.run, stage.isolation.names.real, wide)
    subject = _subject(stage, action.who, namespace)
    for ask in action.asks:
        inside = namespace if ask.namespace is None else ask.namespace
        said = review(stage.api, {**subject, "resourceAttributes": _attributes(stage, ask, inside)})
        if not said.ok:
            raise MachineError(f"The API server did not say whether {ask}: {said.message}")
        status = said.body.get("status") or {}
        why = str(status.get("reason") or status.get("evaluationError") or "")
        allowed = bool(status.get("allowed"))
        answer = ApiAnswer(200 if allowed else 403, "Allowed" if allowed else "Forbidden", why)
        stage.answer("may", str(ask), answer, namespace=inside, actor=action.who)


def _subject(stage: Stage, who: str, namespace: str) -> Json:
    """The user and groups of a SubjectAccessReview."""
    kind, _, rest = who.partition("/")
    if kind == "User":
        return {"user": rest, "groups": [EVERYBODY]}
    if kind == "Group":
        return {"user": "", "groups": [rest, EVERYBODY]}
    *other, name = rest.split("/")
    space = stage.real(other[0] if other else namespace)
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{space}", EVERYBODY]
    return {"user": f"system:serviceaccount:{space}:{name}", "groups": groups}


def _attributes(stage: Stage, ask: Ask, namespace: str) -> Json:
    resource, _, group = ask.resource.partition(".")
    found = {"verb": ask.verb, "group": group, "resource": resource}
    given = {"name": ask.name, "subresource": ask.subresource}
    given["namespace"] = stage.real(namespace) if namespace else ""
    return found | {key: value for key, value in given.items() if value}
