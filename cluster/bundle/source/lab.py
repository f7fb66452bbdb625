"""The images that labs use, under the names that labs use, as stand-ins made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster.binaries.catalog import METRICS_VERSION, go_platform
from cluster.bundle.archive import ImageConfig, Layer, write_image
from cluster.bundle.source.debian import System
from cluster.bundle.source.recipe import FILES

_APPLETS = (
    "sh", "ls", "cat", "env", "sleep", "wget", "ps", "kill", "id", "head", "tail", "grep", "mkdir",
    "rm", "touch", "echo", "date", "nslookup", "test", "true", "false", "printf", "sed", "stat",
    "hostname", "vi", "chmod", "cp", "mv", "tee", "seq",
)  # fmt: skip
"""Commands of busybox that learners try in a container."""


@dataclass(frozen=True)
class ModelImage:
    """One of the course's model images: all are the same program with other settings."""

    repository: str
    versions: tuple[str, ...]
    role: str
    load: int = 0

    def names(self, version: str) -> list[str]:
        """The image's names; the newest version is `latest` too."""
        names = [f"{self.repository}:{version}"]
        if version == self.versions[-1]:
            names.append(f"{self.repository}:latest")
        return names


MODEL_IMAGES = (
    ModelImage("registry.example.com/sentiment-inference", ("v2.1.0", "v2.2.0"), "serve", 15),
    ModelImage("registry.example.com/embedding-trainer", ("v1.8.0",), "train"),
    ModelImage("registry.example.com/preprocess", ("v1.0.0",), "preprocess"),
)
MODEL_ORIGIN = "this project's cluster/images/model"
NGINX = ("nginx:1.27-alpine", "nginx:1.27", "nginx:alpine", "nginx:latest")
CURL = ("curlimages/curl:8.10.1",)
LOAD = "mlk8s.invalid/load:v1"
LOAD_ORIGIN = "this project's cluster/images/load"
METRICS = f"registry.k8s.io/metrics-server/metrics-server:v{METRICS_VERSION}"


def write_model_image(program: Path, image: ModelImage, version: str, target: Path) -> None:
    """One version of a model image."""
    top = target.with_name(f"{target.name}.layer")
    with Layer(top) as layer:
        layer.folder("tmp", 0o1777)
        layer.folder("app")
        layer.file("/usr/local/bin/model", program, 0o755)
        # So that Pods may say `python train.py`, as they would to the real image.
        layer.link("/usr/local/bin/python", "model")
        layer.link("/usr/local/bin/python3", "model")
        layer.text("/etc/passwd", _passwd("model", 1000))
    config = ImageConfig(
        entrypoint=("/usr/local/bin/model",),
        environment={
            "MODEL_ROLE": image.role,
            "MODEL_NAME": image.repository.rpartition("/")[2],
            "MODEL_VERSION": version,
            "MODEL_LOAD_SECONDS": str(image.load),
        },
        workdir="/app",
        ports=(8000,),
        labels={"dev.mlk8s.stand-in": "true"},
    )
    write_image(target, [top], config, image.names(version), go_platform()[1])
    top.unlink()


def write_load_generator(program: Path, target: Path) -> None:
    """What sends the requests of the step `load`."""
    top = target.with_name(f"{target.name}.layer")
    with Layer(top) as layer:
        layer.file("/load", program, 0o755)
    config = ImageConfig(entrypoint=("/load",), user="65534", ports=(8000,))
    write_image(target, [top], config, [LOAD], go_platform()[1])
    top.unlink()


def write_metrics_server(program: Path, target: Path) -> None:
    """metrics-server, which labs about autoscaling need."""
    top = target.with_name(f"{target.name}.layer")
    with Layer(top) as layer:
        layer.file("/metrics-server", program, 0o755)
    config = ImageConfig(entrypoint=("/metrics-server",), user="65534", ports=(10250,))
    write_image(target, [top], config, [METRICS], go_platform()[1])
    top.unlink()


def write_nginx(system: System, target: Path) -> None:
    """Debian's nginx, laid out as in the image whose name it bears."""
    top = target.with_name(f"{target.name}.layer")
    with Layer(top) as layer:
        _base(layer, system, "/usr/sbin/nginx")
        layer.text("/etc/passwd", _passwd("nginx", 101))
        layer.text("/etc/group", "root:x:0:\nnginx:x:101:\n")
        layer.text("/etc/nginx/nginx.conf", (FILES / "nginx.conf").read_text())
        layer.text("/etc/nginx/conf.d/default.conf", (FILES / "nginx-default.conf").read_text())
        layer.file("/etc/nginx/mime.types", system.path("/etc/nginx/mime.types"))
        for folder in ("/var/lib/nginx", "/var/log/nginx", "/var/cache/nginx"):
            layer.folder(folder, 0o755, owner=101)
        layer.link("/var/log/nginx/access.log", "/dev/stdout")
        layer.link("/var/log/nginx/error.log", "/dev/stderr")
    config = ImageConfig(
        command=("/usr/sbin/nginx", "-g", "daemon off;"),
        ports=(80,),
        stop_signal="SIGQUIT",
        labels={"dev.mlk8s.stand-in": "true"},
    )
    write_image(target, [top], config, NGINX, go_platform()[1])
    top.unlink()


def write_curl(system: System, target: Path) -> None:
    """Debian's curl, which runs as an ordinary user as in the image whose name it bears."""
    top = target.with_name(f"{target.name}.layer")
    with Layer(top) as layer:
        _base(layer, system, "/usr/bin/curl")
        layer.text("/etc/passwd", _passwd("curl_user", 100))
        layer.text(
            "/entrypoint.sh", '#!/bin/sh\n[ "${1#-}" = "$1" ] && exec "$@"\nexec curl "$@"\n', 0o755
        )
        layer.file(
            "/etc/ssl/certs/ca-certificates.crt",
            system.path("/etc/ssl/certs/ca-certificates.crt"),
        )
    config = ImageConfig(
        entrypoint=("/entrypoint.sh",),
        command=("curl",),
        user="100",
        labels={"dev.mlk8s.stand-in": "true"},
    )
    write_image(target, [top], config, CURL, go_platform()[1])
    top.unlink()


def _base(layer: Layer, system: System, program: str) -> None:
    """A program with its libraries, a shell and the usual folders."""
    layer.folder("tmp", 0o1777)
    for folder in ("run", "proc", "sys", "dev", "root"):
        layer.folder(folder)
    for name in (program, *system.libraries(program)):
        layer.file(name, system.path(name), 0o755)
    layer.file("/bin/busybox", system.path("/usr/bin/busybox"), 0o755)
    for applet in _APPLETS:
        layer.link(f"/bin/{applet}", "busybox")


def _passwd(user: str, number: int) -> str:
    return f"root:x:0:0:root:/root:/bin/sh\n{user}:x:{number}:{number}:{user}:/tmp:/bin/sh\n"
