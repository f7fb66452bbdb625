"""The node image: a Debian system, kind's own files, Kubernetes, and its components' images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cluster.binaries.catalog import COREDNS_VERSION, ETCD_VERSION, go_platform
from cluster.bundle.archive import ImageConfig, Layer, write_image
from cluster.bundle.source.debian import System
from cluster.bundle.source.recipe import (
    FILES,
    NETWORK_IMAGE,
    NODE_IMAGE,
    PAUSE_IMAGES,
)
from cluster.errors import ClusterError
from cluster.model import KUBERNETES_VERSION

_CNI = ("host-local", "loopback", "portmap", "ptp")
_SWEPT = (
    "var/cache/apt/archives/",
    "var/cache/apt/pkgcache.bin",
    "var/cache/apt/srcpkgcache.bin",
    "var/lib/apt/lists/",
    "var/log/",
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/info/",
    "etc/nginx",
    "usr/sbin/nginx",
    "usr/lib/nginx",
    "usr/share/nginx",
    # kind decides itself what starts in a node.
    "lib/systemd/system/multi-user.target.wants/",
    "usr/lib/systemd/system/multi-user.target.wants/",
    "usr/lib/systemd/system/local-fs.target.wants/",
    "usr/lib/systemd/system/basic.target.wants/",
    "usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
)
MIRRORED = ("docker.io", "registry.example.com")
"""Registries whose images a node looks for at its own mirror first."""
ENTRYPOINT = ("/usr/local/bin/entrypoint", "/sbin/init")


def keep(name: str) -> bool:
    """Whether a file of the Debian system belongs into the node image."""
    if name.startswith(_SWEPT):
        return False
    wants = name.rpartition("/")[0]
    if name.startswith("etc/systemd/system/") and wants.endswith(".wants"):
        return False
    sockets = "usr/lib/systemd/system/sockets.target.wants/"
    return not (name.startswith(sockets) and ("udev" in name or "initctl" in name))


def system_layer(system: System, target: Path) -> Path:
    """The Debian system as a layer."""
    with Layer(target) as layer:
        layer.tree(system.root, keep)
    return target


def network_layer(system: System, target: Path) -> Path:
    """What kube-proxy and node-network call: iptables and ip, with all that they need."""
    programs = ["/usr/sbin/xtables-nft-multi", "/usr/bin/ip"]
    folder = next(iter(system.root.glob("usr/lib/*/xtables")), None)
    if folder is None:
        raise ClusterError("The Debian system has no iptables extensions.")
    # Extensions are loaded by name and need libraries of their own.
    programs += [f"/{path.relative_to(system.root)}" for path in sorted(folder.iterdir())]
    with Layer(target) as layer:
        for name in (*programs, *system.libraries(*programs)):
            layer.file(name, system.path(name), 0o755)
        for command in ("iptables", "ip6tables"):
            for suffix in ("", "-save", "-restore"):
                layer.link(f"/usr/sbin/{command}{suffix}", "xtables-nft-multi")
    return target


def component_images(
    binaries: dict[str, Path], programs: dict[str, Path], network: Path, folder: Path
) -> dict[str, list[Path]]:
    """The images of the control plane and of every node, as archives: folder name to files."""
    names = _names_of_components(binaries["kubeadm"])
    made: dict[str, list[Path]] = {"control-plane": [], "common": []}

    def image(
        group: str, title: str, program: Path, inside: str, tags: list[str], *base: Path
    ) -> None:
        top = folder / f"{title}.layer"
        with Layer(top) as layer:
            layer.folder("tmp", 0o1777)
            layer.file(inside, program, 0o755)
        config = ImageConfig(entrypoint=(inside,))
        archive = folder / f"{title}.tar"
        write_image(archive, [*base, top], config, tags, go_platform()[1])
        top.unlink()
        made[group].append(archive)

    for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"):
        inside = f"/usr/local/bin/{component}"
        image("control-plane", component, binaries[component], inside, [names[component]])
    image("common", "coredns", binaries["coredns"], "/coredns", [names["coredns"]])
    pauses = sorted({names["pause"], *PAUSE_IMAGES})
    image("common", "pause", programs["pause"], "/pause", pauses)
    proxy = "/usr/local/bin/kube-proxy"
    image("common", "kube-proxy", binaries["kube-proxy"], proxy, [names["kube-proxy"]], network)
    connect = "/usr/local/bin/node-network"
    image("common", "node-network", programs["node-network"], connect, [NETWORK_IMAGE], network)
    return made


def _names_of_components(kubeadm: Path) -> dict[str, str]:
    """The images that kubeadm of this version starts: last word of the name to full name."""
    command = [
        str(kubeadm),
        "config",
        "images",
        "list",
        f"--kubernetes-version=v{KUBERNETES_VERSION}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    names = {line.rpartition(":")[0].rpartition("/")[2]: line for line in done.stdout.split()}
    if "pause" not in names:
        raise ClusterError(f"kubeadm does not say which images it starts: {done.stderr.strip()}")
    return names


def node_layer(
    system: System,
    kind_files: Path,
    binaries: dict[str, Path],
    programs: dict[str, Path],
    images: dict[str, list[Path]],
    target: Path,
) -> Path:
    """Everything in a node image that is not Debian's."""
    with Layer(target) as layer:
        _kind_files(layer, kind_files)
        layer.link("/usr/sbin/init", "/usr/lib/systemd/systemd")
        wants = "/etc/systemd/system/multi-user.target.wants"
        layer.text("/etc/systemd/system/mlk8s-images.service", _own("mlk8s-images.service"))
        layer.text("/etc/systemd/system/mlk8s-mirror.service", _own("mlk8s-mirror.service"))
        layer.file("/usr/local/bin/image-mirror", programs["image-mirror"], 0o755)
        layer.folder("/kind/mirror")
        for host in MIRRORED:
            layer.text(f"/etc/containerd/certs.d/{host}/hosts.toml", _own("mirror-hosts.toml"))
        units = ("kubelet", "containerd", "undo-mount-hacks", "mlk8s-images", "mlk8s-mirror")
        for unit in units:
            layer.link(f"{wants}/{unit}.service", f"/etc/systemd/system/{unit}.service")
        layer.link("/etc/systemd/system/systemd-binfmt.service", "/dev/null")
        layer.text("/etc/systemd/journald.conf", "[Journal]\nReadKMsg=no\n")
        layer.folder("/etc/kubernetes/manifests")
        for name in ("kubeadm", "kubelet", "kubectl"):
            layer.file(f"/usr/bin/{name}", binaries[name], 0o755)
        for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
            layer.file(f"/usr/local/bin/{name}", binaries[name], 0o755)
        layer.text("/usr/local/bin/crictl", _own("crictl.sh"), 0o755)
        for plugin in _CNI:
            layer.file(f"/opt/cni/bin/{plugin}", system.path(f"/usr/lib/cni/{plugin}"), 0o755)
        layer.text("/etc/containerd/cri-base.json", _base_spec(binaries["ctr"]))
        layer.text("/kind/version", f"v{KUBERNETES_VERSION}")
        layer.text("/kind/manifests/default-cni.yaml", _own("network.yaml"))
        layer.text("/kind/manifests/default-storage.yaml", _own("storage.yaml"))
        layer.text("/kind/bin/load-images.sh", _own("load-images.sh"), 0o755)
        for group, archives in images.items():
            for archive in archives:
                layer.file(f"/kind/images/{group}/{archive.name}", archive)
    return target


def _own(name: str) -> str:
    return (FILES / name).read_text()


def _kind_files(layer: Layer, files: Path) -> None:
    if not (files / "usr/local/bin/entrypoint").is_file():
        raise ClusterError(f"kind's module does not hold its node image's files: {files}.")
    for path in sorted(files.rglob("*")):
        name = str(path.relative_to(files))
        if path.is_file():
            runs = name.startswith(("usr/local/bin/", "kind/bin/"))
            layer.file(f"/{name}", path, 0o755 if runs else 0o644)


def _base_spec(ctr: Path) -> str:
    """What every container in a node starts from: containerd's own, with kind's hook."""
    done = subprocess.run([str(ctr), "oci", "spec"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"ctr cannot print its container specification: {done.stderr.strip()}")
    spec = json.loads(done.stdout)
    spec["process"].pop("rlimits", None)
    hooks = spec.setdefault("hooks", {}).setdefault("createContainer", [])
    hooks.append({"path": "/kind/bin/mount-product-files.sh"})
    return json.dumps(spec, indent=1)


def write_node_image(system_tar: Path, node_tar: Path, target: Path) -> str:
    """The node image as an archive; returns its id."""
    config = ImageConfig(
        entrypoint=ENTRYPOINT,
        environment={"container": "docker"},
        stop_signal="SIGRTMIN+3",
        labels={"dev.mlk8s.coredns": COREDNS_VERSION, "dev.mlk8s.etcd": ETCD_VERSION},
    )
    return write_image(target, [system_tar, node_tar], config, [NODE_IMAGE], go_platform()[1])
