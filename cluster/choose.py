"""Which provider to use, and why."""

from __future__ import annotations

from collections.abc import Callable

from cluster.errors import CannotProvide, ClusterError
from cluster.model import ClusterSpec
from cluster.provider import Provider


def _embedded() -> Provider:
    from cluster.embedded import EmbeddedProvider

    return EmbeddedProvider()


_PROVIDERS: dict[str, Callable[[], Provider]] = {"embedded": _embedded}
"""In order of preference; imported only when asked for, as some are slow to import."""

_PLANNED = {"kind": "The kind provider is not part of this version yet."}

PROVIDER_NAMES = ("auto", "kind", "embedded")
"""What a user may ask for."""


def choose_provider(name: str = "auto") -> tuple[Provider, str]:
    """The provider of this name, or with `auto` the best that this machine can run, and the reason.

    Raises CannotProvide if it cannot run here, ClusterError if there is no such provider.
    """
    if name == "auto":
        return _best()
    if name in _PLANNED and name not in _PROVIDERS:
        raise CannotProvide(_PLANNED[name], "mlk8s up --provider embedded")
    if name not in _PROVIDERS:
        raise ClusterError(f"There is no provider {name!r}: choose {', '.join(PROVIDER_NAMES)}.")
    provider = _PROVIDERS[name]()
    if reason := provider.available():
        raise CannotProvide(reason)
    return provider, f"{name}: as you asked"


def _best() -> tuple[Provider, str]:
    why = [reason.rstrip(".") for key, reason in _PLANNED.items() if key not in _PROVIDERS]
    for name, make in _PROVIDERS.items():
        provider = make()
        reason = provider.available()
        if reason is None:
            running = ClusterSpec().name in provider.names()
            because = (
                "its cluster is there already" if running else "it needs neither Docker nor root"
            )
            return provider, "; ".join([f"{name}: {because}", *why])
        why.append(reason.rstrip("."))
    raise CannotProvide("No provider can run on this machine: " + "; ".join(why) + ".")
