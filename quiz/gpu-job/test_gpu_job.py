"""Checks of the knowledge check's short manifest: the controls of a GPU training Job."""

from grader import check, expect, quantity


def job(manifests):
    """The Job."""
    return manifests.one("Job", "trainer")


def train(manifests):
    """Its container."""
    return job(manifests).container("train")


@check(points=1, hint="The line that is named has a field that Kubernetes does not know.")
def test_valid(manifests):
    """Every field is one that Kubernetes knows, and the Job is in ml-training."""
    manifests.are_valid()
    job(manifests)
    manifests.every_namespace_is("ml-training")


@check(points=1, hint="An exact version, as it stands in the question.")
def test_image(manifests):
    """The container train runs trainer v3.1.0."""
    train(manifests).image_is("registry.example.com/trainer:v3.1.0")


@check(points=2, hint="A GPU is an extended resource: on which side must it be written?")
def test_gpu_and_memory(manifests):
    """One GPU and 16Gi of memory are limits."""
    train(manifests).field('resources.limits["nvidia.com/gpu"]').equals(quantity("1"))
    train(manifests).field("resources.limits.memory").equals(quantity("16Gi"))


@check(points=2, hint="Tolerating a taint lets a Pod on. What makes it go there, and nowhere else?")
def test_node(manifests):
    """It runs on nodes labelled accelerator: nvidia-a100 only."""
    found = job(manifests).pod_field("nodeSelector").value or {}
    affinity = job(manifests).pod_field("affinity.nodeAffinity").value or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get(
        "nodeSelectorTerms"
    ) or []
    by_affinity = bool(terms) and all(
        any(
            rule.get("key") == "accelerator"
            and rule.get("operator") == "In"
            and rule.get("values") == ["nvidia-a100"]
            for rule in term.get("matchExpressions") or []
        )
        for term in terms
    )
    expect(
        found.get("accelerator") == "nvidia-a100" or by_affinity,
        "nodeSelector accelerator: nvidia-a100, or the same as required node affinity",
        f"nodeSelector {found or 'none'}",
        job(manifests).where,
    )


@check(points=2, hint="Name the key of the taint. What does a toleration without a key open?")
def test_toleration(manifests):
    """It tolerates the taint of GPU nodes, and nothing else besides."""
    found = job(manifests).pod_field("tolerations").value or []
    fits = [t for t in found if t.get("key") == "nvidia.com/gpu"]
    right = [
        t
        for t in fits
        if t.get("effect") in (None, "", "NoSchedule")
        and (t.get("operator") == "Exists" or t.get("value") == "present")
    ]
    expect(
        len(right) == len(found) == 1,
        "one toleration, of nvidia.com/gpu with effect NoSchedule",
        str(found or "none"),
        job(manifests).where,
    )


@check(points=2, hint="Two numbers speak of repeating: the Job's, and the Pod's restart policy.")
def test_no_repetition(manifests):
    """A failed run is neither retried nor restarted."""
    job(manifests).field("spec.backoffLimit").equals(0)
    job(manifests).pod_field("restartPolicy").equals("Never")


@check(points=2, hint="A volume refers to the claim, and the container mounts the volume by name.")
def test_checkpoints(manifests):
    """The claim checkpoints is mounted at /checkpoints, writable."""
    volumes = job(manifests).pod_field("volumes").value or []
    names = [
        volume["name"]
        for volume in volumes
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == "checkpoints"
    ]
    expect(names, "a volume of claim checkpoints", str(volumes or "none"), job(manifests).where)
    mount = train(manifests).mount("/checkpoints")
    mount.field("name").is_one_of(names)
    mount.field("readOnly").is_one_of([None, False])
