"""Actions that put work on a workload."""

from __future__ import annotations

from pydantic import Field

from grader.model.scenario.base import Action, DnsLabel


class Load(Action):
    """Put a request rate (requests a second) on a Service; it stays until it is changed.

    The rate spreads evenly over the Service's ready endpoints, and each Pod's CPU follows from
    `cpu_idle` and `cpu_per_request` of its server model; 0 takes the load away. The step settles
    when every autoscaler has looked at the new load and come to rest.

    Where containers are real and nothing sends requests, the answer (verb `load`, target
    `Service/web`) has code 0 and reason `NotPossible`.

    Example: `load: {service: web, rate: 120}`.
    """

    service: DnsLabel
    rate: float = Field(ge=0, le=1_000_000)


class Queue(Action):
    """Set the value of an external metric, such as the length of a queue; it stays until changed.

    An HPA finds it by `metric` and by `labels` (its `matchLabels`) in the step's namespace. The
    step settles like `load`. Its answer has verb `queue` and the metric as target.

    Example: `queue: {metric: queue_length, value: 40, labels: {queue: embeddings}}`.
    """

    metric: str = Field(pattern=r"^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$")
    value: float = Field(ge=0)
    labels: dict[str, str] = Field(default_factory=dict)


class Request(Action):
    """Send an HTTP GET to a Service and keep the answer.

    The API server passes it on, to a port by its number or name; with `inside`, a Pod of the curl
    image sends it within the namespace, by the Service's DNS name, as other workloads would: name
    resolution, NetworkPolicies and the Service's own address then count too.

    Needs real containers: where containers are simulated the step is recorded as not possible.
    Example: `request: {service: web, path: /predict}`.
    """

    service: str
    path: str = "/"
    port: int | str = 80
    inside: bool = False
