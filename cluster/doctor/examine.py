"""The whole examination, in the order in which a person would look."""

from __future__ import annotations

from cluster.choose import _PROVIDERS, choose_provider
from cluster.doctor import machine, software
from cluster.doctor.finding import Diagnosis, Finding
from cluster.errors import ClusterError


def examine() -> Diagnosis:
    """Look at everything; nothing is changed. Takes a second or two."""
    findings: list[Finding] = [
        machine.processors(),
        machine.memory(),
        machine.disk(),
        machine.folders(),
        machine.open_files(),
        machine.inotify(),
        machine.cgroups(),
        machine.rights(),
        machine.modules(),
        machine.proxies(),
        machine.loopback(),
    ]
    found, engine = software.engines()
    findings += found
    if engine is not None:
        findings.append(software.engine_memory(engine))
    findings += [
        software.node_image(engine),
        software.programs(),
        software.kubectl(),
        software.go(),
    ]
    return conclude(findings)


def conclude(findings: list[Finding]) -> Diagnosis:
    """What follows from the findings, and what the providers say themselves."""
    blocked = [f.name for f in findings if f.status == "problem" and f.concerns == "everything"]
    providers = {name: make().available() or "" for name, make in _PROVIDERS.items()}
    try:
        choice = choose_provider("auto")[1]
        possible = True
    except ClusterError as error:
        choice, possible = str(error), False
    return Diagnosis(
        findings=tuple(findings),
        providers=providers,
        choice=choice,
        healthy=possible and not blocked,
    )
