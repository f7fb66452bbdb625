"""Checks of lab 14: a model server you can hold in one hand."""

import json

from grader import check, expect, quantity
from grader.judge.language import nginx, nginx_command
from grader.judge.language.folders import config_files
from grader.judge.language.shell import expand

NAMESPACE = "ml-k8s-lab"
NAME = "mock-inference"
WORKLOAD = f"Deployment/{NAME}"
CONFIG = "mock-model-config"
FOLDER = "/etc/nginx/conf.d"
HIDING = ("", "/etc", "/etc/nginx", "/etc/nginx/nginx.conf")
"""Mount paths at which a volume hides what the image's own configuration needs."""
PREDICTION = {"label": "positive", "score": 0.91}
LEFT_BEHIND = (
    "Deployment",
    "ReplicaSet",
    "Pod",
    "Service",
    "EndpointSlice",
    "ConfigMap",
    "HorizontalPodAutoscaler",
)


def server_of(manifests):
    """The container that answers."""
    return manifests.one("Deployment", NAME).container("server")


def config_of(manifests):
    """The nginx configuration in the ConfigMap, parsed, with the files that are mounted beside."""
    own = manifests.one("ConfigMap", CONFIG).field('data["default.conf"]')
    deployment = manifests.maybe("Deployment", NAME)
    found = {}
    for server in deployment.containers() if deployment else []:
        if server.container_name == "server":
            found = config_files(manifests, deployment, server, FOLDER)
    # nginx includes *.conf of this folder, in the order of names.
    texts = [found[name] for name in sorted(found) if name.endswith(".conf") and "/" not in name]
    mounted = any((text.manifest, text.path) == (own.manifest, own.path) for text in texts)
    return nginx.parse(*texts) if mounted else nginx.parse(own)


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` for the fields that exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="You want to remove the whole exercise with one command later. Which object makes that "
    "possible, and is it among your files?",
)
def test_namespace(manifests):
    """The files define the namespace ml-k8s-lab."""
    manifests.one("Namespace", NAMESPACE)


@check(
    points=0.5,
    hint="Where would kubectl put an object that names no namespace? A Pod can mount a ConfigMap, "
    "and a Service can find a Pod, only in their own.",
)
def test_objects_name_their_namespace(manifests):
    """The ConfigMap, the Deployment and the Service name the namespace ml-k8s-lab themselves."""
    manifests.one("ConfigMap", CONFIG)
    manifests.one("Deployment", NAME)
    manifests.one("Service", NAME)
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="nginx would refuse to start and name a line. Look there, and one line above: is each "
    "directive closed, each brace paired, and each JSON body in quotes?",
)
def test_nginx_config_is_readable(manifests):
    """The ConfigMap holds a default.conf that nginx can read."""
    config_of(manifests)


@check(
    points=1,
    after="test_nginx_config_is_readable",
    hint="The probes and the Service will knock at one port of the Pod. Is it the one where nginx "
    "listens?",
)
def test_nginx_listens(manifests):
    """The nginx server listens on port 8000."""
    config_of(manifests).server_on(8000)


@check(
    points=1.5,
    after="test_nginx_listens",
    hint="The kubelet will ask two questions, at two paths. Follow each through your locations: "
    "which one answers it, and with which status?",
)
def test_nginx_health(manifests):
    """The paths /ready and /live each answer 200."""
    config = config_of(manifests)
    for path in ("/ready", "/live"):
        answer = config.answers(path, port=8000)
        expect(
            answer.code == 200,
            f"{path} to answer 200",
            f"{path} answers {answer.code}",
            answer.where,
        )


@check(
    points=1.5,
    after="test_nginx_listens",
    hint="Copy the body that your /predict returns into a JSON parser. What does a client get for "
    "the label and for the score, and of which types?",
)
def test_nginx_predict(manifests):
    """The path /predict answers 200 with the prediction as JSON."""
    answer = config_of(manifests).answers("/predict", port=8000, host=NAME)
    expect(
        answer.code == 200,
        "/predict to answer 200",
        f"/predict answers {answer.code}",
        answer.where,
    )
    expect_prediction(answer.body, answer.where)


@check(
    points=1,
    hint="Two replicas that pull the same name on two days should run the same server. Does this "
    "name promise that? And if there is a command: what is the container's first process, and "
    "does it stay?",
)
def test_image(manifests):
    """The container server runs nginx:1.27-alpine."""
    server = server_of(manifests).image_is("nginx:1.27-alpine")
    line, variables = command_line(server)
    # With another command the image is only a file system, and nothing answers.
    expect(
        not line or nginx_command.serves(line, variables),
        "the image's own command, or another that starts nginx, in the foreground and with the "
        "image's nginx.conf",
        " ".join(line) or "the image's own command",
        server.field("command" if server.field("command").written else "args").where,
    )


@check(
    points=0.5,
    hint="Which port does nginx listen on? Declare that one, not the one you know from other "
    "nginx examples.",
)
def test_container_port(manifests):
    """The container declares port 8000."""
    server_of(manifests).has_port(8000)


@check(
    points=0.5,
    hint="One replica cannot be replaced while it answers. And by which labels does the Deployment "
    "know its own Pods?",
)
def test_two_replicas(manifests):
    """The Deployment asks for two replicas and selects its own Pods."""
    deployment = manifests.one("Deployment", NAME)
    deployment.field("spec.replicas").equals(2)
    deployment.selects(deployment)


@check(
    points=1,
    hint="A volume hides whatever the image has at its mount path. Which folder of the image must "
    "stay visible, and which holds only server blocks?",
)
def test_config_is_mounted(manifests):
    """The ConfigMap is mounted at /etc/nginx/conf.d."""
    server = server_of(manifests)
    mount = server.mount(FOLDER)
    mount.field("subPath").is_absent()
    mount.field("subPathExpr").is_absent()
    volume = mount.volume
    sources = config_maps_in(volume.value)
    names = ", ".join(str(source.get("name")) for source in sources) or "no ConfigMap"
    mine = [source for source in sources if source.get("name") == CONFIG]
    expect(mine, f"a volume from ConfigMap {CONFIG}", f"a volume from {names}", volume.where)
    files = [path for source in mine for key, path in files_of(source) if key == "default.conf"]
    seen = ", ".join(files) or "not among the items"
    read = any(f.endswith(".conf") and "/" not in f for f in files)
    expect(read, "default.conf as a *.conf file in it", seen, volume.where)
    for n, other in enumerate(server.field("volumeMounts").value or []):
        path = str(other.get("mountPath", "")).rstrip("/")
        hides = path in HIDING or path.startswith(f"{FOLDER}/")
        where = server.field(f"volumeMounts[{n}]").where
        expect(not hides, f"nothing else mounted over or within {FOLDER}", path or "/", where)


@check(
    points=1,
    hint="Requests are what the scheduler sets aside, limits are where the kernel steps in. Which "
    "of the four numbers is missing or swapped?",
)
def test_resources(manifests):
    """The server requests 50m and 64Mi, and is limited to 250m and 128Mi."""
    server = server_of(manifests)
    server.field("resources.requests.cpu").equals(quantity("50m"))
    server.field("resources.requests.memory").equals(quantity("64Mi"))
    server.field("resources.limits.cpu").equals(quantity("250m"))
    server.field("resources.limits.memory").equals(quantity("128Mi"))


@check(
    points=1,
    hint="Which question decides whether a Pod gets requests, at which path is it answered, and "
    "how soon should a change be noticed?",
)
def test_readiness_probe(manifests):
    """Readiness asks /ready on port 8000 every 5 seconds."""
    probe = server_of(manifests).probe("readiness").gets("/ready", port=8000)
    probe.field("periodSeconds").equals(5)


@check(
    points=1,
    hint="Which question decides whether a container is restarted, at which path is it answered, "
    "and is there any hurry?",
)
def test_liveness_probe(manifests):
    """Liveness asks /live on port 8000 every 10 seconds."""
    probe = server_of(manifests).probe("liveness").gets("/live", port=8000)
    probe.field("periodSeconds").equals(10)


@check(
    points=0.5,
    hint="Clients inside the cluster will call http://mock-inference/predict. Which port is that, "
    "and which kind of Service do they need?",
)
def test_service_port(manifests):
    """The Service has a cluster address and offers port 80."""
    service = manifests.one("Service", NAME)
    service.field("spec.type").equals("ClusterIP")
    service.field("spec.clusterIP").satisfies(lambda ip: ip != "None", "an address, not None")
    service.port(80).field("protocol").equals("TCP")


@check(
    points=0.5,
    hint="A Service knows labels, not Deployments. Put its selector next to the labels under the "
    "Deployment's template.",
)
def test_service_selects(manifests):
    """The Service selects the Pods of the Deployment."""
    manifests.one("Service", NAME).selects(manifests.one("Deployment", NAME))


@check(
    points=0.5,
    hint="Follow one request: the client calls port 80 of the Service, and at which port of the "
    "Pod does it arrive if nothing else is said?",
)
def test_service_reaches(manifests):
    """Port 80 of the Service leads to port 8000 of the server."""
    manifests.one("Service", NAME).port(80).reaches(server_of(manifests), 8000)


@check(
    points=0.5,
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
    after=("test_accepted", "test_nginx_health", "test_config_is_mounted", "test_two_replicas"),
    hint="`kubectl rollout status` is still waiting. Begin with the events of a Pod that is not "
    "Ready: its node, its image, or its probe?",
)
def test_rollout_completes(recording):
    """The rollout completes with every replica Ready, two or more."""
    apply = recording.during("apply")
    # An autoscaler whose minimum is above two asks for more, and gets them.
    wanted = max(2, apply.replicas(of=WORKLOAD).last or 0)
    apply.ready_pods(of=WORKLOAD).finally_(lambda ready: len(ready) == wanted, str(wanted))
    apply.object("Deployment", NAME).finally_(rolled_out, "rolled out completely")


@check(
    points=1,
    needs="kubelet",
    after="test_rollout_completes",
    hint="Pods may be Ready and still get no request. What must fit together for an address, with "
    "its port, to enter the Service's EndpointSlice?",
)
def test_endpoints(recording):
    """The Service's endpoints are the Ready Pods, at port 8000."""
    apply = recording.during("apply")
    names = {pod["metadata"]["name"] for pod in apply.ready_pods(of=WORKLOAD).last}
    apply.endpoints(NAME).finally_(
        lambda found: {endpoint.pod for endpoint in found} == names, "the Ready Pods"
    )
    ports = sorted({port for endpoint in apply.endpoints(NAME).last for port in endpoint.ports})
    expect(ports == [8000], "endpoints at port 8000", f"endpoints at port {ports}")


@check(
    points=1,
    needs="containers",
    after="test_endpoints",
    hint="Ask as a client inside the cluster would: `kubectl run` with curlimages/curl:8.10.1 and "
    "http://mock-inference/predict. What comes back, byte for byte?",
)
def test_prediction_arrives(recording):
    """A client inside the cluster gets the prediction from http://mock-inference/predict."""
    answers = recording.during("predict").answers(verb="request").all_accepted().found
    expect_prediction(answers[-1].body, "GET http://mock-inference/predict")


@check(
    points=1,
    needs="kubelet",
    after="test_rollout_completes",
    hint="Watch the namespace after you delete it. If it stays Terminating, its status names what "
    "is still inside and what that is waiting for.",
)
def test_cleanup(recording):
    """After the workload has run, its namespace is deleted and nothing of it is left behind."""
    recording.ready_pods(of=WORKLOAD).eventually(
        lambda ready: len(ready) >= 2, "two, before anything was deleted"
    )
    recording.object("Namespace", NAMESPACE).eventually(
        lambda namespace: namespace is not None, "there before it was deleted"
    )
    recording.object("Namespace", NAMESPACE).finally_(lambda namespace: namespace is None, "gone")
    for kind in LEFT_BEHIND:
        recording.objects(kind).finally_(lambda found: not found, "gone")


def command_line(server):
    """The words that a container is started with, and the variables that it is given as text."""
    parts = [server.field(name).value for name in ("env", "command", "args")]
    env, command, args = (part if isinstance(part, list) else [] for part in parts)
    variables = {str(e.get("name")): str(e.get("value") or "") for e in env if isinstance(e, dict)}
    return [expand(str(word), variables) for word in (*command, *args)], variables


def expect_prediction(body, where):
    """The text is JSON that means exactly the prediction."""
    try:
        observed = json.loads(body)
    except ValueError:
        observed = None
    expect(
        isinstance(observed, dict) and observed == PREDICTION,
        f"the JSON {json.dumps(PREDICTION)}",
        body or "an empty body",
        where,
    )


def config_maps_in(volume):
    """The ConfigMaps that a volume shows, directly or projected."""
    direct = volume.get("configMap")
    projected = (volume.get("projected") or {}).get("sources") or []
    found = [direct, *(source.get("configMap") for source in projected)]
    return [source for source in found if source]


def files_of(source):
    """Key and path of each file that a ConfigMap gives, as far as default.conf is concerned."""
    items = source.get("items")
    if not items:
        return [("default.conf", "default.conf")]
    return [(item.get("key"), item.get("path", "")) for item in items]


def rolled_out(deployment):
    """Whether `kubectl rollout status` would say that the Deployment is rolled out."""
    if deployment is None:
        return False
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    return seen and counts == [wanted] * 3
