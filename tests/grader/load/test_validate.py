"""What is wrong with an object: one sentence each, at the right line, for every usual mistake."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.load import load_submission
from grader.load.explain import Explainer
from grader.load.schemas import nearest, schemas
from grader.model.manifest import Problem

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: server
          image: nginx:1.27-alpine
          ports:
            - containerPort: 8000
          env:
            - name: MODE
              value: "on"
          resources:
            limits: {cpu: 1, memory: 1Gi}
          readinessProbe:
            httpGet: {path: /ready, port: 8000}
"""


def problems(tmp_path: Path, text: str, **options: Any) -> list[Problem]:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    return list(load_submission(tmp_path, **options).problems)


def test_a_right_manifest_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, DEPLOYMENT) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "line", "message"),
    [
        (
            "readinessProbe:",
            "readinesProbe:",
            "unknown-field",
            26,
            'unknown field "readinesProbe" in spec.template.spec.containers[0]; '
            'did you mean "readinessProbe"?',
        ),
        (
            "  replicas: 2",
            "  Replicas: 2",
            "unknown-field",
            7,
            'unknown field "Replicas" in spec; did you mean "replicas"?',
        ),
        (
            "replicas: 2",
            "replicas: three",
            "wrong-type",
            7,
            'spec.replicas must be a whole number, not the text "three"',
        ),
        (
            "replicas: 2",
            'replicas: "3"',
            "wrong-type",
            7,
            'spec.replicas must be a whole number, not the text "3"; write it without quotes: 3',
        ),
        (
            "replicas: 2",
            "replicas: 2.5",
            "wrong-type",
            7,
            "spec.replicas must be a whole number, not the number 2.5",
        ),
        (
            "replicas: 2",
            "replicas: 3000000000",
            "bad-value",
            7,
            "spec.replicas is out of range: the number 3000000000",
        ),
        (
            'value: "on"',
            "value: on",
            "wrong-type",
            23,
            "spec.template.spec.containers[0].env[0].value must be text, not true "
            '(YAML reads the bare on so); write it in quotes: "on"',
        ),
        (
            'value: "on"',
            "value: 1.10",
            "wrong-type",
            23,
            "spec.template.spec.containers[0].env[0].value must be text, not the number 1.1; "
            'write it in quotes: "1.10"',
        ),
        (
            'value: "on"',
            "value: 8080",
            "wrong-type",
            23,
            "spec.template.spec.containers[0].env[0].value must be text, not the number 8080; "
            'write it in quotes: "8080"',
        ),
        (
            "memory: 1Gi",
            "memory: 1GB",
            "bad-value",
            25,
            'spec.template.spec.containers[0].resources.limits.memory: "1GB" is not a quantity; '
            "did you mean 1Gi?",
        ),
        (
            "memory: 1Gi",
            "memory: lots",
            "bad-value",
            25,
            'spec.template.spec.containers[0].resources.limits.memory: "lots" is not a quantity; '
            "write it as 500m, 2, 512Mi or 1Gi",
        ),
        (
            "memory: 1Gi",
            "memory: yes",
            "wrong-type",
            25,
            "spec.template.spec.containers[0].resources.limits.memory must be a quantity such as "
            "500m "
            'or 1Gi, not true (YAML reads the bare yes so); write it in quotes: "yes"',
        ),
        (
            "name: server\n          ",
            "",
            "missing-field",
            17,
            "spec.template.spec.containers[0].name is missing; it is required",
        ),
        (
            "  selector:\n    matchLabels: {app: web}\n",
            "",
            "missing-field",
            6,
            "spec.selector is missing; it is required",
        ),
        (
            "  selector:\n    matchLabels: {app: web}\n",
            "  selector:\n",
            "missing-field",
            10,
            "spec.selector is missing; it is required",
        ),
        (
            "ports:\n            - containerPort: 8000",
            "ports:\n            containerPort: 8000",
            "wrong-type",
            19,
            "spec.template.spec.containers[0].ports must be a list, not a mapping of fields; "
            'begin each item with "- "',
        ),
        (
            "      containers:",
            "      livenessProbe: {}\n      containers:",
            "unknown-field",
            16,
            'unknown field "livenessProbe" in spec.template.spec; it belongs one level deeper, '
            'under "containers"',
        ),
        (
            "          image:",
            "          nodeSelector: {}\n          image:",
            "unknown-field",
            18,
            'unknown field "nodeSelector" in spec.template.spec.containers[0]; it belongs further '
            "out, "
            "in spec.template.spec",
        ),
        (
            "matchLabels: {app: web}",
            "matchLabels: {app: wbe}",
            "bad-value",
            10,
            "spec.selector does not match the labels in spec.template.metadata.labels",
        ),
        (
            "maxUnavailable: 25%",
            'maxUnavailable: "1"',
            "bad-value",
            9,
            "spec.strategy.rollingUpdate.maxUnavailable must be a whole number or a percentage "
            "such "
            "as 25%; write it without quotes: 1",
        ),
        (
            "  name: web",
            "  name: My_Web",
            "bad-value",
            4,
            'metadata.name "My_Web" is not a valid name: only letters a-z, digits, - and ., with a '
            "letter or digit at both ends",
        ),
        (
            "  labels: {app: web}\nspec",
            "  labels: {app: 'a b'}\nspec",
            "bad-value",
            5,
            "metadata.labels.app is not a valid label value: at most 63 letters, digits, "
            "-, _ and ., "
            "with a letter or digit at both ends",
        ),
        (
            "  labels: {app: web}\nspec",
            "  labels: {app: 5}\nspec",
            "wrong-type",
            5,
            'metadata.labels.app must be text, not the number 5; write it in quotes: "5"',
        ),
        (
            "path: /ready, port: 8000",
            'path: /ready, port: "8000"',
            "bad-value",
            27,
            "spec.template.spec.containers[0].readinessProbe.httpGet.port is the text 8000, so it "
            "is "
            "taken for a port's name; write the number without quotes",
        ),
        (
            "containerPort: 8000",
            "containerPort: 80000",
            "bad-value",
            20,
            "spec.template.spec.containers[0].ports[0].containerPort must be from 1 to 65535, "
            "not 80000",
        ),
        (
            "limits: {cpu: 1, memory: 1Gi}",
            "limits: {cpu: 1}\n            requests: {cpu: 1500m}",
            "bad-value",
            26,
            "spec.template.spec.containers[0].resources.requests.cpu is 1500m, more than its "
            "limit 1",
        ),
        (
            "      containers:",
            "      restartPolicy: Never\n      containers:",
            "bad-value",
            16,
            "spec.template.spec.restartPolicy is Never; in a Deployment it must be Always",
        ),
        (
            "apps/v1",
            "apps/v1beta1",
            "unknown-kind",
            1,
            "apps/v1beta1 Deployment is no longer served: use apps/v1",
        ),
        ("apps/v1", "v1", "unknown-kind", 1, "v1 Deployment does not exist: use apps/v1"),
        (
            "kind: Deployment",
            "kind: deployment",
            "unknown-kind",
            2,
            'unknown kind "deployment"; did you mean "Deployment"?',
        ),
        (
            "kind: Deployment",
            "kind: Deploiment",
            "unknown-kind",
            2,
            'unknown kind "Deploiment"; did you mean "Deployment"?',
        ),
        ("kind: Deployment", "kind: Blob", "unknown-kind", 2, 'unknown kind "Blob" in apps/v1'),
        (
            "kind: Deployment\n",
            "",
            "not-an-object",
            1,
            "kind is missing: without it Kubernetes cannot tell what this is",
        ),
        ("  name: web\n", "", "not-an-object", 3, "metadata.name is missing in this Deployment"),
    ],
)
def test_each_usual_mistake_is_said_plainly(
    tmp_path: Path, old: str, new: str, kind: str, line: int, message: str
) -> None:
    assert old in DEPLOYMENT
    (problem,) = problems(tmp_path, DEPLOYMENT.replace(old, new, 1))
    assert (problem.kind, problem.place.line, problem.message) == (kind, line, message)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("- a\n- b\n", "not-an-object", "a list"),
        ("hello\n", "not-an-object", "a single value"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n",
            "not-an-object",
            "generateName",
        ),
        (
            "apiVersion: 1\nkind: Pod\nmetadata: {name: x}\n",
            "not-an-object",
            "apiVersion must be text",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ntrue: {a: b}\n",
            "unknown-field",
            "true",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\non: {a: b}\n",
            "unknown-field",
            'YAML reads the bare on as true: write "on" in quotes',
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: 5}\n",
            "wrong-type",
            '"5"',
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: [a]\n", "wrong-type", "metadata must be"),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: 1web}\nspec: {}\n",
            "bad-value",
            "begin with a letter",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\nspec: {}\n",
            "bad-value",
            "not a valid name",
        ),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\n"
            "spec: {template: {spec: {containers: [{name: a}]}}}\n",
            "bad-value",
            "spec.template.spec.restartPolicy is missing; in a Job it must be Never or OnFailure",
        ),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n",
            "kind-not-allowed",
            "ClusterRole",
        ),
        (
            "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\n",
            "kind-not-allowed",
            "ScaledObject",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n",
            "foreign-namespace",
            "kube-system",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: default}\n",
            "foreign-namespace",
            "ml-lab",
        ),
    ],
)
def test_other_mistakes(tmp_path: Path, text: str, kind: str, words: str) -> None:
    found = problems(tmp_path, text, namespaces=["ml-lab"])
    assert [problem.kind for problem in found if words in problem.message] == [kind], found


def test_custom_resources_of_the_lab_are_left_to_the_cluster(tmp_path: Path) -> None:
    text = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\nspec: {a: 1}\n"
    assert problems(tmp_path, text, kinds=["ScaledObject"]) == []


def test_nulls_for_optional_fields_are_accepted(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("replicas: 2", "replicas:").replace('value: "on"', "value:")
    assert problems(tmp_path, text.replace("cpu: 1,", "cpu: ,")) == []


def test_objects_without_namespace_are_no_problem_here(tmp_path: Path) -> None:
    assert problems(tmp_path, DEPLOYMENT, namespaces=["ml-lab"]) == []


def test_lists_are_unpacked_with_their_places(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n"
        "- apiVersion: v1\n  kind: PodList\n  items:\n  - metadata: {name: b}\n    spec: {x: 1}\n"
        "- 5\n"
    )
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    submission = load_submission(tmp_path)
    config, pod = submission.manifests
    assert (str(config), config.place.line) == ("ConfigMap/a", 4)
    assert config.where(("metadata", "name")).line == 7
    assert (str(pod), pod.api_version, pod.where(("spec", "x")).line) == ("Pod/b", "v1", 12)
    assert [p.kind for p in submission.problems] == [
        "missing-field",
        "unknown-field",
        "not-an-object",
    ]


def test_the_same_object_twice_is_reported_once_with_both_places(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, DEPLOYMENT + "---\n" + DEPLOYMENT)
    assert problem.kind == "duplicate-object"
    assert "a.yaml:1" in problem.message
    other = DEPLOYMENT.replace("  name: web", "  name: web\n  namespace: other")
    assert problems(tmp_path, DEPLOYMENT + "---\n" + other) == []


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("readinesProbe", ["livenessProbe", "readinessProbe"], "readinessProbe"),
        ("Match_labels", ["matchLabels"], "matchLabels"),
        ("zzz", ["abc"], None),
    ],
)
def test_the_nearest_name(word: str, known: list[str], found: str | None) -> None:
    assert nearest(word, known) == found


BASES: list[dict[str, Any]] = [
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "labels": {"a": "b"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [
                        {
                            "name": "a",
                            "image": "b",
                            "ports": [{"containerPort": 1}],
                            "resources": {"limits": {"cpu": "1", "memory": 5}},
                            "livenessProbe": {"httpGet": {"port": 8}},
                        }
                    ]
                },
            },
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"a": "b"}},
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "a"}},
    },
]
ODD = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**31,
        2**63,
        1.5,
        "",
        "x",
        "1Gi",
        "1GB",
        "1Gi\n",
        [],
        [None],
        [{}],
        {},
        {"a": None},
        {"name": "x"},
        {"matchLabels": {"a": 1}},
        [1],
        "8" * 70,
    ]
)


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a JSON value."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [s for v in value.values() for s in _spots(v)]
    if isinstance(value, list):
        keys = [(value, index) for index in range(len(value))]
        return keys + [s for v in value for s in _spots(v)]
    return []


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(BASES), st.data())
def test_the_sentences_agree_with_the_compiled_validator(base: Any, data: st.DataObject) -> None:
    value = copy.deepcopy(base)
    for _ in range(data.draw(st.integers(1, 3))):
        parent, key = data.draw(st.sampled_from(_spots(value)))
        change = data.draw(st.sampled_from(["set", "drop", "add"]))
        if change == "set" or not isinstance(parent, dict):
            parent[key] = copy.deepcopy(data.draw(ODD))
        elif change == "drop" and len(parent) > 1:
            del parent[key]
        else:
            parent[f"{key}x"] = parent[key]
    definition = schemas().find(base["apiVersion"], base["kind"])
    assert definition is not None
    findings = Explainer(schemas()).findings(definition, value)
    assert schemas().is_valid(definition, value) == (not findings)


@pytest.mark.parametrize("kind", ["Deployment", "Service", "Pod", "Job", "CronJob", "StatefulSet"])
def test_each_kind_of_the_course_has_a_schema(kind: str) -> None:
    known = schemas()
    assert known.find(known.kinds[kind][0], kind)


def test_stable_versions_come_first() -> None:
    assert schemas().kinds["HorizontalPodAutoscaler"] == ["autoscaling/v2", "autoscaling/v1"]
