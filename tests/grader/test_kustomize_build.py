"""Building kustomize trees with the real kubectl, within bounds."""

from __future__ import annotations

import pytest

from cluster.binaries import find
from grader.grading.kustomize import render
from tests.grader.load.test_kustomize import TREE

pytestmark = pytest.mark.skipif(find("kubectl") is None, reason="kubectl is not on this machine")


def test_a_tree_is_built_and_says_where_it_comes_from() -> None:
    text, error = render("app/prod", TREE)
    assert error == ""
    assert "replicas: 3" in text
    assert "image: web:v2" in text
    assert "path: ../base/deployment.yaml" in text


def test_the_same_tree_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = render("app/prod", TREE)
    monkeypatch.setattr("grader.grading.kustomize.run", lambda *_: pytest.fail("built again"))
    assert render("app/prod", dict(reversed(TREE.items()))) == first


def test_a_complaint_names_no_folder_of_the_machine() -> None:
    tree = {**TREE, "app/prod/patch.yaml": TREE["app/prod/patch.yaml"].replace("web", "wbe")}
    text, error = render("app/prod", tree)
    assert text == ""
    assert "no matches for Id" in error
    assert "/tmp" not in error


def test_kustomize_gets_nowhere_even_if_it_is_told_to() -> None:
    # The loader refuses this tree before it comes here; the second wall stands by itself.
    for elsewhere in ("https://127.0.0.1:9/x.yaml", "github.com/team/repo", "/etc/hostname"):
        tree = {**TREE, "app/prod/kustomization.yaml": f"resources: ['{elsewhere}']\n"}
        text, error = render("app/prod", tree)
        assert text == ""
        assert error


def test_a_tree_that_grows_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.observe.bounded.LONGEST", 2.0)
    monkeypatch.setattr("grader.observe.bounded._TRIED_HARD", 0.0)
    tree = {"app/l0/kustomization.yaml": "resources: [a.yaml]\n"}
    tree["app/l0/a.yaml"] = TREE["app/base/deployment.yaml"]
    for level in range(1, 16):
        for side in "ab":
            tree[f"app/l{level}{side}/kustomization.yaml"] = (
                f"namePrefix: {side}\nresources: [../l{level}]\n"
            )
        sides = f"[../l{level}a, ../l{level}b]"
        tree[f"app/l{level + 1}/kustomization.yaml"] = f"resources: {sides}\n"
    tree["app/l1/kustomization.yaml"] = "resources: [../l0]\n"
    text, error = render("app/l16", tree)
    assert text == ""
    assert "too much work" in error
