"""The two metrics APIs as an aggregated API server answers them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from aiohttp import web

from cluster.embedded.kubelet.client import Refused
from cluster.embedded.kubelet.events import rfc3339_micro
from cluster.embedded.kubelet.faults import Faults
from cluster.embedded.kubelet.machines import Nodes
from cluster.embedded.kubelet.pods import Pod
from cluster.embedded.kubelet.watching import TROUBLE
from cluster.embedded.metrics import answers
from cluster.embedded.metrics.answers import EXTERNAL, RESOURCE, VERSION
from cluster.embedded.metrics.loads import Loads
from cluster.embedded.metrics.usage import Use, pod_use

Json = dict[str, Any]


_AUTOSCALER = "horizontal-pod-autoscaler"
"""What the controller calls itself in its requests' User-Agent."""
_NAMESPACES = 4096
"""So many namespaces are counted at once; the oldest is forgotten then."""
_REMEMBERED = 120
"""Of so many questions of a kind it is known when they came: two minutes' at one a second."""


class Machines(Protocol):
    """The simulated nodes and their Pods."""

    faults: Faults
    loads: Loads
    nodes: Nodes

    def now(self) -> float:
        """Life time."""

    def pods(self, namespace: str | None = None) -> Iterable[Pod]:
        """The Pods of a namespace, or all."""

    async def caught_up(self, namespace: str) -> dict[str, str]:
        """Wait for what is due; the known version of each Pod. Raises TimeoutError."""

    def foreseen(self, namespace: str) -> dict[str, float]:
        """In how many real seconds something of a Pod will end by itself."""


class MetricsApi:
    """Answers for pods, nodes and external metrics."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._looked: dict[str, dict[str, deque[float]]] = {}

    def routes(self) -> Iterator[web.RouteDef]:
        """What is served where."""
        for group in (RESOURCE, EXTERNAL):
            yield web.get(f"/apis/{group}", self._group)
            yield web.get(f"/apis/{group}/{VERSION}", self._resources)
        root = f"/apis/{RESOURCE}/{VERSION}"
        yield web.get(f"{root}/nodes", self._nodes)
        yield web.get(f"{root}/nodes/{{name}}", self._node)
        yield web.get(f"{root}/pods", self._pods)
        yield web.get(f"{root}/namespaces/{{namespace}}/pods", self._pods)
        yield web.get(f"{root}/namespaces/{{namespace}}/pods/{{name}}", self._pod)
        yield web.get(answers.signs_path("{namespace}"), self._asked)
        path = f"/apis/{EXTERNAL}/{VERSION}/namespaces/{{namespace}}/{{metric}}"
        yield web.get(path, self._external)

    async def _group(self, request: web.Request) -> web.Response:
        return web.json_response(answers.group(request.path.split("/")[2]))

    async def _resources(self, request: web.Request) -> web.Response:
        queues = [queue for load in self._machines.loads.all() for queue in load.queues]
        return web.json_response(answers.resources(request.path.split("/")[2], queues))

    async def _measure(self, namespace: str | None) -> list[tuple[Pod, dict[str, Use]]]:
        """The use of every Pod that has any, in one namespace or all."""
        loads, now = self._machines.loads, self._machines.now()
        wanted = loads.loaded_namespaces() if namespace is None else [namespace]
        shares = {name: await loads.shares(name) for name in wanted}
        measured = []
        for pod in self._machines.pods(namespace):
            metadata = pod.manifest["metadata"]
            rate = shares.get(metadata["namespace"], {}).get(metadata["name"], 0.0)
            uses = pod_use(pod, now, rate)
            if uses is not None:
                measured.append((pod, uses))
        return measured

    async def _pod_items(self, namespace: str | None) -> list[Json]:
        at = rfc3339_micro()
        return [
            answers.pod_metrics(pod.manifest, uses, at)
            for pod, uses in await self._measure(namespace)
        ]

    def _note_look(self, request: web.Request, came: float) -> None:
        """Write down a question of the autoscaler's controller, and when it came: on a busy
        machine the answer, of that moment, may be given a second later."""
        namespace = request.match_info.get("namespace")
        if namespace and _AUTOSCALER in request.headers.get("User-Agent", ""):
            if len(self._looked) >= _NAMESPACES and namespace not in self._looked:
                self._looked.pop(next(iter(self._looked)))
            kinds = self._looked.setdefault(namespace, {})
            kinds.setdefault(request.path_qs, deque(maxlen=_REMEMBERED)).append(came)

    async def _asked(self, request: web.Request) -> web.Response:
        namespace = request.match_info["namespace"]
        try:
            pods = await self._machines.caught_up(namespace)
        except TimeoutError:
            said = answers.refusal(503, "ServiceUnavailable", "It is far behind what is due.")
            return web.json_response(said, status=503)
        now, looked = time.monotonic(), self._looked.get(namespace, {})
        found = {
            "kind": "SignsOfLife",
            "looked": {path: [round(now - at, 3) for at in came] for path, came in looked.items()},
            "faults": self._machines.faults.of(namespace),
            "pods": pods,
            "ends": self._machines.foreseen(namespace),
        }
        return web.json_response(found)

    async def _pods(self, request: web.Request) -> web.Response:
        came = time.monotonic()
        items = await self._pod_items(request.match_info.get("namespace"))
        self._note_look(request, came)
        selector = request.query.get("labelSelector", "")
        return web.json_response(answers.listing("PodMetrics", items, selector))

    async def _pod(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        items = await self._pod_items(request.match_info["namespace"])
        found = next((item for item in items if item["metadata"]["name"] == name), None)
        return _found(found, f'podmetrics.metrics.k8s.io "{name}" not found')

    async def _node_items(self) -> list[Json]:
        at, total = rfc3339_micro(), dict[str, Use]()
        for pod, uses in await self._measure(None):
            old = total.get(pod.node.name, Use(0, 0))
            cpu = old.cpu + sum(use.cpu for use in uses.values())
            total[pod.node.name] = Use(cpu, old.memory + sum(u.memory for u in uses.values()))
        return [
            answers.node_metrics(node.name, node.labels, total.get(node.name, Use(0, 0)), at)
            for node in self._machines.nodes.all()
        ]

    async def _nodes(self, request: web.Request) -> web.Response:
        selector = request.query.get("labelSelector", "")
        return web.json_response(answers.listing("NodeMetrics", await self._node_items(), selector))

    async def _node(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        items = await self._node_items()
        found = next((item for item in items if item["metadata"]["name"] == name), None)
        return _found(found, f'nodemetrics.metrics.k8s.io "{name}" not found')

    async def _external(self, request: web.Request) -> web.Response:
        self._note_look(request, time.monotonic())
        queues = self._machines.loads.of(request.match_info["namespace"]).queues
        selector = request.query.get("labelSelector", "")
        metric = request.match_info["metric"]
        return web.json_response(answers.external(metric, queues, selector, rfc3339_micro()))


def _found(item: Json | None, otherwise: str) -> web.Response:
    if item is None:
        return web.json_response(answers.refusal(404, "NotFound", otherwise), status=404)
    return web.json_response(item)


@web.middleware
async def as_status(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turn what goes wrong into a Status object, as API servers do."""
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        if error.status == 404:
            refusal = answers.refusal(404, "NotFound", "the server could not find the resource")
            return web.json_response(refusal, status=404)
        raise
    except ValueError as error:
        return web.json_response(answers.refusal(400, "BadRequest", str(error)), status=400)
    except (Refused, *TROUBLE) as error:
        unavailable = answers.refusal(503, "ServiceUnavailable", str(error))
        return web.json_response(unavailable, status=503)
    return answer
