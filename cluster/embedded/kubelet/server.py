"""The simulated kubelet of all nodes of one cluster: watches Pods and reports their containers.

One task drives each Pod. Everything that decides what happens is in `pods`, `containers` and
`probes`, which know neither clocks nor networks; here are only those two.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cluster.embedded import simulation
from cluster.embedded.kubelet.addresses import Addresses
from cluster.embedded.kubelet.client import MERGE, STRATEGIC, Client, Refused
from cluster.embedded.kubelet.events import EventWriter, rfc3339
from cluster.embedded.kubelet.faults import Faults, broken_if_raised
from cluster.embedded.kubelet.lookups import Lookups
from cluster.embedded.kubelet.machines import Nodes
from cluster.embedded.kubelet.pods import Node, Pod
from cluster.embedded.kubelet.servers import Known, Servers
from cluster.embedded.kubelet.status import pod_status
from cluster.embedded.kubelet.watching import TROUBLE, follow
from cluster.embedded.metrics.loads import Loads
from cluster.embedded.storage.provisioner import Provisioner

Json = dict[str, Any]

log = logging.getLogger(__name__)

PODS = "/api/v1/pods?fieldSelector=spec.nodeName!%3D"
CATCHING_UP = 10.0
"""Seconds that a busy machine may take to do what is due."""
CONFIG = f"{simulation.COLLECTION}?fieldSelector=metadata.name%3D{simulation.NAME}"


class Kubelet:
    """Plays the kubelets of every simulated node."""

    def __init__(self, client: Client, still_wanted: Callable[[], bool]) -> None:
        self._client = client
        self._still_wanted = still_wanted
        self._events = EventWriter(client)
        self._addresses = Addresses()
        self.lookups = Lookups(client)
        self._workers: dict[str, Worker] = {}
        self._by_namespace: dict[str, dict[str, Pod]] = {}
        self._seen_digest = ""
        self.nodes = Nodes(client)
        self.loads = Loads(client)
        self.faults = Faults()
        self.servers = Known(client)
        self.time_factor = 1.0

    def now(self) -> float:
        """Life time: seconds of a real machine."""
        return time.time() / self.time_factor

    def stamp(self, life: float) -> str:
        """Life time as the API writes times."""
        return rfc3339(life * self.time_factor)

    async def run(self, first: Callable[[], Awaitable[None]]) -> None:
        """Do what comes first, then run until the cluster's folder is gone."""
        await self._until_done(first)
        await self._until_done(self._read_config)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run())
            group.create_task(Provisioner(self._client).run())
            for path, on_event, on_list in (
                (CONFIG, self._on_config, self._on_configs_listed),
                (PODS, self._on_pod, self._on_pods_listed),
                (self.nodes.path, self.nodes.on_event, self.nodes.on_list),
                (self.loads.path, self.loads.on_event, self.loads.on_list),
            ):
                group.create_task(follow(self._client, path, on_event, on_list))
            await self._until_unwanted()
            raise SystemExit(0)

    async def _until_unwanted(self) -> None:
        while self._still_wanted():
            await asyncio.sleep(1)

    # What is simulated

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that the API server may refuse while it is coming up."""
        while True:
            try:
                return await work()
            except (Refused, *TROUBLE) as error:
                log.info("not yet: %r", error)
                if not self._still_wanted():
                    raise SystemExit(0) from error
                await asyncio.sleep(0.2)

    async def _read_config(self) -> None:
        listed = await self._client.call("GET", CONFIG)
        await self._on_configs_listed(listed.get("items") or [])

    async def _on_configs_listed(self, items: list[Json]) -> None:
        for item in items:
            await self._on_config("MODIFIED", item)

    async def _on_config(self, kind: str, config: Json) -> None:
        data = config.get("data") or {}
        digest = simulation.digest(data)
        if kind == "DELETED" or digest == self._seen_digest:
            return
        try:
            self.servers.everywhere, self.time_factor = simulation.decode(data)
        except ValueError as error:
            log.warning("the simulation cannot be read: %s", error)
            return
        self._seen_digest = digest
        for worker in self._workers.values():
            worker.pod.learn(self.servers.now(worker.namespace), self.now())
            worker.changed.set()
        change = {"metadata": {"annotations": {simulation.OBSERVED: digest}}}
        try:
            await self._client.call("PATCH", simulation.PATH, change, MERGE)
        except BaseException:
            self._seen_digest = ""
            raise

    # Pods

    async def _on_pods_listed(self, items: list[Json]) -> None:
        for item in items:
            if address := (item.get("status") or {}).get("podIP"):
                self._addresses.mark(address)
        present = {item["metadata"]["uid"] for item in items}
        for uid in set(self._workers) - present:
            self._drop(uid)
        for item in items:
            await self._on_pod("ADDED", item)

    async def _on_pod(self, kind: str, manifest: Json) -> None:
        uid = manifest["metadata"]["uid"]
        if kind == "DELETED":
            self._drop(uid)
            return
        if worker := self._workers.get(uid):
            with self.faults.noted(manifest):
                worker.update(manifest)
            return
        # Items of a list come without kind; nothing here needs it.
        node = await self.nodes.get(manifest["spec"]["nodeName"])
        if node is None:
            return
        metadata = manifest["metadata"]
        servers = await self.servers.of(metadata["namespace"])
        with self.faults.noted(manifest):
            worker = self._workers[uid] = Worker(self, manifest, node, servers)
            neighbours = self._by_namespace.setdefault(metadata["namespace"], {})
            neighbours[metadata["name"]] = worker.pod

    def _drop(self, uid: str) -> None:
        if worker := self._workers.pop(uid, None):
            worker.task.cancel()
            self._forget(worker.pod)
            if worker.pod.ip != worker.pod.node.address:
                self._addresses.give_back(worker.pod.ip)

    def _forget(self, pod: Pod) -> None:
        metadata = pod.manifest["metadata"]
        neighbours = self._by_namespace.get(metadata["namespace"], {})
        # One of the same name may have come in the meantime.
        if neighbours.get(metadata["name"]) is pod:
            del neighbours[metadata["name"]]
        if not neighbours:
            self._by_namespace.pop(metadata["namespace"], None)
            self.servers.forget(metadata["namespace"])

    def pods(self, namespace: str | None = None) -> list[Pod]:
        """The Pods of a namespace, or all."""
        if namespace is not None:
            return list(self._by_namespace.get(namespace, {}).values())
        return [worker.pod for worker in self._workers.values()]

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The Pod of this name."""
        return self._by_namespace.get(namespace, {}).get(name)

    async def caught_up(self, namespace: str) -> dict[str, str]:
        """Wait until all that is due by now in a namespace has been done and reported.

        Gives the version of each Pod that is known here (uid -> resourceVersion). Raises
        TimeoutError where that takes too long.
        """
        asked = self.now()
        async with asyncio.timeout(CATCHING_UP):
            while any(worker.behind(asked) for worker in self._in(namespace)):
                await asyncio.sleep(0.01)
        known = (worker.pod.manifest["metadata"] for worker in self._in(namespace))
        return {metadata["uid"]: metadata["resourceVersion"] for metadata in known}

    def foreseen(self, namespace: str) -> dict[str, float]:
        """In how many real seconds something of a Pod will end by itself (uid -> seconds)."""
        now = self.now()
        ends = {
            worker.pod.manifest["metadata"]["uid"]: (worker.pod.foreseen - now) * self.time_factor
            for worker in self._in(namespace)
        }
        return {uid: max(0.0, rest) for uid, rest in ends.items() if math.isfinite(rest)}

    def _in(self, namespace: str) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.namespace == namespace]

    def address_for(self, manifest: Json, node: Node) -> str:
        """The Pod's address: the one it has, or a new one."""
        old = (manifest.get("status") or {}).get("podIP")
        return str(old) if old else self._addresses.take(node.pod_range)

    async def report(self, manifest: Json, status: Json) -> Json:
        """Write a Pod's status."""
        metadata = manifest["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        # With the uid, so that a Pod of the same name that came later is never touched.
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        return await self._client.call("PATCH", path, body, STRATEGIC)

    async def remove(self, manifest: Json) -> None:
        """Tell the API server that nothing of a deleted Pod is left."""
        metadata = manifest["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        await self._client.call("DELETE", path, options)

    def say(self, pod: Pod, now: float) -> None:
        """Advance a Pod and have its events written."""
        for event in pod.advance(now):
            self._events.put(pod.manifest, pod.node.name, event, now * self.time_factor)


class Worker:
    """Drives one Pod in a task of its own."""

    def __init__(self, kubelet: Kubelet, manifest: Json, node: Node, servers: Servers) -> None:
        self._kubelet = kubelet
        self.namespace: str = manifest["metadata"]["namespace"]
        self.changed = asyncio.Event()
        now = kubelet.now()
        address = kubelet.address_for(manifest, node)
        self.pod = Pod(manifest, node, address, servers, now)
        self._reported: Json | None = None
        self._at_work = True
        if (manifest.get("status") or {}).get("containerStatuses"):
            factor = kubelet.time_factor
            began = _moment(manifest["status"].get("startTime"), factor)
            self.pod.resume(_starts(manifest["status"], factor), now, began)
        self.task = asyncio.create_task(self._run())

    def update(self, manifest: Json) -> None:
        """Take in a changed Pod."""
        self.pod.update(manifest, self._kubelet.now())
        self.changed.set()

    def behind(self, moment: float) -> bool:
        """Whether something that was due by a moment of life time is not yet done and reported."""
        if self.task.done():
            return False
        return self._at_work or self.changed.is_set() or self.pod.next_at <= moment

    async def _run(self) -> None:
        delay = 0.2
        while not self.pod.gone:
            try:
                await self._step()
                delay = 0.2
            except Refused as error:
                if error.status in (404, 409):
                    return
                log.warning("status of %s: %s", self.pod.manifest["metadata"]["name"], error)
                await asyncio.sleep(delay := min(delay * 2, 10.0))
            except TROUBLE as error:
                log.info("status of %s: %r", self.pod.manifest["metadata"]["name"], error)
                await asyncio.sleep(delay := min(delay * 2, 5.0))
            except Exception as error:
                self._kubelet.faults.note(self.pod.manifest, error)
                return

    async def _step(self) -> None:
        """Do what is due, report it, and wait for the next thing."""
        self._at_work = True
        self.changed.clear()
        with broken_if_raised():
            refs = self.pod.wants(self._kubelet.now())
        if refs:
            found = await self._kubelet.lookups.find(self.namespace, refs)
            with broken_if_raised():
                self.pod.give(found)
        now = self._kubelet.now()
        with broken_if_raised():
            self._kubelet.say(self.pod, now)
            status = pod_status(self.pod, now, self._kubelet.stamp)
        if status != self._reported:
            await self._kubelet.report(self.pod.manifest, status)
            self._reported = status
        if self.pod.gone:
            await self._kubelet.remove(self.pod.manifest)
            return
        self._at_work = False
        seconds = (self.pod.next_at - self._kubelet.now()) * self._kubelet.time_factor
        try:
            async with asyncio.timeout(None if seconds == float("inf") else max(0.0, seconds)):
                await self.changed.wait()
        except TimeoutError:
            pass


def _starts(status: Json, time_factor: float) -> dict[str, float]:
    """Life times at which running or ended containers began, from a reported status."""
    entries = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    starts = {}
    for entry in entries:
        state = entry.get("state") or {}
        began = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        moment = _moment(began, time_factor)
        if moment is not None:
            starts[entry["name"]] = moment
    return starts


def _moment(text: str | None, time_factor: float) -> float | None:
    """A time as the API writes it in life time."""
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    return moment.timestamp() / time_factor
