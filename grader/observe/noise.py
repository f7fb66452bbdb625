"""What a recording leaves out: bookkeeping that proves nothing, and secrets."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def clean(obj: Object) -> Object:
    """The object without managedFields and kubectl's copy of it; the original stays as it is."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return obj
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    annotations = kept.get("annotations")
    if isinstance(annotations, dict) and LAST_APPLIED in annotations:
        rest = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        if rest:
            kept["annotations"] = rest
        else:
            del kept["annotations"]
    return {**obj, "metadata": kept}


def is_of_before(obj: Object, started: datetime) -> bool:
    """Whether an event tells of a moment before the run.

    Who writes events tries again for some seconds when an API server refuses: one about an earlier
    run's Pod can so arrive in a namespace that has the same name again.
    """
    if obj.get("kind") != "Event":
        return False
    exact = obj.get("eventTime")
    try:
        said = datetime.fromisoformat(str(exact or obj.get("lastTimestamp")))
        return said < (started if exact else started.replace(microsecond=0))
    except (TypeError, ValueError):
        return False


def without_secrets(obj: Object, key: bytes) -> Object:
    """A Secret with a keyed hash for each value: equal values stay equal, no more is told."""
    if obj.get("kind") != "Secret":
        return obj
    hidden = dict(obj)
    for field in ("data", "stringData"):
        values = obj.get(field)
        if isinstance(values, dict):
            hidden[field] = {name: _hash(str(value), key) for name, value in values.items()}
    return hidden


def _hash(value: str, key: bytes) -> str:
    return "hmac-sha256:" + hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def only_measured(old: Object | None, new: Object) -> bool:
    """Whether an autoscaler only wrote down another measured value."""
    if old is None or new.get("kind") != "HorizontalPodAutoscaler":
        return False
    return _unmeasured(old) == _unmeasured(new)


def _unmeasured(scaler: Object) -> Object:
    status = {k: v for k, v in (scaler.get("status") or {}).items() if k != "currentMetrics"}
    metadata = {k: v for k, v in scaler["metadata"].items() if k != "resourceVersion"}
    return {**scaler, "metadata": metadata, "status": status}


def same_but_for_heartbeats(old: Object | None, new: Object) -> bool:
    """Whether a Node only said again that it lives, or which images it has."""
    return old is not None and _lasting(old) == _lasting(new)


def _lasting(node: Object) -> Object:
    metadata = {
        key: value
        for key, value in (node.get("metadata") or {}).items()
        if key not in ("resourceVersion", "managedFields")
    }
    status = dict(node.get("status") or {})
    status.pop("images", None)
    status["conditions"] = [
        {key: value for key, value in condition.items() if key != "lastHeartbeatTime"}
        for condition in status.get("conditions") or []
    ]
    return {**node, "metadata": metadata, "status": status}
