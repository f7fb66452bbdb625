"""The pytest plugin: turns functions under `@check` into items, one for each case.

`grader.judge.run` hands it cases and collects verdicts; `grader.pytest_plugin` makes one case from
command-line options. Checks get their two fixtures straight from the case: they can neither
use nor be influenced by other fixtures, a conftest or a configuration of the submission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grader.judge.case import Case
from grader.judge.check import CheckInfo, info_of
from grader.judge.verdict import judge_check
from grader.model.result import CheckResult

_JUDGES = pytest.StashKey[dict[Path | None, object]]()


@dataclass(frozen=True)
class CaseRef:
    """A case that is loaded when its first check runs, so that a class fits into memory."""

    id: str
    load: Callable[[], Case]


@dataclass
class JudgePlugin:
    """Holds the cases of one pytest session and the verdicts that it reaches."""

    lab: str
    cases: list[CaseRef]
    verdicts: dict[str, dict[str, CheckResult]] = field(default_factory=dict)
    checks: dict[str, CheckInfo] = field(default_factory=dict)
    on_verdict: Callable[[str, CheckResult], None] | None = None
    _current: tuple[str, Case] | None = None

    def case(self, reference: CaseRef) -> Case:
        """The case, loaded once for its run of checks; only one is held at a time."""
        if self._current is None or self._current[0] != reference.id:
            self._current = (reference.id, reference.load())
        return self._current[1]

    def verdict(self, item: CheckItem) -> CheckResult:
        """Judge one item and keep its verdict."""
        so_far = self.verdicts.setdefault(item.reference.id, {})
        try:
            case = self.case(item.reference)
        except Exception as error:
            # A recording that cannot be read is no verdict on the learner.
            case = Case(item.reference.id, _NOTHING, fault=f"{error}")
        result = judge_check(item.info, item.function, case, so_far, self.lab)
        so_far[result.id] = result
        if self.on_verdict:
            self.on_verdict(item.reference.id, result)
        return result


class CheckItem(pytest.Item):
    """One check on one case."""

    def __init__(
        self,
        *,
        info: CheckInfo,
        function: Callable[..., Any],
        reference: CaseRef,
        judge: JudgePlugin,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.info = info
        self.function = function
        self.reference = reference
        self.judge = judge

    def runtest(self) -> None:
        """Judge; tell pytest about it in its own terms."""
        result = self.judge.verdict(self)
        if result.status in ("blocked", "not_provable"):
            pytest.skip(f"{result.status}: {result.expected}; {result.observed}")
        if result.status != "passed":
            raise VerdictReport(result)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """A failed check in words, without a Python traceback."""
        if isinstance(excinfo.value, VerdictReport):
            return excinfo.value.text()
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the check is written."""
        return self.path, self.function.__code__.co_firstlineno, f"{self.name}: {self.info.title}"


class VerdictReport(Exception):
    """Carries a failed verdict through pytest."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(result.id)
        self.result = result

    def text(self) -> str:
        """The verdict in a few lines."""
        result = self.result
        lines = [f"{result.status.upper()}  {result.title}"]
        lines += [f"  expected  {result.expected}", f"  observed  {result.observed}"]
        lines += [f"  where     {fact.where}" for fact in result.evidence[-1:] if fact.where]
        lines += [f"  because   {cause}" for cause in result.causes]
        lines += [f"  hint      {result.hint}"] if result.hint else []
        return "\n".join(lines)


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class,
    name: str,  # noqa: ARG001 - the hook's signature
    obj: object,
) -> Iterable[pytest.Item] | None:
    """Make an item of each decorated function and case; leave everything else to pytest."""
    info = info_of(obj)
    if info is None or not callable(obj):
        return None
    judge = judge_at(collector.config, collector.path.parent)
    if judge is None:
        return []
    judge.checks[info.id] = info
    return list(_items(collector, info, obj, judge))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Go through the cases one by one, in the order of the checks, so each is loaded once."""
    order = {id(item): place for place, item in enumerate(items)}
    position: dict[str, int] = {}
    for item in items:
        if isinstance(item, CheckItem):
            position.setdefault(item.reference.id, len(position))
    if len(position) > 1:
        items.sort(
            key=lambda item: (
                position[item.reference.id] if isinstance(item, CheckItem) else -1,
                order[id(item)],
            )
        )


def _items(
    collector: pytest.Module | pytest.Class,
    info: CheckInfo,
    function: Callable[..., Any],
    judge: JudgePlugin,
) -> Iterator[CheckItem]:
    for reference in judge.cases:
        name = info.id if len(judge.cases) == 1 else f"{info.id}[{reference.id}]"
        yield CheckItem.from_parent(
            collector, name=name, info=info, function=function, reference=reference, judge=judge
        )


def set_judge(config: pytest.Config, folder: Path | None, judge: object) -> None:
    """Name the judge of the checks in `folder`; None: of every check in this session."""
    config.stash.setdefault(_JUDGES, {})[folder] = judge


def judge_at(config: pytest.Config, folder: Path) -> JudgePlugin | None:
    """The judge of the checks in `folder`, if one was named."""
    judges = config.stash.get(_JUDGES, {})
    found = judges.get(None) or judges.get(folder)
    return found if isinstance(found, JudgePlugin) else None


def _nothing() -> Any:
    from grader.model.manifest import Submission

    return Submission(name="", digest="", manifests=())


_NOTHING = _nothing()
