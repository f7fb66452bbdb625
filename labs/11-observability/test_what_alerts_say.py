"""Checks of lab 11, what an alert says once it fires: Prometheus itself has filled it in."""

import json
import re

from grader import check, expect

ALERTS = (
    "InferenceErrorsHigh",
    "InferenceLatencyHigh",
    "InferenceNoEndpoints",
    "ModelLoadFailing",
    "EmbeddingQueueStale",
)
ACTION = re.compile(r"(\{\{-?)(.*?)(-?\}\})", re.DOTALL)
LABEL = re.compile(r'\s*(?:\$labels|\.Labels)\.(\w+)\s*|\s*index\s+\$labels\s+"(\w+)"\s*')
BLOCK = re.compile(r"\s*(if|else|end|with|range|define|template|block)\b|.*:?=|\s*/\*")
LONGEST = 2000


@check(
    points=1.5,
    needs="control-plane",
    after=("test_promtool_accepts_the_rules", "test_five_alerts"),
    hint="`sum by (...)` keeps the labels that it names and no others; a template shows nothing "
    "for a label that is not there. Which labels does your expression leave?",
)
def test_annotations_show_their_labels(manifests, recording):
    """A label that an annotation shows is one that the alert still has when it fires."""
    templates = templates_of(manifests)
    for name in ALERTS:
        answers = recording.during("rules").answers("promtool", f"{name}/told").found
        expect(answers, f"what {name} says when it fires", "promtool did not get so far")
        texts, where = templates[name]
        for said in json.loads(answers[0].body or "[]"):
            for key, template in texts.items():
                shown = said.get(key, "")
                fits = matches(shown, pieces(template))
                expect(fits, f"{key} of {name} with a value for {template!r}", f"{shown!r}", where)


def templates_of(manifests):
    """The annotations of each alert as they are written, and their place."""
    form, found = manifests.form("rules.yaml"), {}
    for g, group in enumerate(form.field("groups").value or []):
        for r, rule in enumerate(group.get("rules") or []):
            if rule.get("alert") in ALERTS:
                where = form.field(f"groups[{g}].rules[{r}].alert").where
                texts = {key: str(text) for key, text in (rule.get("annotations") or {}).items()}
                found[rule["alert"]] = (texts, where)
    return found


def pieces(template):
    """What a template becomes, in order: texts, 1 for a label's value, 0 for what may be empty.

    A template with conditions may well leave out a label, so nothing is said about it.
    """
    parts = ACTION.split(template)
    if any(BLOCK.match(action) for action in parts[2::4]) or len(template) > LONGEST:
        return [0]
    found = []
    for place in range(0, len(parts), 4):
        text = parts[place]
        if place and parts[place - 1].startswith("-"):
            text = text.lstrip()
        if place + 1 < len(parts) and parts[place + 1].endswith("-"):
            text = text.rstrip()
        found.append(text)
        if place + 2 < len(parts):
            found.append(1 if LABEL.fullmatch(parts[place + 2]) else 0)
    return found


def matches(shown, wanted):
    """Whether a text is made of these pieces; each is looked for from all places it may begin."""
    places = {0}
    for piece in wanted:
        if isinstance(piece, str):
            places = {p + len(piece) for p in places if shown.startswith(piece, p)}
        elif places:
            places = set(range(min(places) + piece, len(shown) + 1))
    return len(shown) in places
