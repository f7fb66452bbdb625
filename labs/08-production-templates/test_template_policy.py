"""Checks of lab 08 on the cluster: what the policy admits, and what it refuses in which words."""

import re

from grader import check, expect

POLICY = "ml-inference-baseline"
BUILDS = ("staging", "prod")
WORKLOAD = "Deployment/sentiment"
SCRAPE = "prometheus.io/scrape"
MISSING = {
    "Deployment/no-readiness": ["readinessProbe"],
    "Deployment/no-liveness": ["livenessProbe"],
    "Deployment/no-version": ["model-version"],
    "Deployment/no-team": ["team"],
}
"""What a message must name where a Deployment lacks just one of the things that a rule asks for."""


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="The answer is the API server's own. An expression that does not compile is refused with "
    "the place in it.",
)
def test_platform_is_accepted(recording):
    """Namespaces, policy, binding and training template are accepted by the API server."""
    recording.during("platform").answers("apply").all_accepted()


@check(
    points=2,
    needs="control-plane",
    after=("test_overlays_build", "test_platform_is_accepted"),
    hint="Your own policy judges your own template. Read its message: is the rule too strict, or "
    "does the template lack something?",
)
def test_policy_admits_the_template(recording):
    """Both overlays are admitted while the policy is in force."""
    for name in BUILDS:
        recording.during(name).answers("apply").all_accepted()


@check(
    points=1,
    needs="kubelet",
    after="test_overlays_build",
    hint="`k -n ml-prod describe deployment sentiment`, then the Pods: what do they wait for?",
)
def test_replicas_are_ready(recording):
    """One replica is Ready in staging, and three are in production."""
    for namespace, count in (("ml-staging", 1), ("ml-prod", 3)):
        recording.during("prod").inside(namespace).ready_pods(of=WORKLOAD).finally_(
            lambda pods, count=count: len(pods) == count, f"{count} Ready in {namespace}"
        )


@check(
    points=1.5,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="There may be a second container. Which macro asks something of *every* element of a "
    "list, and how does CEL ask whether a field is there?",
)
def test_probes_are_required(recording):
    """A container without readinessProbe or livenessProbe is refused, and the answer says so."""
    refused(recording, "no-probes", "readinessProbe", "livenessProbe")


@check(
    points=1.5,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="`c.resources.requests.memory` of a container without requests is no empty value but an "
    "error. What must be asked first?",
)
def test_requests_are_required(recording):
    """A container that does not request CPU and memory is refused, and the answer says so."""
    refused(recording, "no-requests", "requests")


@check(
    points=1.5,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="An image without a tag means latest, and a colon may belong to the registry's port. "
    "Which part of the reference do you have to look at?",
)
def test_moving_tags_are_refused(recording):
    """An image with the tag latest, or without any, is refused, and the answer says so."""
    refused(recording, "moving-tags", "image", "tag", "latest")


@check(
    points=1,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="Labels of the Deployment are not those of its Pods. Which of the two do metrics and "
    "dashboards see?",
)
def test_labels_are_required(recording):
    """Pods without the labels model-version and team are refused, and the answer says so."""
    refused(recording, "no-version", "model-version", "team")


@check(
    points=1,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="One of the two has no annotations at all, the other has the wrong value. Does your "
    "expression have an answer for both, or only an error?",
)
def test_metrics_are_required(recording):
    """Pods that are not annotated to be scraped are refused, and the answer says so."""
    refused(recording, "no-metrics", SCRAPE)


@check(
    points=1,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="maxUnavailable is a number or a text, and with Recreate it is not there. What is it when "
    "nobody has written it?",
)
def test_dips_are_refused(recording):
    """A rollout that may take replicas away is refused, and the answer says so."""
    refused(recording, "dips", "maxUnavailable")


@check(
    points=1.5,
    needs="control-plane",
    after=("test_policy_admits_the_template",),
    hint="Nobody creates a Deployment with latest; somebody sets it on one that has been there for "
    "a year. Which operations does the policy match?",
)
def test_updates_are_judged_too(recording):
    """Setting the image of the running Deployment to latest is refused as well."""
    refused(recording, "update", "image", "tag", "latest", verb="patch")


@check(
    points=1,
    needs="control-plane",
    after=("test_policy_admits_the_template",),
    hint="An autoscaler sends no Deployment, it sends a number to deployments/scale; who deletes "
    "sends nothing. Which of your expressions has an answer for that, and should it be asked?",
)
def test_scaling_is_let_through(manifests, recording):
    """The running Deployment may be scaled, and deleted: neither is one of the six rules."""
    recording.during("busy").answers("scale").all_accepted()
    # Where something is deleted there is no `object`: each expression fails, and so nothing goes.
    policy = manifests.one("ValidatingAdmissionPolicy", POLICY)
    written = [
        str(policy.field(f"spec.{part}").value) for part in ("matchConditions", "validations")
    ]
    aware = any(re.search(r"request\.operation|object\s*[!=]=\s*null", text) for text in written)
    for index, rule in enumerate(policy.field("spec.matchConstraints.resourceRules").value or []):
        operations = rule.get("operations") or []
        expect(
            aware or not {"DELETE", "*"} & set(operations),
            "CREATE and UPDATE judged, and not DELETE, for which there is no object",
            ", ".join(map(str, operations)),
            policy.field(f"spec.matchConstraints.resourceRules[{index}].operations").where,
        )


@check(
    points=1.5,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="given/good.yaml keeps all six rules. Which of yours asks for more than the table does?",
)
def test_good_work_is_admitted(recording):
    """A Deployment of another team that keeps all six rules is admitted."""
    recording.during("good").answers("create").all_accepted()


@check(
    points=1.5,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="A policy that is suddenly in force everywhere is switched off everywhere. Where is it "
    "said in which namespaces it holds?",
)
def test_other_namespaces_are_left_alone(recording):
    """A careless Deployment is admitted in a namespace without the label, or with another value."""
    recording.during("sandbox").answers("create").all_accepted()


@check(
    points=1,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="Next month a third team puts the label on its namespace. What would you have to change, "
    "and what should nobody have to change?",
)
def test_the_label_decides(recording):
    """A careless Deployment is refused in a namespace that is new and has the label."""
    recording.during("newcomer").answers("create").refused(POLICY)


@check(
    points=1,
    needs="control-plane",
    after="test_platform_is_accepted",
    hint="A template is to be copied. What keeps the original from taking a GPU?",
)
def test_training_template_does_not_run(recording):
    """The training template is there, suspended, and runs no Pod."""
    during = recording.during("platform").inside("ml-train")
    during.object("Job", "training-template").finally_(
        lambda job: job is not None and suspended(job), "a Job that is Suspended"
    )
    during.pods(of="Job/training-template").always(lambda pods: not pods, "no Pod")


def refused(recording, step, *words, verb="create"):
    """Each request of the step is refused by the policy, in words that name what to fix."""
    for answer in recording.during(step).answers(verb).found:
        expected = f"{answer.target} to be refused by {POLICY}"
        expect(not answer.ok, expected, "it was admitted", answer.place)
        expect(POLICY in answer.message, expected, answer.message, answer.place)
        message = answer.message.partition("denied request:")[2].strip()
        written = message and "resulted in error" not in answer.message
        written = written and not message.startswith("failed expression")
        expect(written, f"a message of yours about {answer.target}", answer.message, answer.place)
        wanted = MISSING.get(answer.target, words)
        named = any(names(message, word) for word in wanted)
        expect(named, f"a message that names {' or '.join(wanted)}", message, answer.place)


def names(message, word):
    """Whether a message has this word; "staging" has no tag in it."""
    return re.search(rf"(?<![a-z])(un)?{re.escape(word)}", message, re.IGNORECASE) is not None


def suspended(job):
    """Whether the Job's condition Suspended is True."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Suspended" and c.get("status") == "True" for c in conditions)
