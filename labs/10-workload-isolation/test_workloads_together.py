"""Checks of lab 10 on the cluster: side by side, in a rush, in a drain, and when a shard dies."""

from grader import check, expect, note

RANKER = "Deployment/ranker"
SHARDS = "Job/score-shards"
TRAINING = "Job/train-ranker"
INDEX = "batch.kubernetes.io/job-completion-index"


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
    points=1,
    needs="kubelet",
    after="test_accepted",
    hint="Add up what every Pod asks for, node by node, and look at the events of one that waits.",
)
def test_everything_runs_side_by_side(recording):
    """At first all fit: four rankers Ready, and three shards at work."""
    apply = recording.during("apply")
    apply.ready_pods(of=RANKER).finally_(lambda pods: len(pods) == 4, "four")
    apply.ready_pods(of=SHARDS).finally_(lambda pods: len(pods) == 3, "three")


@check(
    points=2,
    needs="kubelet",
    after="test_everything_runs_side_by_side",
    hint="Eight rankers and the trainer fill all nine places. Whom may the scheduler send away for "
    "them, and does it know that?",
)
def test_online_gets_its_room(recording):
    """In the rush eight rankers become Ready, although the nodes were full."""
    rush = recording.during("rush")
    rush.ready_pods(of=RANKER).finally_(lambda pods: len(pods) == 8, "eight")


@check(
    points=2,
    needs="control-plane",
    after="test_online_gets_its_room",
    hint="Read the events with reason Preempted: who was sent away, and which value of which class "
    "decided that?",
)
def test_only_batch_is_preempted(recording):
    """The scheduler preempts shards of the batch Job, and nothing else."""
    recording.during("rush").events(about="Pod/score-shards-*", reason="Preempted").some()
    recording.events(about="Pod/ranker-*", reason="Preempted").none()
    recording.events(about="Pod/train-ranker-*", reason="Preempted").none()


@check(
    points=1.5,
    needs="kubelet",
    after="test_accepted",
    hint="One Pod from beginning to end. What ended it, or kept it from starting: a probe, a "
    "deadline, another Pod's priority, a claim?",
)
def test_training_is_left_in_peace(recording):
    """The training Pod runs through everything: one Pod, never failed, Running at the end."""
    recording.pods(of=TRAINING).always(
        lambda pods: len(pods) <= 1 and all(phase(pod) != "Failed" for pod in pods),
        "one, and not failed",
    )
    recording.pods(of=TRAINING).finally_(
        lambda pods: [phase(pod) for pod in pods] == ["Running"], "one, and Running"
    )


@check(
    points=2,
    needs="kubelet",
    after="test_everything_runs_side_by_side",
    hint="Evictions ask the budget first. Did the budget hold three replicas, and did it let all "
    "four Pods go in the end, one after the other?",
)
def test_drain_keeps_three(recording):
    """During a drain three rankers stay Ready at every moment, and all four Pods are moved."""
    drain = recording.during("drain")
    drain.ready_pods(of=RANKER).always(lambda pods: len(pods) >= 3, "at least three")
    answers = drain.answers(verb="evict").found
    moved = {answer.target for answer in answers if answer.ok}
    refused = [answer for answer in answers if answer.code == 429]
    note(f"{len(refused)} evictions were refused for the moment")
    kept = f"; refused: {refused[-1].message}" if refused and len(moved) < 4 else ""
    expect(len(moved) == 4, "four Pods evicted in the end", f"{len(moved)}{kept}", "during drain")


@check(
    points=2,
    needs="kubelet",
    after="test_everything_runs_side_by_side",
    hint="One process of one shard has died. What was done again because of it, and how many Pods "
    "would a Job without indexes have had to repeat?",
)
def test_killed_shard_is_done_again_alone(recording):
    """Shard 1, whose process was killed, is done again and finished; no other shard failed."""
    failed = seen(recording, "Failed")
    crashed = sorted(index_of(pod) for pod in failed if not is_disrupted(pod))
    expect(crashed == [1], "one failure of its own, of shard 1", f"of shards {crashed}", SHARDS)
    done = [pod for pod in seen(recording, "Succeeded") if index_of(pod) == 1]
    expect(len(done) == 1, "shard 1 finished once", f"finished {len(done)} times", "in the end")


@check(
    points=1.5,
    needs="kubelet",
    after=("test_only_batch_is_preempted", "test_killed_shard_is_done_again_alone"),
    hint="Compare the Job's count of failures with the number of processes that really failed. "
    "What else is in it?",
)
def test_preemption_is_no_failure(recording):
    """Shards that made room for online are done again, and the Job counts one failure in all."""
    gone = sorted({index_of(pod) for pod in seen(recording, "Failed") if is_disrupted(pod)})
    note(f"preempted: shards {gone}")
    counted = (last_seen_job(recording).get("status") or {}).get("failed", 0)
    expect(counted == 1, "the Job with status.failed 1", f"status.failed {counted}", "in the end")


@check(
    points=1.5,
    needs="kubelet",
    after="test_everything_runs_side_by_side",
    hint="`kubectl describe job` lists completed and failed indexes. Which of the eight is "
    "missing, and what used up its retries?",
)
def test_all_shards_finish(recording):
    """The batch Job completes with all eight shards, 0 to 7."""
    status = last_seen_job(recording).get("status") or {}
    complete = any(
        c.get("type") == "Complete" and c.get("status") == "True"
        for c in status.get("conditions") or []
    )
    observed = f"completed {status.get('completedIndexes') or 'none'}"
    observed += f", failed {status['failedIndexes']}" if status.get("failedIndexes") else ""
    good = complete and status.get("completedIndexes") == "0-7"
    expect(good, "complete, with indexes 0-7", observed, "in the end")


def phase(pod):
    """The phase that the kubelet reports."""
    return (pod.get("status") or {}).get("phase")


def index_of(pod):
    """The completion index of a Job's Pod."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, -1))


def is_disrupted(pod):
    """Whether the Pod was taken away rather than failed by itself."""
    return any(
        c.get("type") == "DisruptionTarget" and c.get("status") == "True"
        for c in (pod.get("status") or {}).get("conditions") or []
    )


def seen(recording, wanted):
    """Every Pod of the batch Job that was ever seen in this phase, in its last state."""
    found = {}
    for moment in recording.pods(of=SHARDS).moments:
        for pod in moment.value:
            if phase(pod) == wanted:
                found[pod["metadata"]["uid"]] = pod
    return list(found.values())


def last_seen_job(recording):
    """The batch Job as it was in the end; `ttlSecondsAfterFinished` may have removed it since."""
    moments = recording.object("Job", "score-shards").moments
    there = [moment.value for moment in moments if moment.value is not None]
    return there[-1] if there else {}
