"""The fixture `manifests`: the learner's files as objects."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from grader.errors import CourseError
from grader.judge.failure import CheckFailed
from grader.judge.language.changes import Changes, changes_of
from grader.judge.language.expectation import note
from grader.judge.language.fields import FilledForm, dig
from grader.judge.language.network import Network, Peer
from grader.judge.language.objects import ManifestObject
from grader.judge.language.reach import Reachability, labels_of, peer_of
from grader.model.draws import pick
from grader.model.manifest import Submission

CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "IngressClass",
        "RuntimeClass",
    }
)

_LAWFUL = {
    "kind-not-allowed": "objects of the kinds that this lab allows",
    "foreign-namespace": "objects in the lab's own namespaces",
    "duplicate-object": "each object once",
}
"""What must be instead, where it is the lab and not Kubernetes that objects."""


class Manifests:
    """What a check may ask of the submission's files."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self._objects = [ManifestObject(manifest) for manifest in submission.manifests]

    def all(self, kind: str | None = None) -> list[ManifestObject]:
        """Every object, or every object of a kind, in file order."""
        return [found for found in self._objects if kind is None or found.kind == kind]

    def maybe(self, kind: str, name: str, namespace: str | None = None) -> ManifestObject | None:
        """The object, or None; fails when it is there twice."""
        found = [
            candidate
            for candidate in self.all(kind)
            if candidate.object_name == name and namespace in (None, candidate.namespace)
        ]
        if len(found) > 1:
            places = ", ".join(candidate.where for candidate in found)
            raise CheckFailed(f"one {kind} called {name}", f"{len(found)} of them", places)
        return found[0] if found else None

    def one(self, kind: str, name: str, namespace: str | None = None) -> ManifestObject:
        """The object; fails when there is none, naming what comes nearest, or more than one."""
        found = self.maybe(kind, name, namespace)
        if found is None:
            place = f" in namespace {namespace}" if namespace else ""
            raise CheckFailed(f"a {kind} called {name}{place}", self._nearest(kind, name))
        note(f"{kind}/{name} is defined", found.where, weak=True)
        return found

    def form(self, name: str) -> FilledForm:
        """The form in the file of this name (`.yml` and `.json` are as good); fails without it."""
        stem = name.rpartition(".")[0]
        for form in self.submission.forms:
            if form.file.rpartition(".")[0] == stem:
                note(f"{form.file} is filled in", str(form.place), weak=True)
                return FilledForm(form, form.value)
        seen = ", ".join(form.file for form in self.submission.forms) or "no form"
        raise CheckFailed(f"the form {name}", seen)

    def build(self, name: str) -> Manifests:
        """What a kustomize tree of the lab was built to; fails where it could not be built."""
        build = self.submission.build(name)
        if build is None:
            raise CourseError(f"the lab has no kustomize tree {name!r}")
        if build.built is None:
            raise CheckFailed(f"kubectl kustomize {build.folder} to succeed", build.error)
        note(f"{build.folder} builds to {len(build.built.manifests)} objects", weak=True)
        return Manifests(build.built)

    def drawn(self, path: str) -> Any:
        """What the seed drew under this name, in a seeded lab: `manifests.drawn("model.tag")`."""
        return pick(self.submission.drawn, path)

    @property
    def start(self) -> Manifests:
        """The files that the learner began with, in a seeded lab."""
        if self.submission.start is None:
            raise CourseError("only a seeded lab knows the files that its learner began with")
        return Manifests(self.submission.start)

    def changes(self, namespace: str) -> Changes:
        """What differs in this namespace from the files that the learner began with."""
        there = [found for found in self._objects if found.namespace == namespace]
        given = [found for found in self.start._objects if found.namespace == namespace]
        homeless = [found for found in self._objects if found.namespace is None]
        return changes_of(given, there, namespace, homeless)

    def are_valid(self) -> None:
        """No file has a field, type or kind that Kubernetes does not know."""
        problems = self.submission.problems
        if problems:
            first = problems[0]
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise CheckFailed(
                _LAWFUL.get(first.kind, "manifests that Kubernetes accepts as they are written"),
                f"{first.message}{more}",
                ", ".join(str(problem.place) for problem in problems[:5]),
            )
        note(f"{len(self._objects)} objects match the Kubernetes schemas, strictly")

    def every_namespace_is(self, *names: str) -> None:
        """Every namespaced object says this namespace, or one of these, itself."""
        wanted = " or ".join(names)
        for found in self._objects:
            if found.kind in CLUSTER_SCOPED:
                continue
            if found.namespace not in names:
                observed = found.namespace or "none, so it would go to whatever is current"
                raise CheckFailed(
                    f"{found.manifest} to say namespace {wanted}",
                    observed,
                    str(found.manifest.where(("metadata", "namespace"))),
                )
        note(f"every namespaced object says namespace {wanted}")

    def network(self, namespaces: Mapping[str, Mapping[str, str]] | None = None) -> Reachability:
        """Who may reach whom under the NetworkPolicies of the files, were they in force.

        `namespaces` gives the labels of namespaces that are not the learner's.
        """
        policies = self.all("NetworkPolicy")
        written = labels_of(found.manifest.value for found in self.all("Namespace"))

        def find(of: str, namespace: str | None) -> Peer | None:
            kind, _, name = of.partition("/")
            found = self.maybe(kind, name, namespace)
            if found is None:
                return None
            spec, place = dig(found.full, found.pod_path), found.namespace or ""
            return peer_of(f"a Pod of {of}", place, found.pod_labels(), spec)

        where = ", ".join(found.where for found in policies) or "no NetworkPolicy"
        network = Network((found.full for found in policies), {**(namespaces or {}), **written})
        return Reachability(network, find, where)

    def _nearest(self, kind: str, name: str) -> str:
        same_kind = [found.object_name for found in self.all(kind)]
        if name in same_kind:  # so it is the namespace that is another one
            found = next(found for found in self.all(kind) if found.object_name == name)
            place = f"in namespace {found.namespace}" if found.namespace else "without a namespace"
            return f"{kind} called {name} {place}"
        if near := difflib.get_close_matches(name, same_kind, 1, 0.6):
            return f"{kind} called {near[0]}"
        if same_kind:
            return f"{kind} called {', '.join(same_kind[:5])}"
        same_name = [found.kind for found in self._objects if found.object_name == name]
        if same_name:
            return f"{', '.join(same_name)} of that name, but no {kind}"
        kinds = sorted({found.kind for found in self._objects})
        return f"no {kind}; the files hold {', '.join(kinds) or 'nothing'}"
