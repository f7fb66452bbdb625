"""The kind configuration of a cluster, as a reader would write it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cluster.model import QUOTA_SYNC, ClusterSpec, NodeSpec

Json = dict[str, Any]

POD_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"


CONTROLLERS = {
    # With twenty requests a second, the default, the namespaces of a class take minutes to go.
    "kube-api-qps": "200",
    "kube-api-burst": "400",
    "horizontal-pod-autoscaler-sync-period": "5s",
    "resource-quota-sync-period": QUOTA_SYNC,
}
"""Flags of the controller manager."""


def kind_config(
    spec: ClusterSpec, restrict_oom: bool, reserved: Mapping[str, str] | None = None
) -> str:
    """A control plane and one worker for each node of the spec, under the spec's own names.

    `restrict_oom` is for machines that lack the right to protect processes from the OOM killer;
    `reserved` says what each node's kubelet keeps back from its Pods.
    """
    kept = reserved or {}
    config: Json = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {
            # Only this machine may reach the API server; kind picks a free port.
            "apiServerAddress": "127.0.0.1",
            "podSubnet": POD_SUBNET,
            "serviceSubnet": SERVICE_SUBNET,
        },
        # Kubernetes 1.35 refuses machines with cgroup v1 unless told otherwise; no effect on v2.
        "kubeadmConfigPatches": [
            _patch({"kind": "KubeletConfiguration", "failCgroupV1": False}),
            _patch(
                {"kind": "ClusterConfiguration", "controllerManager": {"extraArgs": CONTROLLERS}}
            ),
        ],
        "nodes": [
            {"role": "control-plane"},
            *(_worker(node, kept.get(node.name, "")) for node in spec.nodes),
        ],
    }
    cri = '[plugins."io.containerd.grpc.v1.cri"]'
    # Where nodes read which mirror to ask for an image.
    registry = cri.replace('cri"', 'cri".registry')
    patches = [f'{registry}\n  config_path = "/etc/containerd/certs.d"\n']
    if restrict_oom:
        patches.append(f"{cri}\n  restrict_oom_score_adj = true\n")
    config["containerdConfigPatches"] = patches
    return yaml.dump(config, Dumper=_Dumper, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as a person would."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _worker(node: NodeSpec, reserved: str) -> Json:
    registration: Json = {"name": node.name}
    if node.taints:
        registration["taints"] = [taint.model_dump() for taint in node.taints]
    if reserved:
        registration["kubeletExtraArgs"] = {"system-reserved": reserved}
    join = {"kind": "JoinConfiguration", "nodeRegistration": registration}
    worker: Json = {"role": "worker", "kubeadmConfigPatches": [_patch(join)]}
    if node.labels:
        worker["labels"] = dict(node.labels)
    return worker


def _patch(document: Json) -> str:
    return yaml.safe_dump(document, sort_keys=False)
