"""Checks of lab 11: alerts that are worth waking up for."""

import re
from urllib.parse import urlsplit

from grader import check, expect

NAMESPACE = "ml-observability"
WORKLOAD = "Deployment/sentiment-inference"
SCRAPE, PORT, PATH = (f"prometheus.io/{word}" for word in ("scrape", "port", "path"))

SEVERITY = {
    "InferenceErrorsHigh": "page",
    "InferenceLatencyHigh": "page",
    "InferenceNoEndpoints": "page",
    "ModelLoadFailing": "ticket",
    "EmbeddingQueueStale": "ticket",
}
# kubectl, or k, with a command that shows something; in a sentence or in backticks is as good.
LOOK = re.compile(
    r"(?<![\w.-])(?:k|kubectl)\s(?P<before>[^;|&`]*?)(?<![-\w/])"
    r"(?:(get|describe|logs?|events|top|exec|debug|attach|port-forward|wait|auth|explain)\b"
    r"|rollout\s+(status|history)\b)"
)
# Verbs that change what is to be looked at.
CHANGE = re.compile(
    r"(?<![-\w/])(delete|restart|scale|apply|create|edit|patch|replace|drain|cordon|taint|set)\b"
)


@check(
    points=1,
    hint="Read the line that is named. Annotation values are text: what does YAML make of a bare "
    "true, or of a bare number?",
)
def test_manifests_are_valid(manifests):
    """Every field in the files is one that is known, spelt right and of the right type."""
    manifests.are_valid()


@check(
    points=0.5,
    hint="Where would kubectl put a Deployment that names no namespace?",
)
def test_objects_name_their_namespace(manifests):
    """The Deployment names the namespace ml-observability itself."""
    manifests.one("Deployment", "sentiment-inference")
    manifests.every_namespace_is(NAMESPACE)


@check(
    points=1,
    hint="Two things listen in this container: the API, and the page that Prometheus reads. Which "
    "ports does the table name, and what are they called?",
)
def test_workload(manifests):
    """The Deployment runs two replicas of the model server, with the ports 8000 and 9102."""
    deployment = manifests.one("Deployment", "sentiment-inference")
    deployment.field("spec.replicas").equals(2)
    server = deployment.container("model-server")
    server.image_is("registry.example.com/review-sentiment:v2.1.0")
    server.has_port(8000)
    server.has_port(9102)
    metrics = [p for p in server.field("ports").value or [] if p.get("containerPort") == 9102]
    name = metrics[0].get("name")
    expect(name == "metrics", "port 9102 to be called metrics", str(name), server.where)
    server.probe("readiness").gets("/ready", port=8000)


@check(
    points=1.5,
    hint="Prometheus discovers Pods, not Deployments. On which of the two `metadata` in a "
    "Deployment must an annotation stand so that the Pods carry it?",
)
def test_scrape_annotations(manifests):
    """The Pod template is annotated so that Prometheus scrapes port 9102 at /metrics."""
    deployment = manifests.one("Deployment", "sentiment-inference")
    template = "spec.template.metadata.annotations"
    deployment.field(f'{template}["{SCRAPE}"]').equals("true")
    deployment.field(f'{template}["{PORT}"]').equals("9102")
    deployment.field(f'{template}["{PATH}"]').satisfies(
        lambda path: path in (None, "/metrics"), "/metrics, or left out"
    )


@check(
    points=1,
    needs="control-plane",
    after="test_manifests_are_valid",
    hint="`k describe deployment sentiment-inference` shows the Pod template as it was stored. "
    "Which annotations does it list there, and which higher up?",
)
def test_pods_carry_the_annotations(recording):
    """Every Pod that the Deployment makes carries the scrape annotations."""
    during = recording.during("apply")
    during.answers("apply").all_accepted()
    during.pods(of=WORKLOAD).finally_(
        lambda pods: len(pods) == 2 and all(is_scraped(pod) for pod in pods),
        f'two Pods annotated {SCRAPE}: "true" and {PORT}: "9102"',
    )


@check(
    points=1,
    hint="Alerts are found by their names, and those are routed, silenced and linked. Compare "
    "yours with the table, letter by letter.",
)
def test_five_alerts(manifests):
    """The rules file defines the five alerts by their names, each once."""
    alerts = alerts_of(manifests)
    names = [alert["alert"] for alert, _ in alerts]
    for name in SEVERITY:
        found = names.count(name)
        seen = f"it is there {found} times; the file has {', '.join(names) or 'no alert'}"
        expect(found == 1, f"one alert called {name}", seen, rules_form(manifests).where)


@check(
    points=1,
    after="test_five_alerts",
    hint="Whom does it wake, and can it wait until the morning? Ask of each alert whether a user "
    "feels it now.",
)
def test_routing_labels(manifests):
    """Each alert carries the severity of the table and the team that answers it."""
    for alert, where in named_alerts(manifests):
        labels = alert.get("labels") or {}
        for key, value in (("severity", SEVERITY[alert["alert"]]), ("team", "ml-serving")):
            observed = f"{key}: {labels.get(key) or 'nothing'}"
            expect(
                labels.get(key) == value, f"{alert['alert']} with {key}: {value}", observed, where
            )


@check(
    points=1.5,
    after="test_five_alerts",
    hint="It is three in the morning and the summary is all that the screen shows. Does it say how "
    "bad it is? An annotation may hold {{ $value }} and {{ $labels }}.",
)
def test_summaries(manifests):
    """Each alert has a summary of its own that tells the measured value or what is affected."""
    seen = {}
    for alert, where in named_alerts(manifests):
        name, text = alert["alert"], annotation(alert, "summary")
        expect(len(text) >= 15, f"a summary of at least 15 characters for {name}", text, where)
        filled = "{{" in text and ("$value" in text or "$labels" in text or ".Value" in text)
        filled = filled or ("{{" in text and ".Labels" in text)
        expect(
            filled, f"a summary of {name} with {{{{ $value }}}} or {{{{ $labels }}}}", text, where
        )
        expect(text not in seen, f"another summary than that of {seen.get(text)}", text, where)
        seen[text] = name


@check(
    points=1,
    after="test_five_alerts",
    hint="An alert without a next step is a worry. Which page tells what to do, and which command "
    "shows the first evidence?",
)
def test_next_steps(manifests):
    """Each alert links a runbook of its own and says which kubectl command to look at first."""
    seen = {}
    for alert, where in named_alerts(manifests):
        name, link = alert["alert"], annotation(alert, "runbook")
        expect(
            is_page(link),
            f"a runbook of {name} that begins with https://",
            link or "nothing",
            where,
        )
        expect(link not in seen, f"another runbook than that of {seen.get(link)}", link, where)
        seen[link] = name
        first = annotation(alert, "look_first")
        expected = f"look_first of {name} with a kubectl command that shows something"
        expect(shows_something(first), expected, first or "nothing", where)


@check(
    points=2,
    needs="control-plane",
    hint="The message is Prometheus' own, with line and column. A field that it does not know is "
    "as wrong as an expression that it cannot parse.",
)
def test_promtool_accepts_the_rules(recording):
    """Prometheus' own tool accepts the rules file: promtool check rules."""
    for answer in recording.during("rules").answers("promtool", "check rules").found:
        observed = answer.message or "SUCCESS"
        expect(answer.ok, "promtool check rules to succeed", observed, answer.place)


READABLE = ("test_promtool_accepts_the_rules", "test_five_alerts")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="One bad Pod of two, one code of several: what must be added up before one divides, so "
    "that both sides have the same labels?",
)
def test_errors_alert_fires(recording):
    """InferenceErrorsHigh fires while a fifth of all requests end with an error, or 5.5 %."""
    fires(recording, "InferenceErrorsHigh", "errors")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="One request in ten is slow and the mean hardly moves. Which function estimates a "
    "quantile, and which label must survive the sum?",
)
def test_latency_alert_fires(recording):
    """InferenceLatencyHigh fires when after a rollout one request in ten is slow, or 5.5 %."""
    fires(recording, "InferenceLatencyHigh", "latency")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="When the last endpoint goes, its series goes with it. What does `count(...) == 0` give "
    "when there is nothing to count?",
)
def test_endpoints_alert_fires(recording):
    """InferenceNoEndpoints fires while replicas are wanted and none is ready."""
    fires(recording, "InferenceNoEndpoints", "no-endpoints")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="Nothing restarts in this incident, and users notice nothing yet. Which counter moves?",
)
def test_load_alert_fires(recording):
    """ModelLoadFailing fires when a new version fails to load its model again and again."""
    fires(recording, "ModelLoadFailing", "load-failures")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="A long queue may be healthy and a short one stuck. Which number tells how long somebody "
    "has been waiting?",
)
def test_queue_alert_fires(recording):
    """EmbeddingQueueStale fires when the oldest item has waited for more than ten minutes."""
    fires(recording, "EmbeddingQueueStale", "queue")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="A Pod that dies and comes back is Kubernetes at work. How often must a thing happen "
    "before a person has to act?",
)
def test_quiet_through_a_restart(recording):
    """No alert fires when one Pod restarts once and comes back."""
    stays_quiet(recording, "restart")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="At night nothing is there because nothing was asked for. Which series says how much was "
    "asked for?",
)
def test_quiet_at_night(recording):
    """No alert fires while the service is scaled to zero on purpose, or while it wakes up."""
    stays_quiet(recording, "night")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="Three minutes are over before anybody has opened a laptop. Which field of a rule says "
    "how long a condition must hold?",
)
def test_quiet_through_a_burst(recording):
    """No alert fires for trouble that is over after three minutes."""
    stays_quiet(recording, "burst")


@check(
    points=2,
    needs="control-plane",
    after=READABLE,
    hint="Everything in this situation is within the limits of the table. Which of your alerts "
    "draws its line elsewhere, or counts what the table does not count?",
)
def test_quiet_within_the_limits(recording):
    """No alert fires while much is strained and nothing is beyond the limits of the table."""
    stays_quiet(recording, "strained")


def rules_form(manifests):
    """The rules file."""
    return manifests.form("rules.yaml")


def alerts_of(manifests):
    """Every alerting rule with the labels of its group, and its place."""
    form = rules_form(manifests)
    found = []
    for g, group in enumerate(entries(form.field("groups").value)):
        for r, rule in enumerate(entries(mapping(group).get("rules"))):
            if mapping(rule).get("alert"):
                labels = {**mapping(mapping(group).get("labels")), **mapping(rule.get("labels"))}
                where = form.field(f"groups[{g}].rules[{r}].alert").where
                found.append(({**rule, "alert": str(rule["alert"]), "labels": labels}, where))
    return found


def entries(value):
    """A list, or nothing where a rules file has something else; promtool says what is wrong."""
    return value if isinstance(value, list) else []


def mapping(value):
    """The same for a mapping."""
    return value if isinstance(value, dict) else {}


def named_alerts(manifests):
    """The five alerts of the table."""
    return [(alert, where) for alert, where in alerts_of(manifests) if alert["alert"] in SEVERITY]


def annotation(alert, key):
    """An annotation's text, on one line."""
    return " ".join(str(mapping(alert.get("annotations")).get(key) or "").split())


def is_scraped(pod):
    """Whether the Pod asks to be scraped."""
    annotations = pod["metadata"].get("annotations") or {}
    return (annotations.get(SCRAPE), annotations.get(PORT)) == ("true", "9102")


def fires(recording, alert, incident):
    """The alert fires 15 minutes after its incident began, and still does at its end.

    It also does where the incident is small, just beyond the limit of the table.
    """
    for test, file in ((incident, f"incident-{incident}"), ("just-above", "just-above")):
        answer = outcome(recording, f"{alert}/{test}")
        expected = f"{alert} to be firing in given/{file}.yaml"
        expect(answer.ok, expected, f"promtool: {answer.message or 'SUCCESS'}", answer.place)


def stays_quiet(recording, situation):
    """None of the five alerts ever fires."""
    answer = outcome(recording, situation)
    expected = f"no alert to fire in given/harmless-{situation}.yaml"
    expect(answer.ok, expected, f"promtool: {answer.message or 'SUCCESS'}", answer.place)


def outcome(recording, test):
    """What promtool said of one test."""
    found = recording.during("rules").answers("promtool", test).found
    expect(found, f"an outcome of the test {test}", "promtool did not get so far")
    return found[0]


def is_page(link):
    """Whether a text is the address of a page."""
    try:
        parts = urlsplit(link)
    except ValueError:  # an unpaired bracket, as in a placeholder
        return False
    return parts.scheme == "https" and bool(parts.netloc)


def shows_something(text):
    """Whether a text holds a kubectl command that looks, and does not change what it looks at."""
    return any(not CHANGE.search(found["before"]) for found in LOOK.finditer(text))
