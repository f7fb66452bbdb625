"""The steps `load` and `queue`: work that is put on a Service, or waits in a queue."""

from __future__ import annotations

from collections.abc import Callable

from cluster.errors import ClusterError, Unsupported
from cluster.provider import Provider
from grader.errors import MachineError
from grader.model.scenario import Load, Queue
from grader.observe.client import ApiAnswer
from grader.observe.stage import Stage


def play_load(stage: Stage, action: Load) -> None:
    """Put the rate on the Service, or record that there is none."""
    namespace, target = stage.namespace_of(action.namespace), f"Service/{action.service}"
    said = stage.api.get(stage.path("Service", namespace, action.service))
    if said.ok:
        place = (stage.cluster.name, stage.real(namespace), action.service)
        # Replicas that have a part of their CPU get the same part of the requests.
        rate = action.rate * stage.isolation.sizes.factor
        said = ask(stage, lambda provider: provider.load(*place, rate))
    message = f"{action.rate:g} requests a second"
    said = ApiAnswer(200, "", message) if said.ok else said
    stage.answer("load", target, said, namespace=namespace)
    if said.ok:
        stage.sample("rate", target, namespace, action.rate)


def play_queue(stage: Stage, action: Queue) -> None:
    """Set the queue's value."""
    namespace = stage.namespace_of(action.namespace)
    place = (stage.cluster.name, stage.real(namespace), action.metric)
    said = ask(stage, lambda provider: provider.queue(*place, action.value, action.labels))
    said = ApiAnswer(200, "", f"{action.value:g}") if said.ok else said
    stage.answer("queue", action.metric, said, namespace=namespace)
    if said.ok:
        stage.sample("queue", series_of(action), namespace, action.value)


def series_of(action: Queue) -> str:
    """How samples name a queue: `queue_length{queue=embeddings}`."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(action.labels.items()))
    return f"{action.metric}{{{labels}}}" if labels else action.metric


def ask(stage: Stage, wish: Callable[[Provider], None]) -> ApiAnswer:
    """Tell the provider; where it has no such thing, say so."""
    from cluster.choose import provider_of

    provider = provider_of(stage.cluster)
    if provider is None:
        message = f"Nothing on {stage.cluster.name} can be put under load by the grader."
        return ApiAnswer(0, "NotPossible", message)
    try:
        wish(provider)
        stage.loaded = True
    except Unsupported as error:
        return ApiAnswer(0, "NotPossible", str(error))
    except ClusterError as error:
        raise MachineError(str(error), error.hint) from error
    return ApiAnswer(200)
