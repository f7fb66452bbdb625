"""Checks of lab 01 on the cluster: what stays up, what ends, and what starts on time."""

from grader import check, expect

ONLINE = ("sentiment-api", "partner-api")
BY_DAY = ("nightly-score-by-day", "weekly-retrain-by-day")


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The API server says which field it objects to, and why. Its sentence is the place to "
    "start; fix that one first.",
)
def test_accepted(recording):
    """The API server accepts every object under strict validation."""
    recording.during("apply").answers(verb="apply").all_accepted()


@check(
    points=1.5,
    needs="kubelet",
    after=("test_accepted", "test_two_replicas"),
    hint="Begin with the events of a Pod that is not Ready; then compare the Pods' labels with "
    "what each Service selects.",
)
def test_servers_stay_up(recording):
    """Both APIs have two Ready Pods behind their addresses, and keep them while other work runs."""
    for name in ONLINE:
        recording.during("apply").ready_pods(of=f"Deployment/{name}").finally_(
            lambda ready: len(ready) == 2, "two"
        )
        recording.during("apply").endpoints(name).finally_(lambda ready: len(ready) == 2, "two")
        recording.during("week").endpoints(name).always(lambda ready: len(ready) == 2, "two")


@check(
    points=1,
    needs="kubelet",
    after="test_accepted",
    hint="Who counts the Pods, and who makes a new one when there is one too few?",
)
def test_lost_server_comes_back(recording):
    """A Pod of the sentiment API that is lost is replaced by a new one."""
    replace = recording.during("replace")
    pods = replace.ready_pods(of="Deployment/sentiment-api")
    before, after = names_of(pods.moments[0].value), names_of(pods.last)
    expect(
        len(after) == 2 and len(after - before) == 1,
        "two Ready Pods in the end, one of them new",
        f"{len(after)} Ready Pods, {len(after - before)} of them new",
        "during replace",
    )


@check(
    points=2,
    needs="kubelet",
    after=("test_accepted", "test_backfill_has_twelve_shards"),
    hint="`kubectl describe job` counts the Pods that are active, have succeeded and have failed. "
    "Which of them is the shard that is missing?",
)
def test_backfill_finishes(recording):
    """The backfill comes to its end with all twelve shards done, each by a Pod of its own."""
    recording.object("Job", "embedding-backfill").eventually(is_complete, "complete")
    pods = recording.pods(of="Job/embedding-backfill")
    pods.always(lambda now: sum(not is_over(pod) for pod in now) <= 4, "four at work at most")
    done = {index_of(pod) for moment in pods.moments for pod in moment.value if succeeded(pod)}
    seen = ", ".join(map(str, sorted(done))) or "none"
    expect(done == set(range(12)), "the shards 0 to 11 done", f"shards done: {seen}")


@check(
    points=2,
    needs="kubelet",
    after=("test_accepted", "test_nightly_score_is_scheduled", "test_weekly_retrain_is_scheduled"),
    hint="A schedule that is right says nothing about the work behind it. Try it by day: "
    "`kubectl create job --from=cronjob/…`, and look at the Pod's events.",
)
def test_scheduled_work_finishes(recording):
    """A run of each schedule, begun by hand, comes to its end."""
    for name in BY_DAY:
        recording.object("Job", name).eventually(is_complete, "complete")
        recording.pods(of=f"Job/{name}").eventually(
            lambda pods: any(succeeded(pod) for pod in pods), "ended well"
        )


@check(
    points=1,
    needs="control-plane",
    after="test_accepted",
    hint="A load balancer must find out which nodes have a ready Pod. Where does it ask?",
)
def test_partner_api_is_checked_node_by_node(recording):
    """The API server gives the partner API a health port for the balancer to ask on each node."""
    service = recording.during("apply").object("Service", "partner-api").last or {}
    port = (service.get("spec") or {}).get("healthCheckNodePort")
    expect(port, "a healthCheckNodePort", f"healthCheckNodePort {port}", "Service/partner-api")


def names_of(pods):
    """The Pods' names."""
    return {pod["metadata"]["name"] for pod in pods}


def is_complete(job):
    """Whether the Job exists and its controller calls it Complete."""
    conditions = ((job or {}).get("status") or {}).get("conditions") or []
    return any(c["type"] == "Complete" and c["status"] == "True" for c in conditions)


def is_over(pod):
    """Whether the Pod has ended, well or not."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def succeeded(pod):
    """Whether the Pod has ended well."""
    return (pod.get("status") or {}).get("phase") == "Succeeded"


def index_of(pod):
    """The completion index that the Job gave to the Pod."""
    return int((pod["metadata"].get("annotations") or {})[INDEX])


INDEX = "batch.kubernetes.io/job-completion-index"
