"""Checks of lab 12: two teams, one cluster, and no surprises."""

from grader import check, expect, note
from grader.model.images import ImageRef

TEAMS = ("team-a", "team-b")
WORKLOAD = "Deployment/sentiment"
ENFORCE = "pod-security.kubernetes.io/enforce"
DIGEST = "sha256:4c1d8e0a5b7f9263d1e4c7a8b0f2d5936e8a1c4b7d0f3e6a9c2b5d8e1f4a7c03"
IMAGE = f"registry.example.com/sentiment-guarded@{DIGEST}"
SECRET = "feature-store-credentials"  # noqa: S105 - its name
FOLDER = "/var/run/feature-store"
LOOKING, ROLLING = ("get", "list", "watch"), ("patch", "update")


@check(
    points=1,
    hint="Read the line that is named, then ask `kubectl explain` which fields exist there.",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that Kubernetes knows, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="A Role in the wrong namespace gives rights over somebody else's work. Which objects here "
    "do not say where they belong?",
)
def test_objects_name_their_namespace(manifests):
    """Every object names its own namespace, team-a or team-b."""
    manifests.one("Deployment", "sentiment", "team-a")
    for found in manifests.all():
        if found.kind != "Namespace":
            observed = found.namespace or "none, so it would go to whatever is current"
            where = found.field("metadata.namespace").where
            expect(
                found.namespace in TEAMS, f"{found.manifest} in team-a or team-b", observed, where
            )


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The answer is the API server's own. Nobody can give away more rights than he has: which "
    "rule of yours asks for more than a team may do in its own namespace?",
)
def test_accepted(recording):
    """The API server accepts every object, strictly."""
    recording.during("apply").answers("apply").all_accepted()


@check(
    points=1,
    hint="Pod Security is switched on by a label of the Namespace. Three levels, three modes: "
    "which mode refuses, and which level is the strictest?",
)
def test_namespaces_enforce_restricted(manifests):
    """Both namespaces enforce the Pod Security level restricted."""
    for team in TEAMS:
        manifests.one("Namespace", team).field(f'metadata.labels["{ENFORCE}"]').equals("restricted")


@check(
    points=1,
    needs="control-plane",
    hint="The Pod in given/hardened.yaml is as restricted asks for. What else in your "
    "namespaces, besides Pod Security, may refuse it?",
)
def test_hardened_pods_are_admitted(recording):
    """A Pod that is hardened as restricted asks for is admitted in both namespaces."""
    answered(recording, "hardened").all_accepted()


@check(
    points=2,
    needs="control-plane",
    hint="`warn` and `audit` only talk. And `baseline` still lets a container run as root: look at "
    "what the answer to given/careless.yaml says, and what it does not.",
)
def test_careless_pods_are_refused(recording):
    """A Pod that runs as root is refused in both namespaces, and so is a privileged one."""
    answered(recording, "careless").refused('violates PodSecurity "restricted')


@check(
    points=1,
    hint="Other teams' policies and dashboards know this server by its label, the gateway by its "
    "port. And when may the first request come?",
)
def test_server_is_as_others_know_it(manifests):
    """The Pods are labelled app: sentiment, declare port 8000 and tell when they are ready."""
    deployment = manifests.one("Deployment", "sentiment", "team-a")
    deployment.field("spec.template.metadata.labels.app").equals("sentiment")
    server(manifests).has_port(8000).probe("readiness").gets("/ready", port=8000)


@check(
    points=1,
    hint="Without an account of its own a Pod runs as `default`, with whatever anybody has ever "
    "bound to that. Which field of the Pod names another?",
)
def test_server_has_its_own_account(manifests):
    """The server runs as the ServiceAccount sentiment-sa of its own namespace."""
    manifests.one("ServiceAccount", "sentiment-sa", "team-a")
    deployment = manifests.one("Deployment", "sentiment", "team-a")
    deployment.pod_field("serviceAccountName").equals("sentiment-sa")


@check(
    points=2,
    needs="control-plane",
    hint="`k -n team-a get pod -o yaml` and look for a volume called kube-api-access. Who put it "
    "there, and where can it be switched off?",
)
def test_pods_carry_no_token(recording):
    """The server's Pods run without any token for the API server."""
    recording.during("apply").pods(of=WORKLOAD).finally_(
        lambda pods: len(pods) >= 2 and not any(token_volumes(found) for found in pods),
        "two Pods, none of which has a volume with a ServiceAccount token",
    )


@check(
    points=2,
    needs="control-plane",
    explain=False,  # the Pods that had to be refused explain nothing here
    hint="`k auth can-i --as=system:serviceaccount:team-a:deployer --list -n team-a` shows what "
    "you have given. A rollout changes one kind, and watches two others.",
)
def test_deployer_may_roll_out(recording):
    """The ServiceAccount deployer may change Deployments in team-a and watch them roll out."""
    may(recording, "deployer-may", True)


@check(
    points=2,
    needs="control-plane",
    explain=False,  # the Pods that had to be refused explain nothing here
    hint="Who may create a Pod, or run a command in one, can read whatever the Pod can. Which "
    "verbs and resources does a rollout not need?",
)
def test_deployer_may_nothing_else(manifests, recording):
    """The deployer may not read Secrets, enter Pods, delete, grant rights, or leave team-a."""
    may(recording, "deployer-may-not", False)
    holds_nothing(manifests, "deployer", "team-b")
    # The authorizer was asked about any object. A right over one that is named would not show.
    for binding, role in bound_roles(manifests, "deployer", "team-a"):
        for index, rule in enumerate(role.field("rules").value or []):
            more = sorted({right for right in rights(rule) if not is_harmless(*right)})
            seen = ", ".join(f"{verb} {resource}" for resource, verb in more) or "no more than that"
            expected = f"{role.manifest}, which {binding.manifest} gives to deployer, to look on "
            expected += "and to change Deployments only"
            expect(not more, expected, seen, role.field(f"rules[{index}]").where)


@check(
    points=1,
    needs="control-plane",
    explain=False,  # the Pods that had to be refused explain nothing here
    hint="The server answers requests. Which of your bindings names its account, or a group that "
    "it belongs to?",
)
def test_server_may_nothing(manifests, recording):
    """The server's account may do nothing at all on the API."""
    may(recording, "server-may-not", False)
    for team in TEAMS:
        holds_nothing(manifests, "sentiment-sa", team)


@check(
    points=1,
    hint="A star also means what is added next year. Write the names of what is needed today.",
)
def test_no_wildcards(manifests):
    """No rule uses a wildcard, and no binding refers to a ClusterRole."""
    roles, bindings = manifests.all("Role"), manifests.all("RoleBinding")
    expect(roles and bindings, "a Role and a RoleBinding", f"{len(roles)} and {len(bindings)}")
    for role in roles:
        for index, rule in enumerate(role.field("rules").value or []):
            words = [*(rule.get("verbs") or []), *(rule.get("resources") or [])]
            words += rule.get("apiGroups") or []
            where = role.field(f"rules[{index}]").where
            stars = [word for word in words if "*" in str(word)]
            expect(
                not stars, f"no wildcard in {role.manifest}", f"{', '.join(map(str, words))}", where
            )
    for binding in bindings:
        binding.field("roleRef.kind").equals("Role")


@check(
    points=1,
    hint="A tag is a name on a door; the digest is what is behind it. Which part of a reference "
    "comes after an @?",
)
def test_image_by_digest(manifests):
    """The server's image is named by its digest."""
    field = server(manifests).field("image")
    wanted = ImageRef.parse(IMAGE)
    try:
        written = ImageRef.parse(str(field.value))
    except ValueError:
        written = None
    same = written and (written.name, written.digest) == (wanted.name, wanted.digest)
    expect(same, f"the image {IMAGE}", str(field.value or "nothing"), field.where)


@check(
    points=1.5,
    hint="0400 is owner-only, and the files of a Secret belong to root. YAML reads 0400 as octal; "
    "JSON knows decimal numbers only. How does a process that is not root get to read the file?",
)
def test_secret_is_a_file(manifests):
    """The credentials are a read-only file of mode 0400 that the server's group may read."""
    deployment = manifests.one("Deployment", "sentiment", "team-a")
    files = token_files(server(manifests))
    inside = [(mount, mode) for mount, path, mode in files if path.startswith(f"{FOLDER}/")]
    seen = ", ".join(path for _, path, _ in files) or "in no volume that the container mounts"
    where = server(manifests).field("volumeMounts").where
    expect(inside, f"the key token of the Secret {SECRET} as a file under {FOLDER}", seen, where)
    for mount, mode in inside:
        observed = f"mode {mode:04o}" if isinstance(mode, int) else f"mode {mode!r}"
        expect(mode == 0o400, f"the file of {SECRET} with mode 0400", observed, mount.volume.where)
        mount.field("readOnly").equals(True)
    group = deployment.pod_field("securityContext.fsGroup")
    group.satisfies(lambda value: isinstance(value, int) and value > 0, "a group that is not root")


@check(
    points=1,
    hint="Crash reports, child processes and `env` in the container all show the environment. "
    "Where else does the credential still go?",
)
def test_no_secret_in_the_environment(manifests):
    """No container takes a Secret into its environment."""
    deployment = manifests.one("Deployment", "sentiment", "team-a")
    for container in [*deployment.containers(), *deployment.init_containers()]:
        sources = container.field("envFrom").value or []
        entries = container.field("env").value or []
        found = [source for source in sources if source.get("secretRef")]
        found += [entry for entry in entries if (entry.get("valueFrom") or {}).get("secretKeyRef")]
        where = container.field("env").where
        expect(not found, f"no Secret in the environment of {container.name}", str(found), where)
        note(f"{container.name} takes no Secret into its environment", where)


@check(
    points=2,
    needs="kubelet",
    hint="`k -n team-a describe replicaset` shows why Pods are not made; the message names each "
    "field that restricted wants. Pods that are made and do not start have events of their own.",
)
def test_two_replicas_are_ready(recording):
    """Two replicas of the server are Ready under Pod Security restricted."""
    recording.during("apply").ready_pods(of=WORKLOAD).finally_(
        lambda pods: len(pods) == 2, "two Ready Pods"
    )


def server(manifests):
    """The container that serves."""
    return manifests.one("Deployment", "sentiment", "team-a").container("model-server")


def answered(recording, step):
    """The answers to the Pods that the grader sent."""
    return recording.during(step).answers("create")


def may(recording, step, allowed):
    """Each question of the step got this answer from the cluster's authorizer."""
    for answer in recording.during(step).answers("may").found:
        place = answer.namespace or "every namespace"
        asked = f"{answer.actor} {'may' if allowed else 'may not'} {answer.target} in {place}"
        observed = f"the authorizer says {'yes' if answer.ok else 'no'}: {answer.message}"
        expect(answer.ok is allowed, asked, observed.rstrip(": "), "the authorizer")


def token_volumes(found):
    """Names of the Pod's volumes that hold a token of its account."""
    return [
        volume["name"]
        for volume in found["spec"].get("volumes") or []
        for source in (volume.get("projected") or {}).get("sources") or []
        if source.get("serviceAccountToken")
    ]


def holds_nothing(manifests, account, team):
    """No RoleBinding of the files in this namespace gives any right to an account of team-a."""
    for binding, role in bound_roles(manifests, account, team):
        expect(
            False,
            f"no right for ServiceAccount/{account} in {team}",
            f"{binding.manifest} gives it {role.manifest}",
            binding.where,
        )


def bound_roles(manifests, account, team):
    """RoleBindings of a namespace that name an account of team-a, each with its Role."""
    found = []
    for binding in manifests.all("RoleBinding"):
        role = manifests.maybe("Role", str(binding.field("roleRef.name").value), team)
        mine = any(names(subject, account) for subject in binding.field("subjects").value or [])
        if mine and binding.namespace == team and role is not None and role.field("rules").value:
            found.append((binding, role))
    return found


def rights(rule):
    """Every resource (with its group) and verb that a rule of a Role allows."""
    return [
        (f"{resource}.{group}" if group else str(resource), str(verb))
        for group in rule.get("apiGroups") or []
        for resource in rule.get("resources") or []
        for verb in rule.get("verbs") or []
    ]


def is_harmless(resource, verb):
    """Whether a right shows something and no more, or belongs to a rollout.

    Secrets are not to be seen, and who may `get` a way into a Pod (`pods/exec`) is in it. Wildcards
    are asked about elsewhere.
    """
    kind, _, part = resource.partition(".")[0].partition("/")
    if verb in ROLLING:
        return kind == "deployments" and part in ("", "scale")
    looks = verb in LOOKING and kind != "secrets" and part in ("", "log", "status", "scale")
    return looks or verb == "*"


def names(subject, account):
    """Whether a subject of a binding is this account of team-a, or a group that it belongs to."""
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "ServiceAccount":
        return (subject.get("namespace"), name) == ("team-a", account)
    groups = ("system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated")
    return name == f"system:serviceaccount:team-a:{account}" if kind == "User" else name in groups


def token_files(container):
    """Where the container finds the Secret's key token: the mount, the file's path and its mode."""
    found = []
    for entry in container.field("volumeMounts").value or []:
        mount = container.mount(entry["mountPath"])
        part, base = entry.get("subPath") or "", str(entry["mountPath"]).rstrip("/")
        for path, mode in token_in(mount.volume.value):
            # subPath shows one file or folder of the volume at the mount's path.
            if not part:
                found.append((mount, f"{base}/{path}", mode))
            elif path == part or path.startswith(f"{part}/"):
                found.append((mount, base + path.removeprefix(part), mode))
    return found


def token_in(volume):
    """Path and mode of each file that a volume makes of the Secret's key token."""
    secret, projected = volume.get("secret") or {}, volume.get("projected") or {}
    sources = [(secret, secret.get("secretName"), secret.get("defaultMode"))]
    for source in projected.get("sources") or []:
        part = source.get("secret") or {}
        sources.append((part, part.get("name"), projected.get("defaultMode")))
    return [
        (str(item.get("path")), item.get("mode", default))
        for source, name, default in sources
        if name == SECRET
        for item in source.get("items") or [{"key": "token", "path": "token"}]
        if item.get("key") == "token"
    ]
