"""`up`, `down`, `status`, `kubeconfig` and `kubectl`: the cluster that labs run on."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from grader.cli.check import Json
from grader.cli.consoles import err, out
from grader.errors import EXIT_MACHINE, MachineError

Provider = Annotated[str, typer.Option(help="auto, embedded or kind.")]


class _Verbatim(TyperCommand):
    """Takes every word as it is, `--` included: after that come those of a command in a Pod."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Leave all to the program that is called."""
        ctx.args = list(args)
        return []


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(kubeconfig)
    app.command(cls=_Verbatim, context_settings={"help_option_names": []})(kubectl)


def up(provider: Provider = "auto", as_json: Json = False) -> None:
    """Bring the cluster up, or repair it. Your own kubeconfig and contexts stay untouched.

    Examples:

        mlk8s up

        mlk8s up --provider embedded

        mlk8s up --json | jq -r .kubeconfig
    """
    from cluster.choose import choose_provider
    from cluster.model import ClusterSpec
    from grader.grading.where import CLUSTER_NAME, all_servers, fetch_crds
    from grader.report.progress import ProgressView

    chosen, reason = choose_provider(provider)
    err().print(f"Cluster: {reason}", markup=False)
    with ProgressView(err()) as view:
        made = chosen.create(ClusterSpec(name=CLUSTER_NAME, servers=all_servers()), view)
        fetch_crds(view)
    if as_json:
        typer.echo(made.model_dump_json(indent=2))
        return
    out().print(_sentence(made), markup=False, soft_wrap=True)
    out().print("Look around with `mlk8s kubectl get nodes`.", style="dim", markup=False)


def down(provider: Provider = "auto", as_json: Json = False) -> None:
    """Remove the cluster that `up` made and those that labs have left, and nothing else.

    Examples:

        mlk8s down
    """
    from cluster.choose import remove
    from grader.grading.where import CLUSTER_NAME
    from grader.report.progress import ProgressView

    with ProgressView(err()) as view:
        removed = remove(provider, CLUSTER_NAME, view)
    if as_json:
        typer.echo(json.dumps({"removed": removed}))
        return
    out().print("The cluster is gone." if removed else "There was no cluster.")


def status(provider: Provider = "auto", as_json: Json = False) -> None:
    """Say whether the cluster runs and what it can prove. Exit code 3 when it does not run.

    Examples:

        mlk8s status

        mlk8s status --json
    """
    from cluster.choose import choose_provider
    from grader.grading.where import CLUSTER_NAME

    chosen, _ = choose_provider(provider)
    found = chosen.status(CLUSTER_NAME)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        out().print(_sentence(found), markup=False, soft_wrap=True)
    raise typer.Exit(0 if found.running else EXIT_MACHINE)


def kubeconfig() -> None:
    """Print the path of the cluster's own kubeconfig.

    Examples:

        export KUBECONFIG="$(mlk8s kubeconfig)"
    """
    typer.echo(_kubeconfig())


def kubectl(context: typer.Context) -> None:
    """Run kubectl on the cluster; everything after `kubectl` is passed on as it is.

    Examples:

        mlk8s kubectl get pods -A

        alias k='mlk8s kubectl'
    """
    from cluster.binaries import ensure

    path = _kubeconfig()
    binary = str(ensure(["kubectl"])["kubectl"])
    environment = {**os.environ, "KUBECONFIG": path}
    os.execve(binary, ["kubectl", *context.args], environment)  # noqa: S606 - no shell is wanted


def _kubeconfig() -> str:
    from cluster.choose import choose_provider
    from grader.grading.where import CLUSTER_NAME

    chosen, _ = choose_provider("auto")
    found = chosen.status(CLUSTER_NAME)
    if not found.running or found.kubeconfig is None:
        raise MachineError("the cluster is not running", "`mlk8s up` starts it.")
    return str(found.kubeconfig)


def _sentence(found: object) -> str:
    from cluster.model import ClusterStatus

    assert isinstance(found, ClusterStatus)  # noqa: S101 - imported late for a quick --help
    if not found.running:
        return f"The cluster is not running. {found.detail}".strip()
    version = (found.kubernetes_version or "").removeprefix("v")
    nodes = ", ".join(found.nodes)
    words = f"Kubernetes {version} is running ({found.provider}), nodes {nodes}."
    capabilities = found.capabilities
    simulated = [
        name.replace("_", " ")
        for name in ("control_plane", "kubelet", "containers")
        if getattr(capabilities, name) == "simulated"
    ]
    if simulated:
        speed = 1 / capabilities.time_factor
        words += f" Simulated: {', '.join(simulated)}, {speed:.0f} times faster than life."
    return words
