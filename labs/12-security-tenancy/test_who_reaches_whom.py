"""Checks of lab 12, the network: who may reach whom, as the policies say it."""

from grader import check
from grader.judge.language.reach import address, pod

WORKLOAD = "Deployment/sentiment"
DNS_PORTS = [(53, "UDP"), (53, "TCP")]

GATEWAY = pod("gateway", "gateway", {"app": "gateway"})
FEATURES = pod("feature-store", "features", {"app": "feature-store"})
DNS = pod(
    "kube-dns",
    "kube-system",
    {"k8s-app": "kube-dns"},
    {"dns": (53, "UDP"), "dns-tcp": (53, "TCP"), "metrics": (9153, "TCP")},
)
METRICS = pod("metrics-server", "kube-system", {"k8s-app": "metrics-server"})
# Pods of others, wherever they are, and addresses of the ranges in which Pods and Services are.
ELSEWHERE = [
    pod("prometheus", "monitoring", {"app": "prometheus"}),
    pod("someone", "kube-system", {"app": "someone"}),
    pod("someone", "gateway", {"app": "someone"}),
    pod("someone", "features", {"app": "someone"}),
    pod("someone", "default", {"app": "someone"}),
    *map(address, ("10.0.0.7", "10.96.0.20", "10.244.1.7", "172.16.0.9", "192.168.0.9")),
]
NO_DNS = [
    METRICS,
    *(pod("a name server", place, {"k8s-app": "kube-dns"}) for place in ("default", "team-b")),
]
STORAGE = address("198.51.100.40")
WORLD = address("203.0.113.9")
TRAINER = pod("trainer", "team-b", {"app": "trainer"})
TRAINER_2 = pod("another trainer", "team-b", {"app": "trainer"})
# Pods that nobody wrote a policy for, in each namespace. Not every Pod has a label.
NOTEBOOK_A = pod("notebook", "team-a", {"app": "notebook"})
NOTEBOOK_B = pod("notebook", "team-b", {"app": "notebook"})
BARE_A, BARE_B = pod("a Pod without labels", "team-a"), pod("a Pod without labels", "team-b")


@check(
    points=2,
    hint="Two selectors in one entry mean both; two entries mean either. Which of the two have you "
    "written, and who else matches?",
)
def test_only_the_gateway_gets_in(manifests):
    """The gateway reaches the server at port 8000; nobody else does, and at no other port."""
    net = network(manifests)
    target = net.workload(WORKLOAD, "team-a")
    net.reaches(GATEWAY, target, 8000).isolates(GATEWAY, target, but=[(8000, "TCP")])
    for place in ("team-a", "team-b", "default"):
        net.isolates(pod("impostor", place, {"app": "gateway"}), target)
    net.isolates(pod("debug", "gateway", {"app": "debug"}), target)
    net.isolates(pod("another server", "team-a", target.labels), target)
    net.isolates(pod("anybody", "default"), target)
    for stranger in (NOTEBOOK_A, TRAINER, FEATURES, WORLD, *ELSEWHERE):
        net.isolates(stranger, target)


@check(
    points=2,
    hint="A policy with ingress rules says nothing about what goes out unless its policyTypes do. "
    "To which Pods, in which namespace, at which port does the server connect?",
)
def test_server_goes_out_to_the_feature_store_only(manifests):
    """The server reaches the feature store at port 6379, and nothing else but DNS."""
    net = network(manifests)
    source = net.workload(WORKLOAD, "team-a")
    net.reaches(source, FEATURES, 6379).isolates(source, FEATURES, but=[(6379, "TCP")])
    net.isolates(source, pod("admin", "features", {"app": "admin"}))
    net.isolates(source, pod("impostor", "team-b", {"app": "feature-store"}))
    for target in (GATEWAY, NOTEBOOK_A, WORLD, STORAGE):
        net.isolates(source, target)
    for target in ELSEWHERE:
        net.isolates(source, target, but=DNS_PORTS)


@check(
    points=1,
    hint="Before the server connects anywhere it asks for an address. Which port, and which two "
    "protocols?",
)
def test_names_can_be_resolved(manifests):
    """The server and the trainer can ask the cluster's DNS, by UDP and by TCP."""
    net = network(manifests)
    for source in (net.workload(WORKLOAD, "team-a"), TRAINER):
        for protocol in ("UDP", "TCP"):
            net.reaches(source, DNS, 53, protocol)
        net.isolates(source, DNS, but=DNS_PORTS)
        for target in NO_DNS:
            net.isolates(source, target)


@check(
    points=1.5,
    hint="Somebody will start a notebook next week. Which of your policies selects a Pod that has "
    "none of your labels, in each namespace and in each direction?",
)
def test_everything_is_denied_by_default(manifests):
    """A Pod that no other policy names gets nothing in and nothing out, in both namespaces."""
    net = network(manifests)
    for newcomer in (NOTEBOOK_A, NOTEBOOK_B, BARE_A, BARE_B):
        neighbour = pod("neighbour", str(newcomer.namespace), {"app": "neighbour"})
        for source in (neighbour, GATEWAY, WORLD, *ELSEWHERE):
            net.isolates(source, newcomer)
        for target in (WORLD, neighbour, FEATURES, GATEWAY, STORAGE, *NO_DNS):
            net.isolates(newcomer, target)
        for target in ELSEWHERE:
            net.isolates(newcomer, target, but=DNS_PORTS)


@check(
    points=2,
    hint="Object storage is an address, not a Pod. How is an address written, and how much of the "
    "internet does your block hold besides?",
)
def test_trainer_reaches_its_storage_only(manifests):
    """The trainer reaches object storage at port 443 and never the inference of team-a."""
    net = network(manifests)
    net.reaches(TRAINER, STORAGE, 443).isolates(TRAINER, STORAGE, but=[(443, "TCP")])
    for target in (WORLD, address("198.51.100.41"), net.workload(WORKLOAD, "team-a")):
        net.isolates(TRAINER, target)
    for target in (GATEWAY, FEATURES, NOTEBOOK_B, TRAINER_2):
        net.isolates(TRAINER, target)
    for target in ELSEWHERE:
        net.isolates(TRAINER, target, but=DNS_PORTS)
    for source in (GATEWAY, NOTEBOOK_B, WORLD, *ELSEWHERE):
        net.isolates(source, TRAINER)


def network(manifests):
    """The policies of the files, among the namespaces of the README."""
    return manifests.network({"gateway": {}, "features": {}, "kube-system": {}, "default": {}})
