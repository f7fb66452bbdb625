"""Reading Pods as the API gives them."""

from __future__ import annotations

from typing import Any


def container_statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """What is told of all containers of a Pod: the init containers first, in the Pod's order.

    Empty for a Pod that no kubelet has reported on.
    """
    status = pod.get("status") or {}
    told = (status.get("initContainerStatuses"), status.get("containerStatuses"))
    return [entry for part in told for entry in part or ()]
