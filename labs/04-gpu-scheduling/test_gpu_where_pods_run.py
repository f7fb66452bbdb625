"""Checks of lab 04 on the cluster: which nodes the Pods get, and which Pods wait."""

from grader import check, expect, note

TRAINER = "Job/embedding-trainer"
SECOND = "Job/embedding-trainer-second"
PREPROCESS = "Deployment/preprocess"
GPU = "nvidia.com/gpu"
LOCK = f"{GPU}=present:NoSchedule"
NOT_THESE_NODES = "didn't satisfy plugin(s) [NodeAffinity]"


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
    needs="control-plane",
    after="test_accepted",
    hint="`kubectl describe node gpu-worker` shows what the cluster really holds. Which of label "
    "and taint did not arrive, and why?",
)
def test_gpu_node_is_marked(recording):
    """The node gpu-worker advertises a GPU, and carries the label and the taint."""
    nodes = recording.during("apply").object("Node", "gpu-worker")
    nodes.finally_(lambda node: node is not None, "there")
    node = nodes.last
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    note(f"gpu-worker advertises {allocatable.get(GPU)} {GPU}", "Node/gpu-worker")
    labels = node["metadata"].get("labels") or {}
    expect(
        labels.get("accelerator") == "nvidia-a100",
        "the label accelerator: nvidia-a100",
        f"accelerator: {labels.get('accelerator')}",
        "Node/gpu-worker",
    )
    seen = [lock(taint) for taint in node["spec"].get("taints") or []]
    expect(LOCK in seen, f"the taint {LOCK}", ", ".join(seen) or "none", "Node/gpu-worker")


@check(
    points=1.5,
    needs="control-plane",
    after="test_accepted",
    hint="Where did the trainers land, or what does the scheduler say of each node that it turned "
    "down? It names a reason for every node.",
)
def test_trainers_only_on_a100(recording):
    """The trainer is bound to the A100 node, and no trainer is ever bound to another."""
    recording.during("apply").node_of_pods(of=TRAINER).finally_(
        lambda nodes: list(nodes.values()) == ["gpu-worker"], "gpu-worker, for one Pod"
    )
    for job in (TRAINER, SECOND):
        recording.node_of_pods(of=job).always(
            lambda nodes: set(nodes.values()) <= {"gpu-worker"}, "gpu-worker and no other"
        )


@check(
    points=1,
    needs="control-plane",
    after=("test_trainer_program", "test_gpu_node_is_marked", "test_trainers_only_on_a100"),
    hint="One GPU, two trainers: what has the second one to wait for, and what does the scheduler "
    "write into its events meanwhile?",
)
def test_second_trainer_waits(recording):
    """A second trainer stays Pending while the first holds the GPU, and the scheduler says why."""
    second = recording.during("second")
    second.pods(of=SECOND).finally_(lambda pods: len(pods) == 1, "one")
    second.node_of_pods(of=SECOND).always(lambda nodes: not nodes, "none")
    second.events(about="Pod/embedding-trainer-second*", reason="FailedScheduling").some(
        text=f"Insufficient {GPU}"
    )


@check(
    points=0.5,
    needs="kubelet",
    after=("test_trainer_program", "test_gpu_node_is_marked", "test_trainers_only_on_a100"),
    hint="Does the end of the first run give its GPU back to the node, and is the second trainer's "
    "Pod the next to get it?",
)
def test_second_trainer_starts_when_the_first_ends(recording):
    """The second trainer starts on the A100 when the first one has finished, and not before."""
    recording.during("second").node_of_pods(of=SECOND).always(
        lambda nodes: not nodes, "none while the first trainer runs"
    )
    finish = recording.during("finish")
    finish.pods(of=TRAINER).eventually(
        lambda pods: bool(pods) and all(phase(pod) == "Succeeded" for pod in pods), "Succeeded"
    )
    finish.node_of_pods(of=SECOND).finally_(
        lambda nodes: list(nodes.values()) == ["gpu-worker"], "gpu-worker, for one Pod"
    )
    finish.pods(of=SECOND).finally_(
        lambda pods: [phase(pod) for pod in pods] == ["Running"], "one, and Running"
    )


@check(
    points=1,
    needs="control-plane",
    after="test_accepted",
    hint="The scheduler likes the emptiest node, and the GPU nodes are big and idle. What stands "
    "between preprocess and them?",
)
def test_preprocess_runs_on_cpu_workers(recording):
    """Every Pod of preprocess is bound to a CPU worker."""
    apply = recording.during("apply")
    apply.node_of_pods(of=PREPROCESS).always(
        lambda nodes: all(node.startswith("cpu-worker-") for node in nodes.values()),
        "CPU workers only",
    )
    apply.pods(of=PREPROCESS).finally_(
        lambda pods: bool(pods) and all(pod["spec"].get("nodeName") for pod in pods),
        "all bound to a node",
    )


@check(
    points=1,
    needs="control-plane",
    after="test_preprocess_runs_on_cpu_workers",
    hint="With no CPU worker left, waiting costs minutes and a GPU node would cost euros. Is your "
    "taint a rule that holds even then, or a preference?",
)
def test_preprocess_waits_rather_than_take_a_gpu_node(recording):
    """With the CPU workers closed, preprocess stays Pending rather than land on a GPU node."""
    evict = recording.during("evict")
    evict.node_of_pods(of=PREPROCESS).always(
        lambda nodes: all(node.startswith("cpu-worker-") for node in nodes.values()),
        "no GPU nodes",
    )
    evict.pods(of=PREPROCESS).finally_(
        lambda pods: any(not pod["spec"].get("nodeName") for pod in pods),
        "waiting for a node, at least one",
    )
    said = evict.events(about="Pod/preprocess-*", reason="FailedScheduling")
    # Nodes that a Pod rules out by their names are turned down before anybody asks for a taint.
    by_name = any(NOT_THESE_NODES in str(event.get("message")) for event in said.found)
    said.some(text=NOT_THESE_NODES if by_name else "untolerated taint")


def lock(taint):
    """A taint as kubectl writes it."""
    return f"{taint.get('key')}={taint.get('value', '')}:{taint.get('effect')}"


def phase(pod):
    """The phase that the kubelet reports."""
    return (pod.get("status") or {}).get("phase")
