"""The verdict for people and for programs: every rule, and for those that are broken what to look at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from messaging.channels.conformance.findings import Finding, Said, Say
from messaging.channels.conformance.findings import marked as _

SIGNS: Final = {False: "✗", None: "–", True: "✓"}
COUNTS: Final = _("Rules kept: %(kept)s. Rules broken: %(broken)s. Not judged: %(not_judged)s.")
YES: Final = _("Nothing was found by which this platform breaks the contract.")
NOT_JUDGED: Final = _("Not judged.")
WHERE: Final = _("The contract says it in rule %(number)s and in the document at %(clause)s.")
NO: Final = _("This platform does not keep the contract.")


@dataclass(frozen=True, slots=True)
class Row:
    """A finding in one language."""

    code: str
    passed: bool | None
    sign: str
    number: int
    clause: str
    title: str
    sent: str
    got: str
    means: str
    wire: tuple[str, ...]


def counts(findings: Collection[Finding]) -> dict[str, int]:
    passed = [one.passed for one in findings]
    return {"kept": passed.count(True), "broken": passed.count(False), "not_judged": passed.count(None)}


def conforms(findings: Collection[Finding]) -> bool:
    return not counts(findings)["broken"]


def summary(findings: Collection[Finding], say: Say) -> str:
    verdict = say(YES) if conforms(findings) else say(NO)
    return f"{verdict} {Said(COUNTS, counts(findings)).told(say)}"


def row(finding: Finding, say: Say) -> Row:
    one = finding.rule
    sent, got = (said.told(say) if said else "" for said in (finding.sent, finding.got))
    about = (one.code, finding.passed, SIGNS[finding.passed], one.number, one.clause, say(one.title))
    return Row(*about, sent, got, say(one.means), finding.wire)


def rows(findings: Iterable[Finding], say: Say) -> list[Row]:
    """What is broken first, then what was not judged, then what is kept."""
    return [row(one, say) for one in sorted(findings, key=lambda one: [*SIGNS].index(one.passed))]


def text(findings: Collection[Finding], say: Say) -> str:
    return "\n".join([*(_in_lines(one, say) for one in rows(findings, say)), "", summary(findings, say)])


def _in_lines(one: Row, say: Say) -> str:
    lines = [f"{one.sign} {one.title}  [{one.code}]"]
    if one.passed is None:
        lines += [f"    {say(NOT_JUDGED)} {one.got}"]
    if one.passed is False:
        lines += [f"    {one.sent}", f"    {one.got}", f"    {one.means}"]
        lines += [f"    {Said(WHERE, {'number': one.number, 'clause': one.clause}).told(say)}"]
        lines += [f"      {line}" for exchange in one.wire for line in exchange.splitlines()]
    return "\n".join(lines)


def in_languages(findings: Collection[Finding], says: Mapping[str, Say]) -> dict[str, Any]:
    """The verdict as JSON: what is words in every language."""
    return {
        "conforms": conforms(findings),
        **counts(findings),
        "summary": {language: summary(findings, say) for language, say in says.items()},
        "findings": [_as_json(one, says) for one in findings],
    }


def _as_json(finding: Finding, says: Mapping[str, Say]) -> dict[str, Any]:
    rows = {language: row(finding, say) for language, say in says.items()}
    words = {
        name: {language: getattr(one, name) for language, one in rows.items()} for name in ("title", "sent", "got", "means")
    }
    one = finding.rule
    about = {"code": one.code, "passed": finding.passed, "rule": one.number, "clause": one.clause}
    return {**about, **words, "wire": [*finding.wire]}
