"""Checks of lab 05, what the autoscaler makes of the load: played and recorded."""

from math import ceil

from grader import check

NAME = "sentiment-inference"
WORKLOAD = f"Deployment/{NAME}"
SCALER = "HorizontalPodAutoscaler"
LEAST, MOST, TARGET = 3, 20, 65

REQUEST, IDLE, PER_REQUEST = 100, 4, 2
"""Millicores: what a replica requests, uses without traffic, and uses for each request a second."""


def utilisation(rate, replicas):
    """Percent of its request that each of so many replicas uses at this rate."""
    return (IDLE + rate * PER_REQUEST / replicas) / REQUEST * 100


def formula(rate, replicas):
    """What the autoscaler makes of so many replicas at this rate, before its bounds."""
    return ceil(replicas * utilisation(rate, replicas) / TARGET)


def wanted(deployment):
    """How many replicas a Deployment is told to have; 0 where there is none."""
    return deployment["spec"].get("replicas", 1) if deployment else 0


def condition(scaler, name):
    """Status and reason of an autoscaler's condition."""
    found = (scaler or {}).get("status", {}).get("conditions") or []
    return next(((c.get("status"), c.get("reason")) for c in found if c["type"] == name), ("", ""))


def replicas_end_at(span, number, why):
    """At the end of a step the Deployment wants, and has, this many replicas."""
    span.object("Deployment", NAME).finally_(
        lambda found: wanted(found) == number, f"told to have {number} replicas: {why}"
    )
    span.ready_pods(of=WORKLOAD).finally_(lambda ready: len(ready) == number, f"{number}")


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The API server holds each object against its schema, those of KEDA and VPA too. Its "
    "sentence names the field; the type of the value matters as much as its name.",
)
def test_accepted(recording):
    """The API server accepts every object, custom resources included, under strict validation."""
    recording.during("apply").answers(verb="apply").all_accepted()
    recording.during("release").answers(verb="apply").all_accepted()


@check(
    points=1,
    needs="load",
    after="test_accepted",
    hint="`kubectl describe hpa` says whether it can compute, and if not, what is missing. Read "
    "the condition ScalingActive.",
)
def test_autoscaler_can_compute(recording):
    """Under normal load the autoscaler computes, and 3 replicas are what it wants."""
    normal = recording.during("normal")
    normal.answers(verb="load").all_accepted()
    scaler = normal.object(SCALER, NAME)
    scaler.finally_(lambda found: condition(found, "ScalingActive")[0] == "True", "able to compute")
    replicas_end_at(normal, LEAST, f"{utilisation(90, 3):.0f} % is within 10 % of {TARGET} %")


@check(
    points=2,
    needs="load",
    after="test_autoscaler_can_compute",
    hint="Do the sum by hand: replicas now, times the share that is used, divided by the share "
    "that is wanted, rounded up.",
)
def test_rises_with_the_load(recording):
    """When the load doubles, the replicas rise to what the formula says."""
    number = formula(180, LEAST)
    why = f"ceil({LEAST} × {utilisation(180, LEAST):.0f} % / {TARGET} %)"
    replicas_end_at(recording.during("doubled"), number, why)


@check(
    points=1.5,
    needs="load",
    after="test_rises_with_the_load",
    hint="The same files are applied once more, as any pipeline does. Which of their fields did "
    "somebody else change in the meantime?",
)
def test_release_keeps_the_replicas(recording):
    """Applying the files again under load takes no replica away."""
    number = formula(180, LEAST)
    recording.during("release").object("Deployment", NAME).always(
        lambda found: wanted(found) >= number, f"told to have at least {number} replicas"
    )


@check(
    points=1.5,
    needs="load",
    after="test_autoscaler_can_compute",
    hint="A bound is a promise to whoever pays. Which field keeps it, and is it the number of the "
    "task?",
)
def test_never_beyond_the_bounds(recording):
    """Ten times the load brings 20 replicas, and at no moment of the recording are there more."""
    # Told to have, no more: whether the cluster has room for all of them is not the autoscaler's.
    recording.during("flood").object("Deployment", NAME).finally_(
        lambda found: wanted(found) == MOST,
        f"told to have {MOST} replicas, not {formula(900, MOST)}",
    )
    recording.object("Deployment", NAME).always(
        lambda found: wanted(found) <= MOST, f"told to have at most {MOST} replicas"
    )


@check(
    points=2,
    needs="load",
    after="test_never_beyond_the_bounds",
    hint="When the load is gone, the autoscaler still remembers what it wanted a moment ago. For "
    "how long, and where is that written?",
)
def test_waits_before_it_falls(recording):
    """When the load has gone, the replicas stay until the window has passed, and then fall to 3."""
    calm = recording.during("calm")
    calm.object(SCALER, NAME).eventually(
        lambda found: condition(found, "AbleToScale")[1] == "ScaleDownStabilized",
        "held back by its window (AbleToScale: ScaleDownStabilized)",
    )
    replicas_end_at(calm, LEAST, "the lower bound")
