"""Which provider to use, and why."""

from __future__ import annotations

from collections.abc import Callable

from cluster.errors import CannotProvide, ClusterError
from cluster.model import ClusterSpec, ClusterStatus, Progress, silent
from cluster.provider import Provider


def _kind() -> Provider:
    from cluster.kind import KindProvider

    return KindProvider()


def _embedded() -> Provider:
    from cluster.embedded import EmbeddedProvider

    return EmbeddedProvider()


_PROVIDERS: dict[str, Callable[[], Provider]] = {"kind": _kind, "embedded": _embedded}
"""In order of preference; imported only when asked for, as some are slow to import."""

PROVIDER_NAMES = ("auto", "kind", "embedded")
"""What a user may ask for."""


def choose_provider(name: str = "auto") -> tuple[Provider, str]:
    """The provider of this name, or with `auto` the best that this machine can run, and the reason.

    Raises CannotProvide if it cannot run here, ClusterError if there is no such provider.
    """
    if name == "auto":
        return _best()
    if name not in _PROVIDERS:
        raise ClusterError(f"There is no provider {name!r}: choose {', '.join(PROVIDER_NAMES)}.")
    provider = _PROVIDERS[name]()
    if reason := provider.available():
        raise CannotProvide(reason, "mlk8s doctor" if name == "kind" else "")
    return provider, f"{name}: as you asked"


def provider_of(status: ClusterStatus) -> Provider | None:
    """The provider of a running cluster; None for one that somebody else runs."""
    make = _PROVIDERS.get(status.provider)
    return make() if make is not None else None


def _best() -> tuple[Provider, str]:
    """A cluster that is there already goes first; then the first provider that is ready to start.

    Nothing is fetched or built only because it would be better, so that the choice costs no
    minutes.
    """
    providers = [make() for make in _PROVIDERS.values()]
    why = []
    usable: list[Provider] = []
    for provider in providers:
        there = ClusterSpec().name in provider.names()
        reason = provider.available()
        if there and not reason:
            return provider, f"{provider.name}: its cluster is there already"
        reason = reason or _not_ready(provider)
        if reason:
            why.append(reason.rstrip("."))
        else:
            usable.append(provider)
    if not usable:
        raise CannotProvide("No provider can run on this machine: " + "; ".join(why) + ".")
    provider = usable[0]
    because = _BECAUSE.get(provider.name, "it can run here")
    return provider, "; ".join([f"{provider.name}: {because}", *why])


_BECAUSE = {
    "kind": "real containers prove the most, and all that they need is at hand",
    "embedded": "it needs neither Docker nor root",
}


def _not_ready(provider: Provider) -> str:
    """Why a provider that could run should not be chosen without being asked for; or nothing."""
    look = getattr(provider, "not_at_once", None)
    if look is None or not (reason := look()):
        return ""
    return f"{provider.name} could run, but {reason}: `mlk8s up --provider {provider.name}`"


def remove(name: str, cluster: str, progress: Progress = silent) -> bool:
    """Remove this cluster of the provider of this name, with `auto` of every provider, and the
    clusters that labs with nodes of their own have left for the next run. True if there was one.

    Raises ClusterError for what could not be removed, once everything else is.
    """
    chosen = list(_PROVIDERS) if name == "auto" else [name]
    removed, failure = False, None
    for one in chosen:
        if one not in _PROVIDERS:
            raise ClusterError(f"There is no provider {one!r}: choose {', '.join(PROVIDER_NAMES)}.")
        provider = _PROVIDERS[one]()
        leftovers: list[str] = getattr(provider, "lab_clusters", list)()
        for found in (cluster, *leftovers):
            try:
                removed = provider.delete(found, progress) or removed
            except ClusterError as error:
                failure = failure or error
    if failure is not None:
        raise failure
    return removed
