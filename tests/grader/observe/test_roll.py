from __future__ import annotations

from typing import Any

from grader.model.scenario import Roll
from grader.observe.steps.roll import release_patch
from grader.observe.steps.workload import container_place

CRONJOB = {"metadata": {"name": "score"}, "spec": {"jobTemplate": {"spec": {"template": {}}}}}


def deployment(**template_metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"template": {"metadata": template_metadata}}}


def a_roll(**fields: Any) -> Roll:
    return Roll(object="Deployment/web", container="server", image="web:v2", **fields)


def added(found: dict[str, Any], kind: str, action: Roll) -> dict[str, Any]:
    """The values that a release adds, by path; test and replace left out."""
    patch = release_patch(found, kind, ("containers", 1), action)
    return {entry["path"]: entry["value"] for entry in patch if entry["op"] == "add"}


def test_a_roll_changes_the_image_of_the_container_it_names_and_nothing_else() -> None:
    patch = release_patch(deployment(), "Deployment", ("containers", 1), a_roll())
    place = "/spec/template/spec/containers/1"
    assert patch == [
        {"op": "test", "path": f"{place}/name", "value": "server"},
        {"op": "replace", "path": f"{place}/image", "value": "web:v2"},
    ]


def test_labels_and_annotations_join_those_of_the_template() -> None:
    found = deployment(labels={"app": "web", "version": "v1"})
    action = a_roll(labels={"version": "v2"}, annotations={"team/data": "march"})
    assert added(found, "Deployment", action) == {
        "/spec/template/metadata/labels": {"app": "web", "version": "v2"},
        "/spec/template/metadata/annotations": {"team/data": "march"},
    }


def test_the_change_cause_goes_to_the_workload_itself() -> None:
    found = deployment()
    found["metadata"]["annotations"] = {"kubernetes.io/change-cause": "v1", "owner": "search"}
    assert added(found, "Deployment", a_roll(change_cause="v2")) == {
        "/metadata/annotations": {"kubernetes.io/change-cause": "v2", "owner": "search"}
    }


def test_template_metadata_is_made_where_there_is_none() -> None:
    metadata = "/spec/jobTemplate/spec/template/metadata"
    assert added(CRONJOB, "CronJob", a_roll(labels={"version": "v2"})) == {
        metadata: {},
        f"{metadata}/labels": {"version": "v2"},
    }


def test_an_init_container_is_found_by_its_name_too() -> None:
    spec = {
        "containers": [{"name": "server"}],
        "initContainers": [{"name": "a"}, {"name": "fetch"}],
    }
    found = {"spec": {"template": {"spec": spec}}}
    assert container_place(found, "Deployment", "server") == ("containers", 0)
    assert container_place(found, "Deployment", "fetch") == ("initContainers", 1)
    assert container_place(found, "Deployment", "other") is None
    patch = release_patch(found, "Deployment", ("initContainers", 1), a_roll())
    assert patch[0]["path"] == "/spec/template/spec/initContainers/1/name"
