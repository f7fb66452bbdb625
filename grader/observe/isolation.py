"""A place of its own for one run: namespaces, limits, identity; made before and removed after."""

from __future__ import annotations

import json
import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from cluster.embedded.simulation import OWN, encode_servers
from cluster.processes import alive, myself
from grader.errors import MachineError
from grader.model.lab import Lab, LabVolume
from grader.observe import identity
from grader.observe.client import MERGE, Api, ApiAnswer
from grader.observe.identity import RUN_LABEL
from grader.observe.kinds import KNOWN, Kind, Kinds
from grader.observe.names import Names
from grader.observe.sizes import Sizes
from grader.observe.volumes import real_name, volume_object

Json = dict[str, Any]
Object = dict[str, Any]

OWNER = "mlk8s.dev/owner"
KEEP = "mlk8s.dev/keep"
NODES = "mlk8s.dev/nodes-before"
QUOTA = "mlk8s-limits"
ENFORCE = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")
LOWEST = "baseline"

OURS = "mlk8s.dev/"
_GRANTS = (
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_HARD = {
    "pods": "120",
    "services": "40",
    "secrets": "60",
    "configmaps": "60",
    "persistentvolumeclaims": "20",
    "count/deployments.apps": "40",
    "count/replicasets.apps": "200",
    "count/statefulsets.apps": "20",
    "count/jobs.batch": "60",
    "count/cronjobs.batch": "20",
}
"""Far above what any lab asks, far below what would hurt the other runs."""


@dataclass
class Isolation:
    """One run's place on the cluster."""

    run: str
    names: Names
    kinds: tuple[Kind, ...]
    allowed: frozenset[str] = frozenset()
    """Names of the kinds that the lab allows, also of those that the cluster does not have."""
    written_labels: frozenset[str] = frozenset()
    """Labels that the submission's own Namespace manifests write."""
    nodes_before: dict[str, Json] = field(default_factory=dict)
    """Nodes that the run has changed, as they were: labels, taints, unschedulable."""
    created: list[str] = field(default_factory=list)
    """Paths of the run's namespaces and other objects outside namespaces, in order of creation."""
    sizes: Sizes = field(default_factory=Sizes)
    volumes: tuple[LabVolume, ...] = ()
    """What the lab gives; each run has its own."""
    marks: dict[str, str] = field(default_factory=dict)
    """Annotations of the run's namespaces."""

    @property
    def user(self) -> str:
        """The identity of the submission."""
        return identity.user_of(self.run)

    @property
    def visitor(self) -> str:
        """How the names of Pods that ask Services from inside begin; nobody can guess it."""
        return f"mlk8s-visitor-{self.run}"

    @property
    def own_volumes(self) -> frozenset[str]:
        """Names of the run's volumes on the cluster."""
        return frozenset(real_name(volume, self.run) for volume in self.volumes)

    def allows(self, kind: str) -> bool:
        """Whether the lab allows this kind."""
        return kind in self.allowed

    def text_back(self, text: str) -> str:
        """A message with the lab's names and the learner's amounts."""
        return self.sizes.text_back(self.names.text_back(text))

    def hides(self, obj: Object) -> bool:
        """Whether an object is the grader's own, or comes with every namespace."""
        kind, name = obj.get("kind"), (obj.get("metadata") or {}).get("name")
        # By name, never by label: a submission could put our label on its own objects.
        return (
            (kind == "ResourceQuota" and name == QUOTA)
            or (kind == "ConfigMap" and name == "kube-root-ca.crt")
            or (kind in _GRANTS and self._is_grant(str(name)))
            or (kind == "Pod" and self._is_visitor(name))
            or (kind == "Event" and self._is_visitor((obj.get("involvedObject") or {}).get("name")))
        )

    def _is_visitor(self, name: Any) -> bool:
        return str(name).startswith(self.visitor)

    def _is_grant(self, name: str) -> bool:
        return name == identity.name_of(self.run) or name.startswith(
            identity.probe_name_of(self.run)
        )

    def retouch(self, obj: Object) -> Object:
        """A Namespace without the marks that the grader put there; amounts as the learner wrote."""
        if obj.get("kind") != "Namespace":
            return self.sizes.back(obj)
        metadata = dict(obj["metadata"])
        for part in ("labels", "annotations"):
            kept = {
                key: value
                for key, value in (metadata.get(part) or {}).items()
                if not key.startswith(OURS) and (key != ENFORCE or key in self.written_labels)
            }
            metadata[part] = kept
            if not kept:
                del metadata[part]
        return {**obj, "metadata": metadata}


def new_run() -> str:
    """A short name that no other run has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


def plan(
    lab: Lab,
    kinds: Kinds,
    written_labels: frozenset[str],
    sizes: Sizes | None = None,
    reused: bool = False,
) -> Isolation:
    """The names and kinds of a new run; changes nothing yet.

    `reused`: the cluster serves one run after the other, each in namespaces of its own.
    """
    run = new_run()
    spaces = lab.file.namespaces
    shared = lab.file.isolation == "namespace"
    names = Names.unique(spaces, run) if shared or reused else Names.unchanged(spaces)
    allowed = tuple(kind for kind in map(kinds.named, lab.file.kinds) if kind is not None)
    wide = {kind.name for kind in allowed if not kind.namespaced} - {"Namespace"}
    if not shared:
        wide = set()
    return Isolation(
        run,
        names,
        tuple(kind for kind in allowed if kind.name not in wide),
        frozenset(lab.file.kinds) - wide,
        written_labels,
        sizes=sizes or Sizes(),
        volumes=lab.file.volumes,
        marks={OWN: encode_servers(lab.file.servers)},
    )


def prepare(api: Api, isolation: Isolation, keep: bool = False) -> None:
    """Create namespaces, limits and permissions; the caller waits for accounts and quotas."""
    owner = json.dumps(_owner())
    annotations = {OWNER: owner, **isolation.marks, **({KEEP: "true"} if keep else {})}
    labels = {RUN_LABEL: isolation.run, ENFORCE: LOWEST}
    for namespace in isolation.names.real:
        manifest = {"metadata": {"name": namespace, "labels": labels, "annotations": annotations}}
        _create_namespace(api, manifest)
        isolation.created.append(KNOWN["Namespace"].path(name=namespace))
        metadata = {"name": QUOTA, "labels": {RUN_LABEL: isolation.run}}
        quota = {"metadata": metadata, "spec": {"hard": _HARD}}
        _must(api.call("POST", KNOWN["ResourceQuota"].path(namespace), quota), "its quota")
    for grant in identity.grants(isolation.run, isolation.kinds, isolation.names.real):
        kind, metadata = KNOWN[grant["kind"]], grant["metadata"]
        path = kind.path(metadata.get("namespace", ""))
        _must(api.call("POST", path, grant), f"the {kind.name} {metadata['name']}")
    _make_volumes(api, isolation)
    identity.await_grants(api, isolation.run, isolation.kinds, isolation.names.real)


def _make_volumes(api: Api, isolation: Isolation) -> None:
    paths = []
    for volume in isolation.volumes:
        namespace = volume.namespace or isolation.names.lab[0]
        real = isolation.names.to_real(namespace) or namespace
        manifest = volume_object(volume, isolation.run, real, {RUN_LABEL: isolation.run})
        name = str(manifest["metadata"]["name"])
        _must(api.call("POST", KNOWN["PersistentVolume"].path(), manifest), f"a volume {name}")
        paths.append(KNOWN["PersistentVolume"].path(name=name))
    isolation.created += paths
    for path in paths:
        _await_available(api, path)


def _await_available(api: Api, path: str) -> None:
    """Wait until the volume controller has taken the volume in. A claim that came before would be
    told that there is none, and asked about again many seconds later."""
    until = time.monotonic() + 30
    while (api.get(path).body.get("status") or {}).get("phase") != "Available":
        if time.monotonic() > until:
            raise MachineError("The cluster's volume controller did not take in the lab's volumes.")
        time.sleep(0.05)


def _create_namespace(api: Api, manifest: Json) -> None:
    """Create it, once an earlier run's namespace of the same name has gone."""
    name = manifest["metadata"]["name"]
    until = time.monotonic() + 60
    while True:
        answer = api.call("POST", KNOWN["Namespace"].path(), manifest)
        if answer.code != 409 or time.monotonic() > until:
            break
        there = api.get(KNOWN["Namespace"].path(name=name)).body.get("metadata") or {}
        if RUN_LABEL not in (there.get("labels") or {}) or not there.get("deletionTimestamp"):
            break
        time.sleep(0.1)
    _must(answer, f"a namespace {name}")


def _must(answer: ApiAnswer, what: str) -> None:
    if answer.code == 409:
        raise MachineError(
            f"The cluster already has {what}, which is not the grader's to use.",
            "Remove it, or use another cluster.",
        )
    if not answer.ok:
        raise MachineError(f"The API server refused to create {what}: {answer.message}")


def clean_up(api: Api, isolation: Isolation) -> None:
    """Remove all that the run made. The API server finishes the removal by itself.

    Raises MachineError at the first request that gets no answer: what is left then is reaped later.
    """
    _put_back(api, isolation.nodes_before)
    if identity.cluster_rules(isolation.kinds):
        _remove_grants(api, isolation.run)
    # Namespaces last: by them a later run finds what could not be removed now.
    for path in reversed(isolation.created):
        api.call("DELETE", path, **_BRIEF)


def end_pods(api: Api, isolation: Isolation, seconds: float = 30.0) -> None:
    """End the Pods of the run's namespaces, which are going, so that the next run has the room."""
    until = time.monotonic() + seconds
    paths = [KNOWN["Pod"].path(namespace) for namespace in isolation.names.real]
    for path in paths:
        api.call("DELETE", path, query={"gracePeriodSeconds": "1"}, **_BRIEF)
    while any(api.get(path).body.get("items") for path in paths):
        if time.monotonic() > until:
            raise MachineError("Pods of an earlier run do not end.", "mlk8s up")
        time.sleep(0.2)


_BRIEF: Any = {"patience": 2.0, "timeout": 5.0}


def remember_node(api: Api, isolation: Isolation, node: Object) -> None:
    """Keep how a node was, here and on the cluster, so that even a killed run can be undone."""
    name, spec = str(node["metadata"]["name"]), node.get("spec") or {}
    if name in isolation.nodes_before:
        return
    isolation.nodes_before[name] = {
        "metadata": {"labels": dict(node["metadata"].get("labels") or {})},
        "spec": {
            "taints": spec.get("taints") or None,
            "unschedulable": spec.get("unschedulable") or None,
        },
    }
    change = {"metadata": {"annotations": {NODES: json.dumps(isolation.nodes_before)}}}
    api.call("PATCH", KNOWN["Namespace"].path(name=isolation.names.real[0]), change, content=MERGE)


def _put_back(api: Api, nodes: dict[str, Json]) -> None:
    """Give nodes their labels, taints and schedulability back."""
    for name, before in nodes.items():
        path = KNOWN["Node"].path(name=name)
        now = api.get(path).body.get("metadata") or {}
        old: Json = before["metadata"]["labels"]
        added = [key for key in now.get("labels") or {} if key not in old]
        change = {"metadata": {"labels": {**old, **dict.fromkeys(added)}}, "spec": before["spec"]}
        api.call("PATCH", path, change, content=MERGE, **_BRIEF)


def _remove_grants(api: Api, run: str) -> None:
    for kind in (KNOWN["ClusterRoleBinding"], KNOWN["ClusterRole"]):
        api.call("DELETE", kind.path(name=identity.name_of(run)), **_BRIEF)


def _remove_volumes(api: Api, run: str) -> None:
    answer = api.get(KNOWN["PersistentVolume"].path(), labelSelector=f"{RUN_LABEL}={run}")
    for item in answer.body.get("items") or []:
        path = KNOWN["PersistentVolume"].path(name=str(item["metadata"]["name"]))
        api.call("DELETE", path, **_BRIEF)


# Leftovers of runs that were killed


def _owner() -> Json:
    me = myself()
    return {"host": socket.gethostname(), "pid": me.pid, "started": me.started}


def reap(api: Api) -> list[str]:
    """Remove what runs of this machine left whose process has ended; returns their names."""
    answer = api.get(KNOWN["Namespace"].path(), labelSelector=RUN_LABEL)
    gone = []
    for item in answer.body.get("items") or []:
        metadata = item["metadata"]
        notes = metadata.get("annotations") or {}
        if KEEP in notes or metadata.get("deletionTimestamp") or not _left_behind(notes.get(OWNER)):
            continue
        _put_back(api, json.loads(notes.get(NODES) or "{}"))
        run = str(metadata["labels"][RUN_LABEL])
        _remove_grants(api, run)
        _remove_volumes(api, run)
        api.call("DELETE", KNOWN["Namespace"].path(name=metadata["name"]))
        gone.append(str(metadata["name"]))
    return gone


def _left_behind(owner: str | None) -> bool:
    """Whether the process that made it has ended. Another machine's processes are not judged."""
    try:
        found = json.loads(owner or "")
        if found["host"] != socket.gethostname():
            return False
        return not alive(int(found["pid"]), str(found["started"]))
    except (ValueError, KeyError, TypeError):
        return False
