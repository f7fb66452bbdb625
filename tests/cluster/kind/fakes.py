"""Container engines that are scripts: they keep containers as files and note their calls."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

_ENGINE = """#!{python}
import json, os, pathlib, sys
root = pathlib.Path({root!r})
args = sys.argv[1:]
with (root / "calls").open("a") as log:
    log.write(json.dumps(args) + "\\n")
failing = root / f"fail-{{args[0]}}"
if failing.exists():
    sys.stderr.write(failing.read_text())
    sys.exit(1)
if args[0] == "info":
    info = json.loads((root / "info").read_text())
    settings = os.environ.get("CONTAINERS_CONF")
    if settings and "network_backend" in pathlib.Path(settings).read_text():
        info["host"]["networkBackend"] = "netavark"  # as a real podman takes its settings
    print(json.dumps(info))
elif args[0] == "ps":
    cluster = next(arg for arg in args if arg.startswith("label=")).rpartition("=")[2]
    for path in sorted((root / "containers").iterdir()):
        if path.name not in (f"{{cluster}}-control-plane", f"{{cluster}}-worker"):
            continue
        role = "control-plane" if "control-plane" in path.name else "worker"
        print(f"{{path.name}}|{{path.read_text()}}|{{role}}")
elif args[0] == "start":
    for name in args[1:]:
        (root / "containers" / name).write_text("running")
elif args[0] == "image":
    path = root / "images" / args[-1].replace("/", "_")
    print(path.read_text()) if path.exists() else sys.exit(1)
elif args[0] == "pull":
    (root / "images" / args[-1].replace("/", "_")).write_text("sha256:pulled")
elif args[0] == "save":
    pathlib.Path(args[args.index("--output") + 1]).write_bytes(b"archive of " + args[-1].encode())
"""


class FakeEngine:
    """Puts programs named docker and podman first on PATH."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        for folder in (self.bin, root / "containers", root / "images"):
            folder.mkdir(parents=True)
        self.say({"ServerVersion": "27.0", "host": {"security": {"rootless": False}}})

    def system(self, name: str) -> Path:
        """A program of the system that does nothing."""
        program = self.root / "sbin" / name
        program.parent.mkdir(exist_ok=True)
        program.touch(0o755)
        return program

    def install(self, *names: str) -> None:
        for name in names:
            program = self.bin / name
            program.write_text(_ENGINE.format(python=sys.executable, root=str(self.root)))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def say(self, info: dict[str, object]) -> None:
        (self.root / "info").write_text(json.dumps(info))

    def fail(self, command: str, words: str) -> None:
        (self.root / f"fail-{command}").write_text(words)

    def container(self, name: str, state: str = "running") -> None:
        (self.root / "containers" / name).write_text(state)

    def containers(self, cluster: str) -> list[str]:
        return sorted(path.name for path in (self.root / "containers").glob(f"{cluster}-*"))

    def calls(self, command: str = "") -> list[list[str]]:
        path = self.root / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [call for call in found if not command or call[0] == command]
