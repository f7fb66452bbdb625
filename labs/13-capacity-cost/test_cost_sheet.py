"""Checks of lab 13, the bill: what each team spends, and whether the sheet says so."""

import json
import math

from grader import check, expect

TEAM = "ml.example.com/team"
PEAK = {"search-ranking": 540, "feature-api": 300}
CPU_HOUR, GIB_HOUR = 0.03, 0.005
NODES_PER_HOUR = 3 * 0.40
BUDGET = {"search": 0.50, "features": 0.16}
CENT = 0.005 + 1e-9
"""A sum in the sheet may be rounded to the cent."""


@check(
    points=1.5,
    hint="Multiply: requests, replicas, price. Which of the three can be smaller without anybody "
    "waiting longer?",
)
def test_within_budget(manifests):
    """What each team requests at the peak stays within what it has agreed to spend."""
    costs = cost_by_team(manifests)
    for team, limit in BUDGET.items():
        spent = costs.get(team, 0.0)
        expect(
            0 < spent <= limit + 1e-9,
            f"team {team} to spend something, and at most {limit:.2f} EUR an hour",
            f"{spent:.3f} EUR an hour",
            "requests x replicas x price",
        )


@check(
    points=2,
    hint="Take one Deployment and do it by hand: what it requests, or what it may use? For one "
    "Pod, or for all?",
)
def test_sheet_by_team(manifests):
    """The sheet gives each team's cost an hour: requests times replicas times price."""
    sheet = manifests.form("cost-sheet.yaml")
    costs = cost_by_team(manifests)
    # A team that runs nothing costs nothing.
    named = sheet.field("teams").value
    others = {str(team) for team in named} if isinstance(named, dict) else set()
    for team in sorted({"search", "features", "platform", *costs, *others}):
        is_amount(line_of(sheet, team), costs.get(team, 0.0))


@check(
    points=1,
    hint="Three sums that belong together: what the teams pay, what the nodes cost, and what is "
    "left between the two. Who pays that?",
)
def test_sheet_totals(manifests):
    """The sheet's total, the price of the nodes, and what nobody requested agree."""
    sheet = manifests.form("cost-sheet.yaml")
    sheet.field("currency").equals("EUR")
    costs = cost_by_team(manifests)
    total = sum(costs.values())
    # Rounded lines may add up to a cent more or less than what was rounded. Both are right, as
    # long as the lines are.
    lines = [(amount(line_of(sheet, team)), cost) for team, cost in costs.items()]
    added = sum(written for written, _ in lines) if all(agree(*line) for line in lines) else total
    is_amount(sheet.field("total"), total, added)
    is_amount(sheet.field("nodes"), NODES_PER_HOUR)
    is_amount(sheet.field("unrequested"), NODES_PER_HOUR - total, NODES_PER_HOUR - added)


@check(
    points=1.5,
    hint="An hour has 3600 seconds. How many requests go through in one hour at the peak, and what "
    "does that hour cost?",
)
def test_sheet_by_outcome(manifests):
    """The sheet says what a million requests cost at the peak, for each service."""
    sheet = manifests.form("cost-sheet.yaml")
    for name, rate in PEAK.items():
        deployment = manifests.one("Deployment", name)
        millions = rate * 3600 / 1_000_000
        spent = cost(deployment)
        # Also from the line above, which is rounded.
        cents = [whole / 100 for whole in (math.floor(spent * 100), math.ceil(spent * 100))]
        shown = [rounded for rounded in cents if agree(rounded, spent)]
        wanted = (spent / millions, *(rounded / millions for rounded in shown))
        is_amount(sheet.field(f'per_million_requests["{name}"]'), *wanted)


@check(
    points=1.5,
    hint="For each workload ask two questions: does somebody wait for the answer, and what is lost "
    "when the machine is taken away in the middle?",
)
def test_buying_decisions(manifests):
    """Each of the four workloads is bought in the way that suits how it fails."""
    sheet = manifests.form("cost-sheet.yaml")
    for workload, wanted in (
        ("search-ranking", "always-on"),
        ("nightly-embeddings", "interruptible"),
        ("pretraining", "reserved"),
        ("thumbnail-queue", "scale-to-zero"),
    ):
        sheet.field(f'capacity["{workload}"]').equals(wanted)


def cost(deployment):
    """EUR an hour for what a Deployment requests."""
    cores, memory = (deployment.pod_requests(name) for name in ("cpu", "memory"))
    each = cores * CPU_HOUR + memory / 2**30 * GIB_HOUR
    # A spec that holds nothing has no replicas, not even the default one.
    return each * (deployment.field("spec.replicas").value or 0)


def cost_by_team(manifests):
    """EUR an hour by team, as the Pods' labels name it, or else the Deployment's own."""
    costs = {}
    for deployment in manifests.all("Deployment"):
        own = deployment.field("metadata.labels").value or {}
        team = deployment.pod_labels().get(TEAM) or own.get(TEAM)
        if team:
            costs[team] = costs.get(team, 0.0) + cost(deployment)
    return costs


def line_of(sheet, team):
    """The sheet's line for a team, whatever characters its name has."""
    return sheet.field(f"teams[{json.dumps(team)}]")


def amount(field):
    """The sum of money in a field, a number or a number in quotes; NaN where there is none."""
    try:
        return float(field.value)
    except (TypeError, ValueError):
        return math.nan


def agree(written, wanted):
    """Whether a sum is this one, or this one rounded to the cent."""
    return abs(written - wanted) <= CENT


def is_amount(field, *wanted):
    """A sum of money in the sheet is right to the cent; where there are several right ones, one."""
    expect(
        any(agree(amount(field), right) for right in wanted),
        f"{field.name} to be {wanted[0]:.3f}, or that rounded to the cent",
        "nothing" if field.value is None else str(field.value),
        field.where,
    )
