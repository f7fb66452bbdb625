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
    where = suited(lab, where)
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

            spec = ClusterSpec(nodes=lab.file.nodes, servers=lab.file.servers)
            with lab_cluster(spec, progress) as status:
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
    """The one cluster that `mlk8s up` makes, running.

    `servers` hold in the learner's own namespaces from now on, for `kubectl apply` and `--live`;
    the namespaces of a run bring theirs.
    """
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


def fetch_crds(progress: Progress = silent) -> None:
    """Bring the custom resource definitions of all labs into the cache, for later without a
    network. Where they cannot be had now, the labs that need them say so."""
    import contextlib

    from cluster.crds.fetch import ensure
    from cluster.errors import ClusterError
    from grader.load.labs import all_labs

    for name in sorted({name for lab in all_labs() for name in lab.file.crds}):
        with contextlib.suppress(ClusterError):
            ensure([name], progress)


def suited(lab: Lab, where: str) -> str:
    """The kind of cluster for this lab, from what was asked for.

    Raises UsageError where a lab is asked to be played on a cluster on which its verdicts have not
    been proven.
    """
    if where == "kind" and "kind" not in lab.file.clusters:
        raise UsageError(
            f"lab {lab.number} has not been proven on real containers yet",
            f"mlk8s check {lab.number} --cluster embedded",
        )
    if where != "auto" or lab.file.live:
        return where
    # A lab with nodes of its own would take a second cluster of containers, and a minute.
    shares = lab.file.isolation == "namespace"
    return "auto" if shares and "kind" in lab.file.clusters else "embedded"


def _known(where: str) -> None:
    if where not in ("auto", "embedded", "kind") and not where.startswith(CONTEXT):
        raise UsageError(f"there is no cluster {where!r}", f"Choose {CHOICES}.")
