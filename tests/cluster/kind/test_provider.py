"""What the provider decides, with a fake engine and a fake API server's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.errors import CannotProvide, ClusterDown
from cluster.kind import images, nodes, probe, provider
from cluster.kind.engine import find_engine
from cluster.kind.provider import KindProvider
from cluster.kind.state import Folder, Record
from cluster.model import DEFAULT_NODES, ClusterSpec, NodeSpec
from tests.cluster.kind.fakes import FakeEngine

Json = dict[str, Any]


class FakeApi:
    """Answers from a dictionary and notes what is changed."""

    def __init__(
        self, objects: dict[str, Json], lists: dict[str, list[Json]] | None = None
    ) -> None:
        self.objects = objects
        self.lists = lists or {}
        self.changes: list[tuple[str, Any]] = []

    def get(self, path: str) -> Json | None:
        return self.objects.get(path)

    def items(self, path: str) -> list[Json]:
        return self.lists.get(path, [])

    def ready(self) -> bool:
        return True

    def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
        self.changes.append((path, body))
        return {}


def node(name: str, gpus: int = 0, labels: Json | None = None, taints: Any = ()) -> Json:
    capacity = {"cpu": "2", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "metadata": {
            "name": name,
            "labels": {"node-role.kubernetes.io/worker": "", **(labels or {})},
        },
        "spec": {"taints": list(taints)},
        "status": {
            "capacity": capacity,
            "nodeInfo": {"containerRuntimeVersion": "containerd://2.4.2"},
        },
    }


GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def test_a_node_that_is_right_is_left_alone() -> None:
    labels = {"accelerator": "nvidia-a100"}
    api = FakeApi({f"{nodes.NODES}/gpu-worker": node("gpu-worker", 1, labels, [GPU_TAINT])})
    assert nodes.reconcile(api, DEFAULT_NODES[2:]) == []  # type: ignore[arg-type]
    assert api.changes == []


def test_a_bare_node_gets_label_taint_and_gpu() -> None:
    api = FakeApi({f"{nodes.NODES}/gpu-worker": node("gpu-worker")})
    assert nodes.reconcile(api, DEFAULT_NODES[2:]) == ["gpu-worker"]  # type: ignore[arg-type]
    (_, metadata), (path, gpu) = api.changes
    assert metadata["metadata"]["labels"] == {"accelerator": "nvidia-a100"}
    assert metadata["spec"]["taints"] == [GPU_TAINT]
    assert path.endswith("/gpu-worker/status")
    assert gpu == [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": "1"}]


def test_taints_that_kubernetes_sets_stay() -> None:
    passing = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    api = FakeApi({f"{nodes.NODES}/cpu": node("cpu", taints=[passing, GPU_TAINT])})
    nodes.reconcile(api, (NodeSpec(name="cpu"),))  # type: ignore[arg-type]
    assert api.changes[0][1]["spec"]["taints"] == [passing]


def _dns(ready: bool) -> Json:
    return {
        "spec": {"containers": [{"readinessProbe": {"httpGet": {}}}]},
        "status": {
            "containerStatuses": [
                {"ready": ready, "state": {"running": {}}, "containerID": "containerd://1"}
            ]
        },
    }


def test_capabilities_are_what_the_cluster_shows() -> None:
    path = "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns"
    real = [node("one")]
    api = FakeApi({}, {"/api/v1/nodes": real, path: [_dns(True)]})
    assert probe.measure(api).containers == "real"  # type: ignore[arg-type]
    waiting = FakeApi({}, {"/api/v1/nodes": real, path: [_dns(False)]})
    assert probe.measure(waiting).containers is None  # type: ignore[arg-type]
    fake = node("one")
    fake["status"]["nodeInfo"]["containerRuntimeVersion"] = "simulated://1.0"
    simulated = FakeApi({}, {"/api/v1/nodes": [fake], path: [_dns(True)]})
    assert probe.measure(simulated).kubelet is None  # type: ignore[arg-type]


def test_status_says_why_the_cluster_is_down(engine: FakeEngine) -> None:
    engine.install("podman")
    kind = KindProvider()
    assert kind.status("x").detail == "There is no cluster x."
    folder = Folder("x")
    record = Record(phase="creating", spec=ClusterSpec(name="x"), engine="podman", image="i")
    folder.write(record)
    assert "interrupted" in kind.status("x").detail
    folder.write(record.model_copy(update={"phase": "ready"}))
    assert "are gone" in kind.status("x").detail
    engine.container("x-control-plane", "exited")
    assert "x-control-plane is stopped" in kind.status("x").detail
    engine.container("x-control-plane")
    assert "does not answer" in kind.status("x").detail
    engine.fail("ps", "engine broke")
    assert "engine broke" in kind.status("x").detail


def test_what_does_not_exist_is_down(engine: FakeEngine) -> None:
    kind = KindProvider()
    for ask in (kind.kubeconfig, kind.capabilities):
        with pytest.raises(ClusterDown, match="There is no cluster x"):
            ask("x")
    assert kind.delete("x") is False
    assert kind.names() == []


def test_without_any_way_to_a_node_image_every_reason_is_named(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.install("podman")
    monkeypatch.setattr(images, "reachable", lambda: False)
    monkeypatch.setattr("cluster.bundle.source.unavailable", lambda: "It needs root.")
    with pytest.raises(CannotProvide, match=r"cannot be reached\. It needs root\.") as caught:
        images.ensure_node_image(find_engine(), lambda event: None)
    assert caught.value.hint == "mlk8s bundle load FILE"


def test_a_reachable_registry_is_asked(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.install("podman")
    monkeypatch.setattr(images, "reachable", lambda: True)
    image = images.ensure_node_image(find_engine(), lambda event: None)
    assert image.official
    assert engine.calls("pull") == [["pull", "--quiet", images.OFFICIAL]]
    assert KindProvider().image_at_hand() == images.OFFICIAL


def test_an_image_that_the_user_names_must_be_there(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.install("podman")
    monkeypatch.setenv("MLK8S_NODE_IMAGE", "my/node:v1")
    with pytest.raises(CannotProvide, match="no image my/node:v1"):
        images.ensure_node_image(find_engine(), lambda event: None)
    (engine.root / "images" / "my_node:v1").write_text("sha256:1")
    assert images.ensure_node_image(find_engine(), lambda event: None).name == "my/node:v1"


def test_podman_needs_the_folder_that_kind_mounts(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.install("podman")
    monkeypatch.setattr(provider, "MODULES", tmp_path / "none")
    reason = KindProvider().available()
    assert reason is not None
    assert "sudo mkdir -p" in reason


class ProbeApi(FakeApi):
    """Answers the policy probe: `answers` are what the client says before and after the policy."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__({})
        self.before, self.after, self.closed = before, after, False

    def get(self, path: str) -> Json | None:
        if path.endswith(f"/namespaces/{probe.NAMESPACE}"):
            return None
        return {"status": {"phase": "Running", "podIP": "10.244.0.9"}}

    def call(self, method: str, path: str, body: Any = None, kind: str = "") -> Json:
        self.closed = self.closed or path.endswith("/networkpolicies")
        return super().call(method, path, body, kind)

    def text(self, method: str, path: str, body: Any = None, kind: str = "") -> tuple[int, str]:
        return 200, f"{self.after if self.closed else self.before}\n"

    def delete(self, path: str) -> bool:
        return True


@pytest.mark.parametrize(
    ("before", "after", "enforced"),
    [("open", "shut", True), ("open", "open", False), ("shut", "shut", None)],
)
def test_policies_are_tried(
    before: str, after: str, enforced: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe.time, "monotonic", iter(range(0, 100_000, 1)).__next__)
    monkeypatch.setattr(probe.time, "sleep", lambda seconds: None)
    api = ProbeApi(before, after)
    assert probe.policies_are_enforced(api) is enforced  # type: ignore[arg-type]
