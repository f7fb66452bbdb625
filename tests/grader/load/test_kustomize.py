"""Kustomize trees: what may stand in them, and where built fields were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from grader.errors import CourseError
from grader.judge.failure import CheckFailed
from grader.judge.language.manifests import Manifests
from grader.load.kustomize import is_in_tree, part_files, strays, vet
from grader.load.submission import digest, from_sources
from grader.model.manifest import SourceFile, Submission
from tests.grader.observe.samples import a_lab

BASE = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: server
          image: web
"""
OVERLAY = """namespace: ml-prod
resources:
  - ../base
replicas:
  - {name: web, count: 3}
images:
  - {name: web, newTag: v2}
patches:
  - path: patch.yaml
"""
PATCH = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  minReadySeconds: 7
"""
BUILT = """apiVersion: apps/v1
kind: Deployment
metadata:
  annotations:
    config.kubernetes.io/origin: |
      path: ../base/deployment.yaml
  name: web
  namespace: ml-prod
spec:
  minReadySeconds: 7
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - image: web:v2
        name: server
"""
TREE = {
    "app/base/kustomization.yaml": "resources: [deployment.yaml]\n",
    "app/base/deployment.yaml": BASE,
    "app/prod/kustomization.yaml": OVERLAY,
    "app/prod/patch.yaml": PATCH,
}
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ml-prod}\n"


def submission(tree: Mapping[str, str], **rendered: str) -> Submission:
    files = [SourceFile(name, text) for name, text in {**tree, "ns.yaml": SPACE}.items()]
    files += [SourceFile(f"@build/{name}", text) for name, text in rendered.items()]
    return from_sources("ada", files, builds={"prod": "app/prod"})


def test_the_top_folders_of_trees_are_no_plain_manifests() -> None:
    files = {**TREE, "ns.yaml": SPACE, "policy/a.yaml": SPACE}
    assert part_files(files, ["app/prod"]) == set(TREE)
    assert [str(m) for m in submission(TREE, prod=BUILT).manifests] == ["Namespace/ml-prod"]


def test_a_tree_takes_in_the_folders_that_it_leads_to() -> None:
    shared = {
        "app/prod/kustomization.yaml": "components: [../../settings/cache]\n",
        "settings/cache/kustomization.yaml": "resources: [../../store]\n",
        "settings/cache/a.yaml": SPACE,
        "store/kustomization.yaml": "resources: []\n",
    }
    files = {**shared, "platform/kustomization.yaml": "resources: [ns.yaml]\n"}
    assert part_files(files, ["app/prod"]) == set(shared)
    assert strays(files, shared) == {"platform/kustomization.yaml"}


def test_a_kustomization_that_is_not_built_hides_no_manifest() -> None:
    stray = "kind: Kustomization\nresources: [ns.yaml]\n"
    found = submission({**TREE, "platform/kustomization.yaml": stray}, prod=BUILT)
    assert [str(m) for m in found.manifests] == ["Namespace/ml-prod"]
    assert found.problems == ()
    found = submission({**TREE, "kustomization.yaml": stray + "namespace: x\n"}, prod=BUILT)
    assert [str(problem.place) for problem in found.problems] == ["kustomization.yaml:3"]
    assert "applied as plain manifests" in found.problems[0].message
    build = found.build("prod")
    assert build is not None
    assert not build.error


def test_items_of_a_list_know_where_they_were_written() -> None:
    base = "kind: List\napiVersion: v1\nitems:\n  - " + BASE.replace("\n", "\n    ").rstrip() + "\n"
    build = Manifests(submission({**TREE, "app/base/deployment.yaml": base}, prod=BUILT)).build(
        "prod"
    )
    web = build.one("Deployment", "web")
    assert web.where == "app/base/deployment.yaml:4"
    assert web.field("spec.selector").where == "app/base/deployment.yaml:10"


def test_a_single_file_is_known_by_its_top_folder() -> None:
    trees = ["app/prod", "other/overlays/staging"]
    assert is_in_tree("app/base/deployment.yaml", trees)
    assert not is_in_tree("platform/policy.yaml", trees)
    assert not is_in_tree("app.yaml", trees)


def test_built_fields_know_where_they_were_written() -> None:
    build = Manifests(submission(TREE, prod=BUILT)).build("prod")
    web = build.one("Deployment", "web")
    assert web.where == "app/base/deployment.yaml:1"
    where = {
        "spec.minReadySeconds": "app/prod/patch.yaml:6",
        "spec.replicas": "app/prod/kustomization.yaml:4",
        "metadata.namespace": "app/prod/kustomization.yaml:1",
        "spec.template.metadata.labels.app": "app/base/deployment.yaml:11",
        "spec.template.spec.containers[0].image": "app/prod/kustomization.yaml:6",
        "spec.template.spec.containers[0].name": "app/base/deployment.yaml:14",
    }
    assert {path: web.field(path).where for path in where} == where
    assert "annotations" not in web.value["metadata"]


def test_a_recording_gives_the_same_build_without_building() -> None:
    one = submission(TREE, prod=BUILT)
    again = from_sources("ada", one.sources, builds={"prod": "app/prod"})
    assert again.build("prod") == one.build("prod")
    assert again.digest == one.digest == digest(s for s in one.sources if s.path[0] != "@")
    with pytest.raises(CourseError, match="does not hold"):
        from_sources(
            "ada", [s for s in one.sources if s.path[0] != "@"], builds={"prod": "app/prod"}
        )


def test_what_cannot_be_built_fails_the_checks_that_ask_for_it() -> None:
    tree = {name: text for name, text in TREE.items() if not name.startswith("app/prod")}
    with pytest.raises(CheckFailed) as failure:
        Manifests(submission(tree)).build("prod")
    assert failure.value.observed == "there is no app/prod/kustomization.yaml"


def test_built_objects_are_held_against_the_schemas() -> None:
    bad = BUILT.replace("minReadySeconds", "minReadySecond")
    build = Manifests(submission(TREE, prod=bad)).build("prod")
    with pytest.raises(CheckFailed, match="minReadySecond"):
        build.are_valid()


def test_a_lab_applies_only_builds_that_it_names() -> None:
    with pytest.raises(ValidationError, match="apply names the build 'staging'"):
        a_lab([{"apply": {"build": "staging"}}], kustomize={"prod": "app/prod"})
    lab = a_lab([{"apply": {"build": "prod"}}], kustomize={"prod": "app/prod"})
    assert lab.file.kustomize == {"prod": "app/prod"}


def faults(**changed: Any) -> list[str]:
    """What is wrong with a kustomization of these lines, beside the base."""
    text = "".join(f"{key}: {value}\n" for key, value in changed.items())
    tree = {**TREE, "app/prod/kustomization.yaml": text}
    return [problem.message for problem in vet(tree)]


@pytest.mark.parametrize(
    "entry",
    [
        "https://example.com/base",
        "http://example.com/x.yaml",
        "git::https://example.com/repo",
        "git@github.com:team/repo",
        "github.com/team/repo",
        "github.com/team/repo//base?ref=main",
        "ssh://host/repo",
        "host:repo.git",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../../../../etc/passwd",
        "../../..",
        "~/secrets.yaml",
        "$HOME/x.yaml",
        "nowhere.yaml",
        "../base/../../x",
        "\\\\host\\share",
        "'a b.yaml'",
        "''",
        "3",
        "null",
        "{path: x}",
    ],
)
@pytest.mark.parametrize("field", ["resources", "components", "patchesStrategicMerge"])
def test_nothing_is_fetched_and_nothing_outside_is_read(field: str, entry: str) -> None:
    assert faults(**{field: f"[{entry}]"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patches", "[{path: https://example.com/p.yaml}]"),
        ("patchesJson6902", "[{path: /etc/passwd, target: {kind: Deployment}}]"),
        ("replacements", "[{path: ../../../x.yaml}]"),
        ("configMapGenerator", "[{name: a, files: [/etc/passwd]}]"),
        ("configMapGenerator", "[{name: a, files: [key=../../../etc/passwd]}]"),
        ("configMapGenerator", "[{name: a, envs: [https://example.com/x.env]}]"),
        ("configMapGenerator", "[{name: a, env: /etc/environment}]"),
        ("helmCharts", "[{name: x}]"),
        ("helmGlobals", "{chartHome: /}"),
        ("helmChartInflationGenerator", "[{chartName: x}]"),
        ("generators", "[run.yaml]"),
        ("transformers", "[run.yaml]"),
        ("validators", "[run.yaml]"),
        ("secretGenerator", "[{name: a, literals: [b=c]}]"),
        ("openapi", "{path: /etc/passwd}"),
        ("crds", "[/etc/passwd]"),
        ("configurations", "[/etc/passwd]"),
        ("bases", "[../base]"),
        ("vars", "[]"),
        ("resource", "[../base]"),
    ],
)
def test_fields_that_reach_elsewhere_are_told(field: str, value: str) -> None:
    assert faults(**{field: value})


@pytest.mark.parametrize("text", ["", "[]", "3", "a: b\n---\nc: d\n"])
def test_a_kustomization_is_one_mapping(text: str) -> None:
    assert vet({**TREE, "app/prod/kustomization.yaml": text})


def test_what_is_used_in_honest_work_is_no_fault() -> None:
    assert vet(TREE) == []
    inline = '[{target: {kind: Deployment}, patch: "- op: remove"}]'
    assert faults(resources="[../base, ./patch.yaml]", patches=inline, namePrefix="a-") == []
    assert faults(configMapGenerator="[{name: a, literals: [B=c], files: [k=patch.yaml]}]") == []


def test_faults_have_their_place() -> None:
    tree = {**TREE, "app/prod/kustomization.yaml": "resources:\n  - ../base\n  - https://x.y/z\n"}
    assert [str(problem.place) for problem in vet(tree)] == ["app/prod/kustomization.yaml:3"]
    wrong = submission(tree)
    assert wrong.problems[0].kind == "not-buildable"
    build = wrong.build("prod")
    assert build is not None
    assert "nothing is fetched" in build.error
