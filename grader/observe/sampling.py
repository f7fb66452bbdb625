"""Measured CPU and memory of the run's Pods, read from the metrics API while there is load."""

from __future__ import annotations

import threading
from types import TracebackType

from cluster.quantity import number
from grader.errors import MachineError
from grader.model.recording import Sample
from grader.observe.stage import Stage

PERIOD = 0.5
MOST = 50_000
"""Samples after which no more are kept."""
_PATH = "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods"


class Sampler:
    """Takes samples in a thread of its own, from `with` to its end. Missing metrics are no fault:
    a cluster need not serve any, and a check that needs them will say so."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._ended.wait(PERIOD):
            try:
                for namespace in self._stage.namespaces:
                    self._sample(namespace)
            except (MachineError, ValueError):
                continue  # a lost cluster is met by whoever plays the scenario, and told there

    def _sample(self, namespace: str) -> None:
        stage = self._stage
        answer = stage.api.call(
            "GET", _PATH.format(stage.real(namespace)), patience=0.0, timeout=5.0
        )
        at, step = stage.recorder.clock(), stage.step
        if not answer.ok or self._ended.is_set() or len(stage.samples) > MOST:
            return
        for item in answer.body.get("items") or []:
            name = f"Pod/{item['metadata']['name']}"
            for series, unit in (("cpu", "cpu"), ("memory", "memory")):
                used = [str(c["usage"].get(unit) or "0") for c in item.get("containers") or []]
                value = round(sum(number(text) for text in used), 9)
                stage.samples.append(Sample(at, step, series, name, namespace, value))
