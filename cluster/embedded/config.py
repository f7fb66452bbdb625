"""What kwokctl is told: components, ports, and how simulated nodes report themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.embedded.ports import LOOPBACK, free_ports
from cluster.model import QUOTA_SYNC

Json = dict[str, Any]

_PORT_OPTIONS = (
    "kubeApiserverPort",
    "etcdPort",
    "etcdPeerPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)


@dataclass(frozen=True)
class Tools:
    """Paths of the binaries that a cluster is made of."""

    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubectl: Path
    etcd: Path
    kwok: Path
    kwokctl: Path

    @classmethod
    def from_paths(cls, paths: Mapping[str, Path]) -> Tools:
        """From the programs' paths by name."""
        return cls(**{name.replace("-", "_"): path for name, path in paths.items()})


def choose_ports() -> dict[str, int]:
    """A free port for each component, by the name of kwokctl's option."""
    return dict(zip(_PORT_OPTIONS, free_ports(len(_PORT_OPTIONS)), strict=True))


def kwokctl_config(
    tools: Tools,
    ports: dict[str, int],
    version: str,
    pki: Path | None = None,
    time_factor: float = 1.0,
) -> str:
    """The YAML that `kwokctl create cluster --config` reads: options and node stages.

    `pki` is the folder of the certificates that kwokctl will make.
    """
    options: Json = {
        "runtime": "binary",
        "kubeVersion": f"v{version}",
        # Without this every component listens on all interfaces, and etcd asks for no password.
        "bindAddress": LOOPBACK,
        "disableQPSLimits": True,
        "quietPull": True,
        "kubeApiserverBinary": str(tools.kube_apiserver),
        "kubeControllerManagerBinary": str(tools.kube_controller_manager),
        "kubeSchedulerBinary": str(tools.kube_scheduler),
        "kubectlBinary": str(tools.kubectl),
        "etcdBinary": str(tools.etcd),
        "kwokControllerBinary": str(tools.kwok),
        **ports,
    }
    configuration = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": options,
        "componentsPatches": [
            # A cluster for exercises may lose its last second in a power cut; writes are faster.
            _extra("etcd", {"unsafe-no-fsync": "true"}),
            # One instance each: there is nobody to elect.
            _extra(
                "kube-controller-manager",
                {
                    "leader-elect": "false",
                    "resource-quota-sync-period": QUOTA_SYNC,
                    **_autoscaling(time_factor),
                },
            ),
            # Preemption beside the scheduling loop may lose a Pod: on a busy machine its victims
            # are gone before that has ended, and the Pod is not looked at again for minutes.
            _extra(
                "kube-scheduler",
                {"leader-elect": "false", "feature-gates": "SchedulerAsyncPreemption=false"},
            ),
            _extra("kube-apiserver", _towards_kubelets(pki)),
        ],
    }
    return yaml.safe_dump_all([configuration, *node_stages()], sort_keys=False)


def _autoscaling(time_factor: float) -> dict[str, str]:
    """An autoscaler that looks every second and trusts what it sees.

    Its default window before scaling down, five minutes, follows the simulation's time; windows
    that an HPA sets itself are real seconds.
    """
    window = max(1, round(300 * time_factor))
    return {
        "horizontal-pod-autoscaler-sync-period": "1s",
        "horizontal-pod-autoscaler-cpu-initialization-period": "0s",
        "horizontal-pod-autoscaler-initial-readiness-delay": "0s",
        "horizontal-pod-autoscaler-downscale-stabilization": f"{window}s",
    }


def _towards_kubelets(pki: Path | None) -> dict[str, str]:
    """How the API server reaches the simulated kubelet of any node for logs."""
    found = {"kubelet-preferred-address-types": "ExternalDNS,InternalIP"}
    if pki is not None:
        found["kubelet-client-certificate"] = str(pki / "admin.crt")
        found["kubelet-client-key"] = str(pki / "admin.key")
    return found


def _extra(component: str, arguments: dict[str, str]) -> Json:
    extra = [{"key": key, "value": value} for key, value in arguments.items()]
    return {"name": component, "extraArgs": extra}


def node_stages() -> list[Json]:
    """KWOK stages for Nodes: report Ready once, then a heartbeat every few minutes.

    Leases keep the node controller content in between, so the heartbeat is rare: each one is a
    change that every watcher of Nodes receives. Pods have no stages; `cluster.embedded.kubelet`
    plays their containers.
    """
    template = """\
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ or $.metadata.creationTimestamp $now | Quote }}
{{ end }}
"""
    ready = '.status.conditions.[] | select(.type == "Ready") | .status'
    return [
        _stage("node-comes-up", [_match(ready, "NotIn")], template),
        _stage("node-heartbeat", [_match(ready, "In")], template, every_ms=240_000),
    ]


def _match(query: str, operator: str) -> Json:
    return {"key": query, "operator": operator, "values": ["True"]}


def _stage(name: str, matches: list[Json], template: str, every_ms: int = 0) -> Json:
    spec: Json = {
        "resourceRef": {"apiGroup": "v1", "kind": "Node"},
        "selector": {"matchExpressions": matches},
        "steps": [{"patch": {"subresource": "status", "root": "status", "template": template}}],
    }
    if every_ms:
        spec["delay"] = {"durationMilliseconds": every_ms}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": spec,
    }


def component_environment(workdir: Path) -> dict[str, str]:
    """The environment for kwokctl: the user's own, without what could lead it astray.

    KWOK_* of the user would change versions and paths; KUBECONFIG and kubectl's cache must never
    be the user's.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("KWOK_") and not key.startswith("MLK8S_")
    }
    kept["KWOK_WORKDIR"] = str(workdir)
    kept["KUBECONFIG"] = str(workdir / "no-kubeconfig")
    kept["KUBECACHEDIR"] = str(workdir / "kubectl-cache")
    return kept
