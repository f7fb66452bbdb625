"""Checks of lab 14, the autoscaler, which may be left out."""

from grader import check, expect, note

NAME = "mock-inference"


@check(
    points=0.5,
    hint="An autoscaler names what it scales, between which bounds and by which metric. Would the "
    "quietest hour leave you two replicas, and the busiest no more than ten?",
)
def test_autoscaler_is_sane(manifests):
    """An HPA, if there is one, scales mock-inference between 2 and 10 by CPU utilisation."""
    autoscalers = manifests.all("HorizontalPodAutoscaler")
    if not autoscalers:
        note("there is no HorizontalPodAutoscaler, which is allowed")
    for autoscaler in autoscalers:
        target = autoscaler.field("spec.scaleTargetRef")
        target.field("kind").equals("Deployment")
        target.field("name").equals(NAME)
        target.field("apiVersion").equals("apps/v1")
        low = autoscaler.field("spec.minReplicas").at_least(2)
        autoscaler.field("spec.maxReplicas").at_most(10).at_least(low.value)
        used = cpu_utilisation(autoscaler)
        expect(
            isinstance(used, int) and 30 <= used <= 90,
            "a target of 30 to 90 per cent CPU utilisation",
            f"{used} per cent" if used else "no target for CPU utilisation",
            autoscaler.field("spec.metrics").where,
        )


def cpu_utilisation(autoscaler):
    """The CPU utilisation that an HPA aims at, in per cent, or None."""
    for metric in autoscaler.field("spec.metrics").value or []:
        # Of all containers of the Pod together, or of the one that serves.
        kind = "containerResource" if metric.get("type") == "ContainerResource" else "resource"
        resource = metric.get(kind) or {}
        ours = kind == "resource" or resource.get("container") == "server"
        if metric.get("type") in ("Resource", "ContainerResource") and ours:
            used = (resource.get("target") or {}).get("averageUtilization")
            if resource.get("name") == "cpu" and used is not None:
                return used
    return autoscaler.field("spec.targetCPUUtilizationPercentage").value
