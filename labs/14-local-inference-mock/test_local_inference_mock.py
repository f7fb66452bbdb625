"""Checks of lab 14, a model server you can hold in one hand: what was handed in."""

import contextlib
import getopt
import itertools
import json
import posixpath
import re

from grader import check, expect, quantity
from grader.judge.language import nginx
from grader.judge.language.folders import config_files
from grader.judge.language.shell import commands

NAMESPACE = "ml-k8s-lab"
NAME = "mock-inference"
CONFIG = "mock-model-config"
FOLDER = "/etc/nginx/conf.d"
CONFIG_FILE = "/etc/nginx/nginx.conf"
HIDING = ("", "/etc", "/etc/nginx", CONFIG_FILE)
"""Mount paths at which a volume hides what the image's own configuration needs."""
BEFORE_NGINX = ("exec", "env", "nice", "tini", "dumb-init", "--", "/docker-entrypoint.sh")
"""Words behind which a command line may call a program all the same."""
ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
VARIABLE = re.compile(r"\$\((\w+)\)")
DAEMON_OFF = re.compile(r"\bdaemon\s+off\s*;")
PREDICTION = {"label": "positive", "score": 0.91}


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
    line, env = command_line(server)
    # With another command the image is only a file system, and nothing answers.
    expect(
        not line or starts_nginx(line, env),
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
    expect(any(f.endswith(".conf") for f in files), "default.conf in it", seen, volume.where)
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


def command_line(server):
    """The words that a container is started with, and the variables that it is given as text."""
    parts = {name: server.field(name).value for name in ("env", "command", "args")}
    env, *words = (part if isinstance(part, list) else [] for part in parts.values())
    env = {e.get("name"): str(e.get("value") or "") for e in env if isinstance(e, dict)}
    known = (str(word) for word in itertools.chain(*words))
    return [VARIABLE.sub(lambda match: env.get(match[1], match[0]), word) for word in known], env


def starts_nginx(line, env):
    """Whether a container with this command line goes on as an nginx that reads its folder."""
    runs = commands(line, env)
    # Without "daemon off" nginx goes into the background, and the container ends with its shell,
    # unless the shell has something else to do.
    return any(
        (options := nginx_options(words)) is not None
        and not options.keys() & {"-?", "-h", "-v", "-V", "-t", "-T", "-s"}
        and posixpath.join("/etc/nginx", options.get("-c", "nginx.conf")) == CONFIG_FILE
        and (DAEMON_OFF.search(options.get("-g", "")) or place + 1 < len(runs))
        for place, words in enumerate(runs)
    )


def nginx_options(words):
    """The options with which a command calls nginx; None where it does not, or cannot."""
    for place, word in enumerate(words):
        if word.rpartition("/")[2] in ("nginx", "nginx-debug"):
            with contextlib.suppress(getopt.GetoptError):
                options, others = getopt.getopt(words[place + 1 :], "?hvVtTqs:p:e:c:g:")
                return None if others else dict(options)
        if word not in BEFORE_NGINX and not ASSIGNED.match(word):
            return None
    return None
