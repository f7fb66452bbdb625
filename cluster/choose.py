"""Which provider to use, and why."""

from __future__ import annotations

from collections.abc import Callable

from cluster.errors import CannotProvide, ClusterError
from cluster.model import ClusterSpec, ClusterStatus
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
    why = []
    usable: list[tuple[Provider, str]] = []
    for make in _PROVIDERS.values():
        provider = make()
        reason = provider.available() or _not_ready(provider)
        if reason:
            why.append(reason.rstrip("."))
        else:
            usable.append((provider, "it needs neither Docker nor root"))
    if not usable:
        raise CannotProvide("No provider can run on this machine: " + "; ".join(why) + ".")
    for provider, _ in usable:
        if ClusterSpec().name in provider.names():
            return provider, f"{provider.name}: its cluster is there already"
    provider, because = usable[0]
    return provider, "; ".join([f"{provider.name}: {because}", *why])


def _not_ready(provider: Provider) -> str:
    """Why a provider that could run should not be chosen without being asked for; or nothing.

    kind is experimental in this version: `auto` stays with a kind cluster that somebody has made,
    and makes none by itself.
    """
    look = getattr(provider, "image_at_hand", None)
    if look is None or ClusterSpec().name in provider.names():
        return ""
    ask = f"`mlk8s up --provider {provider.name}`"
    if look():
        return f"{provider.name} could run here too, and is experimental: {ask}"
    return (
        f"{provider.name} could run, but has no node image yet: {ask} or `mlk8s bundle load FILE`"
    )
