"""On which cluster a lab is played, from what a person asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cluster.model import ClusterSpec, ClusterStatus, Progress, ServerModel, silent
from grader.errors import MachineError, UsageError
from grader.grading.tools import prepare_tools
from grader.model.lab import Lab

CLUSTER_NAME = "mlk8s"
CONTEXT = "context:"
CHOICES = "auto, embedded, kind, none or context:NAME"


@contextmanager
def cluster_for(
    lab: Lab, where: str, progress: Progress = silent, really: str | None = None
) -> Iterator[ClusterStatus]:
    """The cluster to play `lab` on; brought up when needed.

    Labs with `isolation: cluster` get a fresh one that is removed afterwards; the others share the
    cluster that `mlk8s up` makes, or use the context that was named. Raises UsageError for an
    unknown choice, MachineError when no cluster can be had.
    """
    from cluster.errors import ClusterError

    _known(where)
    try:
        prepare_tools(lab, progress)
        if where.startswith(CONTEXT):
            from cluster.kubeconfig import use_context

            if lab.file.isolation == "cluster":
                raise UsageError(
                    f"lab {lab.number} changes nodes, so it is played on a cluster of its own only",
                    f"mlk8s check {lab.number} --cluster embedded",
                )
            yield use_context(where.removeprefix(CONTEXT), really)
        elif lab.file.isolation == "cluster" and where == "kind":
            from cluster.kind.labs import lab_cluster

            with lab_cluster(ClusterSpec(nodes=lab.file.nodes), progress) as status:
                yield status
        elif lab.file.isolation == "cluster":
            from cluster.embedded import fresh

            spec = ClusterSpec(nodes=lab.file.nodes, servers=lab.file.servers)
            with fresh(spec, progress=progress) as status:
                yield status
        else:
            yield shared_cluster(where, lab.file.servers, progress)
    except ClusterError as error:
        raise MachineError(str(error), error.hint) from error


def shared_cluster(
    where: str, servers: tuple[ServerModel, ...], progress: Progress = silent
) -> ClusterStatus:
    """The one cluster that `mlk8s up` makes, running, and knowing these simulated servers."""
    from cluster.choose import choose_provider

    provider, _ = choose_provider(where)
    # Not only where nothing runs: `create` mends what has died, and proves that the controllers
    # work. Without that, a dead controller would look like the learner's mistake.
    status = provider.create(ClusterSpec(name=CLUSTER_NAME, servers=all_servers()), progress)
    provider.teach(CLUSTER_NAME, servers)
    return status


def all_servers() -> tuple[ServerModel, ...]:
    """The simulated servers of every lab, each once."""
    from grader.load.labs import all_labs

    # By what a model is for: one image may behave differently by tag or container.
    found = {
        (server.image, server.tags, server.containers): server
        for lab in all_labs()
        for server in lab.file.servers
    }
    return tuple(found.values())


def _known(where: str) -> None:
    if where not in ("auto", "embedded", "kind") and not where.startswith(CONTEXT):
        raise UsageError(f"there is no cluster {where!r}", f"Choose {CHOICES}.")
