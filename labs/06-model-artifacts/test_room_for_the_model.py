"""Checks of lab 06, the node's disk: what a Pod may put there has to hold the model."""

from grader import check, expect, quantity

STORAGE = "resources.limits.ephemeral-storage"
MODEL = 1.4 * 2**30


@check(
    points=0.5,
    hint="An emptyDir lies on the node's disk, and what a Pod puts there counts against the "
    "ephemeral storage of all its containers together. Is the model smaller than that?",
)
def test_storage_limits_hold_the_model(manifests):
    """Limits of ephemeral storage, where the classifier has any, leave room for its model."""
    classifier = manifests.one("Deployment", "classifier")
    # As the kubelet counts it: the containers together, or the largest that runs before them. A
    # sidecar is one of those that stay.
    early = classifier.init_containers()
    sidecars = [c for c in early if c.field("restartPolicy").value == "Always"]
    stay = [*classifier.containers(), *sidecars]
    mains = [limit for c in stay if (limit := storage(c))]
    first = [limit for c in early if c not in sidecars and (limit := storage(c))]
    most = max([sum(mains), *first])
    held = not (mains or first) or most >= MODEL or in_memory(classifier)
    observed = f"{most / 2**30:.2f}Gi for all containers together"
    expect(held, "room for the 1.4Gi of the model, or no such limit", observed, classifier.where)


def storage(container):
    """Bytes of a container's limit of ephemeral storage; 0 where there is none."""
    written = container.field(STORAGE).value
    try:
        return float(quantity(written).value) if written is not None else 0.0
    except ValueError:
        return 0.0


def in_memory(classifier):
    """Whether the model lies in memory, and not on the node's disk."""
    volume = classifier.container("server").mount("/model").volume
    return volume.field("emptyDir.medium").value == "Memory"
