"""Containers, their probes and their mounts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from grader.judge.failure import CheckFailed
from grader.judge.language.expectation import note, show
from grader.judge.language.fields import Field, Node
from grader.model.images import ImageRef
from grader.model.manifest import FieldPath, Written

TCP = "TCP"


class Container(Node):
    """One container of a Pod or Pod template. `pod_path` leads to its Pod spec."""

    def __init__(
        self, manifest: Written, full: Mapping[str, Any], path: FieldPath, pod_path: FieldPath
    ) -> None:
        super().__init__(manifest, full, path)
        self.pod_path = pod_path

    @property
    def container_name(self) -> str:
        """The container's name."""
        return str(self.field("name").value)

    def image_is(self, expected: str) -> Container:
        """The image is the same reference once registry and tag defaults are filled in."""
        field = self.field("image")
        written = field.value
        wanted = ImageRef.parse(expected)
        try:
            same = isinstance(written, str) and ImageRef.parse(written) == wanted
        except ValueError:
            same = False
        if not same:
            raise CheckFailed(f"{self.name} to run image {expected}", show(written), field.where)
        note(f"{self.name} runs {written}", field.where)
        return self

    def runs(self, expected: list[str]) -> Container:
        """`command` and `args` together are `expected`; one shell string counts as its words.

        Without `command` the arguments are for whatever the image starts, so they are not it.
        """
        command, args = (self.value.get(part) or [] for part in ("command", "args"))
        if not isinstance(command, list) or not isinstance(args, list):
            raise CheckFailed(
                f"{self.name} to run {shlex.join(expected)}, as a list of words",
                show(command if not isinstance(command, list) else args),
                self.field("command").where,
            )
        plain = [str(word) for word in [*command, *args]]
        if args and not command:
            raise CheckFailed(
                f"{self.name} to run {shlex.join(expected)}",
                f"args for the image's own command: {shlex.join(plain)}",
                self.field("args").where,
            )
        if plain[:2] in (["sh", "-c"], ["/bin/sh", "-c"]) and len(plain) == 3:
            # A line that the shell itself could not read stays as it is, and is not the one asked.
            with suppress(ValueError):
                plain = shlex.split(plain[2])
            plain = plain[1:] if plain[:1] == ["exec"] else plain
        if plain != expected:
            raise CheckFailed(
                f"{self.name} to run {shlex.join(expected)}",
                shlex.join(plain) if plain else "the image's own command",
                self.field("command").where,
            )
        note(f"{self.name} runs {shlex.join(plain)}", self.field("command").where)
        return self

    def requested(self, resource: str) -> Field:
        """The field that decides what is requested: the limit where only a limit is written."""
        request = self.field(f'resources.requests["{resource}"]')
        limit = self.field(f'resources.limits["{resource}"]')
        return limit if request.value is None and limit.value is not None else request

    def has_port(self, number: int) -> Container:
        """The container declares this containerPort, for TCP."""
        declared = [
            (port.get("containerPort"), port.get("protocol", TCP))
            for port in self.value.get("ports") or []
        ]
        where = self.field("ports").where
        if (number, TCP) not in declared:
            seen = ", ".join(
                show(port) + ("" if protocol == TCP else f" for {protocol}")
                for port, protocol in declared
            )
            raise CheckFailed(f"{self.name} to declare port {number}", seen or "no port", where)
        note(f"{self.name} declares port {number}", where)
        return self

    def port_number(self, port: int | str | None, protocol: str | None = None) -> int | None:
        """The number that a port, given by number or by name, has in this container.

        With `protocol` a name counts only where it stands for a port of that protocol, which is
        how a Service looks for it; a kubelet that probes does not ask.
        """
        if isinstance(port, int):
            return port
        for declared in self.value.get("ports") or []:
            same = protocol in (None, declared.get("protocol", TCP))
            if port is not None and declared.get("name") == port and same:
                return int(declared["containerPort"])
        return int(port) if isinstance(port, str) and port.isdigit() else None

    def probe(self, which: str) -> Probe:
        """The `readiness`, `liveness` or `startup` probe; fails where there is none."""
        path = (*self.path, f"{which}Probe")
        probe = Probe(self, which, path)
        if not isinstance(probe.value, Mapping):
            raise CheckFailed(f"{self.name} to have a {which} probe", "none", self.where)
        return probe

    def env(self, name: str) -> Field:
        """The entry of `env` with this name; fails where there is none."""
        for index, entry in enumerate(self.value.get("env") or []):
            if entry.get("name") == name:
                return self.field(f"env[{index}]")
        raise CheckFailed(f"{self.name} to set {name}", "no such variable", self.field("env").where)

    def mount(self, mount_path: str) -> Mount:
        """The volume mounted at `mount_path`; fails where there is none."""
        mounts = self.value.get("volumeMounts") or []
        for index, mount in enumerate(mounts):
            if str(mount.get("mountPath", "")).rstrip("/") == mount_path.rstrip("/"):
                return Mount(self, (*self.path, "volumeMounts", index))
        seen = ", ".join(str(mount.get("mountPath")) for mount in mounts) or "no mount"
        raise CheckFailed(
            f"{self.name} to mount a volume at {mount_path}", seen, self.field("volumeMounts").where
        )


class Probe(Node):
    """One probe of a container."""

    def __init__(self, container: Container, which: str, path: FieldPath) -> None:
        super().__init__(container.manifest, container.full, path)
        self.container = container
        self.which = which

    def gets(self, path: str, port: int) -> Probe:
        """The probe sends an HTTP GET to this path and port (by number or by name) of its own Pod.

        `host` is the address that the kubelet connects to, so with one the probe says something
        about somebody else; the Host header belongs under `httpHeaders`.
        """
        action = self.value.get("httpGet")
        expected = f"the {self.which} probe to GET {path} on port {port}"
        if not isinstance(action, Mapping):
            kinds = [key for key in ("exec", "tcpSocket", "grpc") if key in self.value]
            raise CheckFailed(
                expected, f"a probe by {kinds[0] if kinds else 'nothing'}", self.where
            )
        # The kubelet puts the slash before a path that has none, and asks the Pod's own address
        # unless another host is named: then it says nothing about this container.
        asked = "/" + str(action.get("path", "/")).removeprefix("/")
        host, scheme = action.get("host"), str(action.get("scheme", "HTTP")).upper()
        observed = f"GET {asked} on port {show(action.get('port'))}"
        observed += f" of the host {host}, not of the Pod" if host else ""
        observed += "" if scheme == "HTTP" else f" by {scheme}"
        number = self.container.port_number(action.get("port"))
        if asked != path or number != port or scheme != "HTTP" or host:
            raise CheckFailed(expected, observed, self.field("httpGet").where)
        note(f"{self.which} probe: {observed}", self.field("httpGet").where)
        return self


class Mount(Node):
    """One volumeMount, with the volume behind it."""

    def __init__(self, container: Container, path: FieldPath) -> None:
        super().__init__(container.manifest, container.full, path)
        self.pod_path = container.pod_path

    @property
    def volume(self) -> Field:
        """The Pod's volume that this mount names; fails where there is none of that name."""
        wanted = self.value.get("name")
        volumes = Field(self.manifest, self.full, (*self.pod_path, "volumes"))
        for index, volume in enumerate(volumes.value or []):
            if volume.get("name") == wanted:
                return Field(self.manifest, self.full, (*volumes.path, index))
        raise CheckFailed(f"a volume called {show(wanted)}", "none of that name", self.where)
