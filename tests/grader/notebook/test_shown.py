"""What a notebook shows, without Jupyter and without a cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from grader.load.labs import find_lab
from grader.model.result import CheckResult, ClusterInfo, Evidence, Result, Versions
from grader.notebook.evidence import evidence
from grader.notebook.experiments import Experiment, experiment
from grader.notebook.html import Notice, Table, marked, style
from grader.notebook.magics import save
from grader.notebook.place import Desk, NotebookStop, desk_of
from grader.notebook.predictions import predict
from grader.notebook.standing import progress, remember
from grader.notebook.verdict import Verdict
from grader.report.timeline.style import style as style_of_pictures
from tests.grader.judge.build import Builder, pod, thing

GOOD = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    lab = find_lab("02")
    desk = Desk(lab, tmp_path / lab.id, tmp_path / "drafts" / lab.id, "none")
    desk.work.mkdir(parents=True)
    desk.drafts.mkdir(parents=True)
    return desk


def test_importing_needs_no_jupyter() -> None:
    """Nor does it load the client of the API server: a terminal's Python may look at results."""
    script = (
        "import sys; from grader.notebook import check, experiment, predict, progress, start; "
        "print([m for m in ('IPython','jupytext','nbformat','kubernetes') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_what_learners_wrote_is_escaped() -> None:
    table = Table(("a",), [("<script>alert(1)</script>",)])
    assert "<script>" not in table._repr_html_()
    assert "<script>" in table.text()
    assert "<b>" not in Notice("<b>x</b>")._repr_html_()
    assert marked("a `b<c` d") == "a <code>b&lt;c</code> d"


def test_outputs_style_leaves_pictures_alone() -> None:
    """A class that both know may colour, and nothing else: a `height` would squash a picture."""
    in_pictures = set(re.findall(r"\.([a-z][a-z-]*)", style_of_pictures("one")))
    shared = 0
    for selectors, declared in re.findall(r"([^{}]+)\{([^{}]*)\}", style()):
        found = set(re.findall(r"\.mlk8s \.([a-z]+)", selectors))
        if found & in_pictures:
            shared += 1
            properties = {line.partition(":")[0] for line in declared.split(";") if line}
            assert properties <= {"color"}, selectors
    assert shared, "the test no longer looks at anything"


def test_a_bundle_has_both_forms() -> None:
    bundle = Table(("second", "ready"), [(0.25, 3)], "a note")._repr_mimebundle_()
    assert "<table>" in bundle["text/html"]
    assert "0.2" in bundle["text/plain"]
    assert "\x1b" not in bundle["text/plain"]
    assert "a note" in bundle["text/plain"]


def test_a_right_in_one_namespace_and_one_everywhere_are_told_apart() -> None:
    build = Builder()
    build.answer(verb="may", target="list pods", namespace="ml")
    build.answer(verb="may", target="list pods", code=403, reason="Forbidden")
    run = Experiment("rights", build.recording)
    assert [row[2] for row in run.evidence("answers").rows] == ["list pods", "list pods everywhere"]
    assert run.text().endswith("refused list pods everywhere")


def test_tries_of_one_refused_pod_are_one_event() -> None:
    build = Builder()
    for place, name in enumerate(("web-1-abcde", "web-1-fghij", "web-1-fghij")):
        about = {"kind": "ReplicaSet", "name": "web-1", "namespace": "ml"}
        limit = "6Gi" if place < 2 else "4Gi"
        message = f'Error creating: pods "{name}" is forbidden: exceeded quota: used {limit}'
        told = thing("Event", f"try-{place}", reason="FailedCreate", message=message)
        build.change("added", {**told, "involvedObject": about, "count": 2})
    rows = Experiment("tries", build.recording).events().rows
    assert [(row[3][-3:], row[4]) for row in rows] == [("6Gi", "4"), ("4Gi", "2")]
    assert "web-1-abcde" in rows[0][3]


def test_a_manifest_is_saved_and_read_at_once(desk: Desk) -> None:
    saved = save(desk, "service.yaml", GOOD)
    assert (desk.work / "service.yaml").read_text() == GOOD
    assert "Service/web" in saved.text()
    assert saved.problems == ()


def test_problems_come_with_their_line(desk: Desk) -> None:
    saved = save(desk, "service.yaml", GOOD.replace("ports:", "prots:"))
    assert "service.yaml:4" in saved.text()
    assert "prots" in saved._repr_html_()
    assert "service.yaml" in save(desk, "service.yaml", "a: [").text()


def test_a_form_of_the_lab_is_no_manifest(desk: Desk) -> None:
    with_form = replace(desk, lab=find_lab("13"))
    assert save(with_form, "cost-sheet.yaml", "currency: EUR\n").problems == ()
    assert save(desk, "cost-sheet.yaml", "currency: EUR\n").problems


def test_drafts_are_kept_apart(desk: Desk) -> None:
    save(desk, "try.yaml", GOOD, draft=True)
    assert (desk.drafts / "try.yaml").is_file()
    assert not list(desk.work.glob("*.yaml"))


@pytest.mark.parametrize("name", ["", "../x.yaml", "/x.yaml", "x.txt", ".x.yaml", "a/../x.yaml"])
def test_a_name_that_leads_elsewhere_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(NotebookStop, match="no name"):
        save(desk, name, GOOD)


def test_what_was_changed_elsewhere_is_kept(desk: Desk) -> None:
    save(desk, "service.yaml", GOOD)
    assert save(desk, "service.yaml", GOOD + "# more\n").kept is None
    (desk.work / "service.yaml").write_text("# by hand\n")
    saved = save(desk, "service.yaml", GOOD)
    assert saved.kept is not None
    assert saved.kept.read_text() == "# by hand\n"
    assert str(saved.kept.name) in saved.text()


def test_a_prediction_does_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    asked = predict("How many?", {"2": "Because two.", "3": "No: `x`."}, right="2")
    assert "Because" not in asked.text()
    assert asked._repr_html_().count("<details") == 2
    assert "open" not in asked.html().replace("opens", "")


def test_a_prediction_is_well_made() -> None:
    with pytest.raises(ValueError, match="not among"):
        predict("How many?", {"2": "a", "3": "b"}, right="4")
    with pytest.raises(ValueError, match="say something"):
        predict("How many?", {"2": "", "3": "b"}, right="3")


def test_without_a_start_it_says_so() -> None:
    with pytest.raises(NotebookStop, match="not been started"):
        desk_of()


def recorded() -> Experiment:
    build = Builder()
    build.begin("apply")
    build.change("added", thing("Deployment", "web", spec={"replicas": 1}, status={}))
    build.change("added", pod("web-1-a", ready=False))
    build.change("modified", pod("web-1-a"))
    build.answer(code=403, reason="Forbidden", message="exceeded quota <x>", target="Pod/b")
    build.end("apply")
    return Experiment("a try", build.recording)


def test_evidence_tables() -> None:
    run = recorded()
    assert "web-1-a" in run.evidence("pods").text()
    assert "exceeded quota" in run.evidence("answers").text()
    assert "nothing was seen" in run.evidence("logs")._repr_html_()
    assert "replicas" in run.field("Deployment/web", "spec.replicas").text()
    assert "none" in run.evidence("endpoints", of="web").text()
    assert "simulated containers" in run.text()
    assert "&lt;x&gt;" in run.html()


def test_a_field_is_named_as_checks_name_it() -> None:
    labels = {"a.b/c": "one"}
    web = {"kind": "Deployment", "metadata": {"name": "web", "labels": labels, "items": [7, 8]}}
    build = Builder().begin("apply").change("added", web).end("apply")
    run = Experiment("a try", build.recording)
    assert "one" in run.field("Deployment/web", 'metadata.labels["a.b/c"]').text()
    for path in ("metadata.items[1]", "metadata.items.1"):
        assert " 8" in run.field("Deployment/web", path).text()


def test_evidence_that_is_not_there_is_explained() -> None:
    with pytest.raises(NotebookStop, match="no evidence"):
        evidence(recorded(), "podz", None, None)
    with pytest.raises(NotebookStop, match="no step"):
        recorded().evidence("pods", during="roll")


def test_an_edit_occurs_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.notebook.place._desks", [desk])
    save(desk, "try.yaml", GOOD, draft=True)
    with pytest.raises(NotebookStop, match="occurs 0 times"):
        experiment("try.yaml", edit={"nowhere": "x"})
    with pytest.raises(NotebookStop, match="no manifest"):
        experiment("other.yaml")
    with pytest.raises(NotebookStop, match="steps cannot be read"):
        experiment("try.yaml", "- fly: {}")


def result(*checks: CheckResult, complete: bool = True) -> Result:
    return Result(
        lab="02-inference-deployment",
        submission="02",
        digest="",
        cluster=ClusterInfo(provider="embedded", kubernetes="v1.35.4", simulated=["kubelet"]),
        score=sum(c.earned for c in checks),
        max_score=sum(c.points for c in checks),
        provable_max=sum(c.points for c in checks if c.status != "not_provable"),
        complete=complete,
        checks=list(checks),
        versions=Versions(mlk8s="0", lab="0"),
    )


def verdict_of(status: str, **more: object) -> CheckResult:
    base = {"id": "t", "title": "A title.", "points": 2.0, "earned": 0.0, "needs": "kubelet"}
    return CheckResult.model_validate({**base, "status": status, **more})


def test_a_verdict_shows_all_that_matters() -> None:
    failed = verdict_of(
        "failed", expected="three", observed="<two>", hint="Count again.", causes=["a", "b"]
    )
    passed = verdict_of("passed", earned=2.0, evidence=[Evidence(text="seen", simulated=True)])
    open_ = verdict_of("not_provable", expected="real containers", hint="To prove it: kind")
    html = Verdict(result(failed, passed, open_), "A lab")._repr_html_()
    assert "2 of 4 points" in html
    assert "&lt;two&gt;" in html
    assert "<summary>Hint</summary>" in html
    assert "2 more not provable" in html
    assert "(simulated)" in html
    assert html.index("failed") < html.index("passed")


def test_a_fault_is_no_verdict() -> None:
    html = Verdict(result(verdict_of("error"), complete=False), "A lab").html()
    assert "no verdict" in html
    assert "of 2 points" not in html


def test_progress_keeps_the_best(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLK8S_WORK", str(desk.work.parent))
    remember(desk, result(verdict_of("passed", earned=2.0)))
    remember(desk, result(verdict_of("failed")))
    remember(desk, result(verdict_of("error"), complete=False))
    shown = progress().text()
    assert "2 of 2" in shown
    assert "1 of " in shown
