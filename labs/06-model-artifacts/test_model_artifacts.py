"""Checks of lab 06: no replica answers before its model is there."""

import re

from grader import check, expect, quantity
from grader.judge.language.shell import expand

NAMESPACE = "ml-artifacts"
URL = "https://artifacts.example.com/classifier/v3/model.bin"
SHA256 = "776f383d9026b1c3503b10fa94f62960de26d26f27182a4c12d951bada55c631"
WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
RECOMMENDER, CLASSIFIER = "Deployment/recommender", "Deployment/classifier"
TOOLS = "registry.example.com/artifact-tools"


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A Pod can use claims of its own namespace only. Which one is that if an object names "
    "none?",
)
def test_objects_name_their_namespace(manifests):
    """The two claims and the three workloads name the namespace ml-artifacts themselves."""
    for name in ("model-cache", "checkpoints"):
        manifests.one("PersistentVolumeClaim", name)
    for name in ("recommender", "classifier"):
        manifests.one("Deployment", name)
    manifests.one("Job", "trainer")
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="Which program, in which version, and how often? Compare names and tags letter by letter "
    "with the README.",
)
def test_workloads(manifests):
    """The three workloads run their images in the numbers asked for."""
    for name, image in (
        ("recommender", "registry.example.com/recommender:v5.0.0"),
        ("classifier", "registry.example.com/classifier:v3.0.0"),
    ):
        deployment = manifests.one("Deployment", name)
        deployment.field("spec.replicas").equals(2)
        deployment.selects(deployment)
        deployment.container("server").image_is(image)
    trainer = manifests.one("Job", "trainer").container("train")
    trainer.image_is("registry.example.com/trainer:v2.3.0")


@check(
    points=1.5,
    hint="Count who reads and who writes, on how many nodes. There are four access modes; one of "
    "them says just that, and another says more than anybody needs.",
)
def test_cache_claim(manifests):
    """The claim model-cache asks for 50Gi that many nodes may read and nobody writes."""
    claim = manifests.one("PersistentVolumeClaim", "model-cache")
    claim.field("spec.accessModes").equals(["ReadOnlyMany"])
    claim.field("spec.resources.requests.storage").equals(quantity("50Gi"))


@check(
    points=1,
    hint="A mount names a volume of the Pod, and that volume names the claim. Follow the two names "
    "from the container.",
)
def test_cache_is_mounted(manifests):
    """The recommender finds the model cache at /models."""
    mount = manifests.one("Deployment", "recommender").container("server").mount("/models")
    claim = mount.volume.field("persistentVolumeClaim.claimName")
    claim.equals("model-cache")


@check(
    points=1.5,
    hint="The access mode says how the volume is attached to nodes. What keeps a container on such "
    "a node from writing? There are two places where that can be said; one is enough.",
)
def test_nobody_writes_the_cache(manifests):
    """Every container that mounts the model cache does so read-only."""
    mounts = list(mounts_of(manifests, "model-cache"))
    expect(mounts, "model-cache to be mounted", f"model-cache is mounted {len(mounts)} times")
    for workload, container, mount, volume in mounts:
        read_only = bool(
            mount.field("readOnly").value or volume.field("persistentVolumeClaim.readOnly").value
        )
        observed = f"{workload} {container} mounts it {'read-only' if read_only else 'writable'}"
        expect(read_only, "a read-only mount", observed, mount.where)


@check(
    points=1.5,
    hint="Checkpoints are written by one trainer, on one node at a time. Which mode says that, and "
    "how large are they?",
)
def test_checkpoints_claim(manifests):
    """The claim checkpoints asks for 20Gi that one node, or one Pod, may write."""
    claim = manifests.one("PersistentVolumeClaim", "checkpoints")
    claim.field("spec.accessModes").is_one_of([["ReadWriteOnce"], ["ReadWriteOncePod"]])
    claim.field("spec.resources.requests.storage").equals(quantity("20Gi"))


@check(
    points=1.5,
    hint="ReadWriteOnce counts nodes, not Pods: two Pods on one node may both write. So who else "
    "mounts the claim, and how many Pods does the Job run at once?",
)
def test_one_writer(manifests):
    """One Pod at a time writes checkpoints at /checkpoints: the trainer's."""
    job = manifests.one("Job", "trainer")
    mount = job.container("train").mount("/checkpoints")
    mount.volume.field("persistentVolumeClaim.claimName").equals("checkpoints")
    for switch in (mount.field("readOnly"), mount.volume.field("persistentVolumeClaim.readOnly")):
        switch.satisfies(lambda value: not value, "false, since the trainer writes")
    job.field("spec.parallelism").equals(1)
    users = {str(workload) for workload, *_ in mounts_of(manifests, "checkpoints")}
    others = ", ".join(sorted(users - {"Job/trainer"}))
    where = mount.where
    expect(not others, "no other workload that mounts checkpoints", others or "none", where)


@check(
    points=2,
    hint="Two containers of a Pod share files through a volume that lives as long as the Pod. "
    "Where is it on the node's disk, and what keeps it from filling that disk?",
)
def test_model_volume(manifests):
    """The classifier's model lies in an emptyDir of 2Gi to 4Gi that server and fetcher share."""
    deployment = manifests.one("Deployment", "classifier")
    mount = deployment.container("server").mount("/model")
    volume = mount.volume
    volume.field("emptyDir").satisfies(lambda found: found is not None, "there")
    limit = volume.field("emptyDir.sizeLimit")
    limit.at_least(quantity("2Gi")).at_most(quantity("4Gi"))
    fetch = deployment.container("fetch-model").mount("/model")
    fetch.field("name").equals(mount.field("name").value)
    for part in ("subPath", "subPathExpr"):
        folder = mount.field(part).value or ""
        fetch.field(part).satisfies(
            lambda written, folder=folder: (written or "") == folder,
            f"{folder or 'left out'}, as in the server",
        )
    fetch.field("readOnly").satisfies(lambda value: not value, "false, since it writes the model")


@check(
    points=2,
    hint="It must run to its end before the server starts, so among which containers does it "
    "belong? And a file that came without an error is not yet the right file.",
)
def test_fetch_comes_first(manifests):
    """An init container fetches the model and knows the SHA-256 that it must have."""
    deployment = manifests.one("Deployment", "classifier")
    first = [c for c in deployment.init_containers() if c.container_name == "fetch-model"]
    names = ", ".join(c.container_name for c in deployment.init_containers()) or "none"
    expect(first, "an init container fetch-model", f"init containers: {names}", deployment.where)
    fetch = first[0]
    fetch.image_is("registry.example.com/artifact-tools:v1.2.0")
    fetch.field("restartPolicy").satisfies(lambda policy: policy != "Always", "none: it ends")
    words = texts(manifests, fetch)
    for what, text in (("the address of the model", URL), ("its SHA-256", SHA256)):
        # With both ends: model.bin.old is another file, and a sum has 64 digits.
        whole = re.compile(rf"(?<!\w){re.escape(text)}(?![\w./?-])")
        found = any(whole.search(word) for word in words)
        expect(
            found, f"{what}, {text}", f"{what}: {'there' if found else 'not there'}", fetch.where
        )


@check(
    points=1,
    hint="The server knows best whether its model is loaded, and says so at one address. A probe "
    "asks; it does not fetch.",
)
def test_readiness(manifests):
    """Both servers are asked at /ready on port 8000 whether they can answer."""
    for name in ("recommender", "classifier"):
        manifests.one("Deployment", name).container("server").probe("readiness").gets(
            "/ready", port=8000
        )


@check(
    points=1,
    hint="A path on the node is there on one node, empty on the next, and open to whoever can "
    "start a Pod. Which kinds of volume has this lab instead?",
)
def test_no_path_of_a_node(manifests):
    """No workload mounts a path of its node."""
    for workload in all_workloads(manifests):
        volumes = workload.pod_field("volumes")
        paths = [v["hostPath"].get("path") for v in volumes.value or [] if v.get("hostPath")]
        observed = f"{workload.manifest} mounts {', '.join(map(str, paths)) or 'none'}"
        expect(not paths, "no hostPath", observed, volumes.where)


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
    points=2,
    needs="control-plane",
    after="test_accepted",
    hint="`kubectl describe pvc` tells what a claim waits for: a Pod that uses it, a volume of "
    "that mode and size, or a provisioner that cannot make such a one.",
)
def test_claims_are_bound(recording):
    """Both claims are bound: model-cache to the volume that was made for it."""
    span = recording.during("apply")
    for name in ("model-cache", "checkpoints"):
        where = f"PersistentVolumeClaim/{name}"
        volume = bound(span.object("PersistentVolumeClaim", name).last)
        said = [event.get("message") for event in span.events(about=where).found]
        observed = (
            f"bound to {volume}" if volume else f"not bound: {said[-1] if said else 'silence'}"
        )
        expect(volume, f"{name} to be bound", f"{name} is {observed}", where)
    volume = bound(span.object("PersistentVolumeClaim", "model-cache").last)
    expect(volume.startswith("models-"), "the volume models for model-cache", volume)


@check(
    points=1,
    needs="kubelet",
    after="test_accepted",
    hint="A Pod whose claim is not bound stays Pending, and the scheduler says so in its events.",
)
def test_recommender_reads(recording):
    """Two Pods of the recommender become Ready on the shared cache."""
    ready = recording.during("apply").ready_pods(of=RECOMMENDER)
    ready.finally_(lambda pods: len(pods) == 2, "two")


@check(
    points=1,
    needs="kubelet",
    after="test_accepted",
    hint="Was the trainer's Pod placed, did it start, and how did it end? Its claim gets a volume "
    "on the node that the scheduler chose.",
)
def test_trainer_finishes(recording):
    """The trainer gets its volume and comes to its end."""
    recording.object("Job", "trainer").eventually(is_complete, "complete")


@check(
    points=1.5,
    needs="kubelet",
    after="test_accepted",
    hint="`kubectl get pods` shows Init:0/1 while the model is fetched and Init:Error where that "
    "failed. `kubectl logs POD -c fetch-model` has its last words.",
)
def test_classifier_serves(recording):
    """Two Pods of the classifier fetch their model, verify it and become Ready."""
    ready = recording.during("apply").ready_pods(of=CLASSIFIER)
    ready.finally_(lambda pods: len(pods) == 2, "two")


@check(
    points=2,
    needs="kubelet",
    after="test_accepted",
    hint="Compare two moments of a Pod: when fetch-model ended with code 0, and when the Pod "
    "became Ready. Is there anything in the manifest that orders them?",
)
def test_never_ready_without_a_verified_model(recording):
    """At no moment is a Pod of the classifier Ready before its model was fetched and verified."""
    pods = recording.ready_pods(of=CLASSIFIER)
    pods.eventually(bool, "at least one")
    pods.never(lambda ready: any(not fetched(pod) for pod in ready), "Ready without a model")


@check(
    points=2.5,
    needs="kubelet",
    after="test_classifier_serves",
    hint="A new release brings a copy that was cut off. What does fetch-model have to do so that "
    "no Pod of this release is ever started, and which Pods answer meanwhile?",
)
def test_damaged_model_never_serves(recording):
    """A release whose checksum fails never becomes Ready, while the two old replicas stay."""
    damaged = recording.during("damaged")
    damaged.pods(of=CLASSIFIER).eventually(
        lambda pods: any(failed_checksum(pod) for pod in pods), "ended by their checksum"
    )
    ready = damaged.ready_pods(of=CLASSIFIER)
    ready.never(lambda pods: any(is_damaged(pod) for pod in pods), "Ready with the damaged copy")
    ready.always(lambda pods: len(pods) >= 2, "two that serve the model of before")


def all_workloads(manifests):
    """Every object that has Pods."""
    return [found for kind in WORKLOADS for found in manifests.all(kind)]


def mounts_of(manifests, claim):
    """Workload, container's name, mount and volume of every mount of a claim."""
    for workload in all_workloads(manifests):
        # A mount may also name a template of a StatefulSet, which makes claims of other names.
        named = {volume.get("name") for volume in workload.pod_field("volumes").value or []}
        for container in [*workload.containers(), *workload.init_containers()]:
            for entry in container.field("volumeMounts").value or []:
                if entry.get("name") not in named:
                    continue
                mount = container.mount(str(entry.get("mountPath")))
                volume = mount.volume
                if volume.field("persistentVolumeClaim.claimName").value == claim:
                    yield workload.manifest, container.container_name, mount, volume


def texts(manifests, container):
    """All that a container is told: its command, arguments and environment, as its process sees it.

    ConfigMaps are resolved, and `$(NAME)` is what the kubelet makes of it.
    """
    variables = {}
    for name, text, is_plain in settings(manifests, container):
        # What comes from a ConfigMap is taken as it stands there.
        variables[name] = expand(text, variables) if is_plain else text
    words = [*(container.field("command").value or []), *(container.field("args").value or [])]
    return [expand(str(word), variables) for word in words] + list(variables.values())


def settings(manifests, container):
    """Name and text of each variable, in the order in which the kubelet sets them, and whether the
    text stands there itself."""
    maps = {
        found.object_name: found.field("data").value or {} for found in manifests.all("ConfigMap")
    }
    for entry in container.field("envFrom").value or []:
        held = maps.get((entry.get("configMapRef") or {}).get("name"), {})
        for key, text in held.items():
            yield f"{entry.get('prefix') or ''}{key}", str(text), False
    for entry in container.field("env").value or []:
        source = ((entry.get("valueFrom") or {}).get("configMapKeyRef")) or {}
        held = maps.get(source.get("name"), {}).get(source.get("key"), "")
        plain = entry.get("value")
        yield entry.get("name"), str(plain or held), bool(plain)


def bound(claim):
    """The volume that a claim is bound to, or None."""
    phase = ((claim or {}).get("status") or {}).get("phase")
    return claim["spec"].get("volumeName") if phase == "Bound" else None


def is_complete(job):
    """Whether the Job exists and its controller calls it Complete."""
    conditions = ((job or {}).get("status") or {}).get("conditions") or []
    return any(c["type"] == "Complete" and c["status"] == "True" for c in conditions)


def fetcher(pod):
    """What the kubelet says of the Pod's init container fetch-model."""
    told = (pod.get("status") or {}).get("initContainerStatuses") or []
    return next((entry for entry in told if entry["name"] == "fetch-model"), {})


def fetched(pod):
    """Whether fetch-model has ended well in this Pod."""
    end = (fetcher(pod).get("state") or {}).get("terminated")
    return end is not None and end.get("exitCode") == 0


def is_damaged(pod):
    """Whether the Pod is of the release that fetches from the mirror."""
    images = {c["name"]: c["image"] for c in pod["spec"].get("initContainers") or []}
    return images.get("fetch-model") == f"{TOOLS}:v1.3.0"


def failed_checksum(pod):
    """Whether fetch-model of the damaged release has ended with an error in this Pod."""
    ends = [(fetcher(pod).get(when) or {}).get("terminated") for when in ("state", "lastState")]
    return is_damaged(pod) and any(end and end.get("exitCode") for end in ends)
