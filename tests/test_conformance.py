"""The suite that judges platforms by the contract: it passes the reference platform, and notices each of ten violations."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.utils import translation
from django.utils.translation import gettext

from messaging.channels import conformance
from messaging.channels.conformance import CODES, Finding, Target, reporting
from messaging.channels.conformance.document import CONTRACT
from messaging.channels.conformance.findings import RULES
from messaging.simulators.journal import Journal
from tests.ordering import SECRET, WEBHOOK_SECRET
from tests.planted_platform import PLANTED, Clean, Operator

AT_ONCE = 9  # platforms; more of them make each other late
Verdicts = Mapping[str, list[Finding]]
SCENES: dict[str, type[Clean]] = {"clean": Clean, "operator": Operator, **{name: one for name, (one, _, _) in PLANTED.items()}}


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


async def judged(platform: type[Clean], log: Path, port: int, turns: asyncio.Semaphore) -> list[Finding]:
    """The verdict over a platform in this loop, met over the wire all the same."""
    async with turns:
        return await judged_now(platform, log, port)


async def judged_now(platform: type[Clean], log: Path, port: int) -> list[Finding]:
    runner = web.AppRunner(platform(Journal(log), f"http://127.0.0.1:{port}/told").app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return await conformance.judge(Target(url, SECRET, WEBHOOK_SECRET, ("127.0.0.1", port)))
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return all_judged(SCENES, tmp_path_factory.mktemp("judged"))


def all_judged(platforms: Mapping[str, type[Clean]], logs: Path) -> Verdicts:
    """Many at once: most of the time is waiting for what they do next."""

    async def all_of_them() -> list[list[Finding]]:
        turns = asyncio.Semaphore(AT_ONCE)
        trials = zip(platforms.items(), free_ports(len(platforms)), strict=True)
        return await asyncio.gather(*(judged(one, logs / name, port, turns) for (name, one), port in trials))

    return dict(zip(platforms, asyncio.run(all_of_them()), strict=True))


def in_english(finding: Finding) -> str:
    return " ".join(said.told(str) for said in (finding.sent, finding.got) if said)


def broken(findings: Iterable[Finding]) -> dict[str, str]:
    return {one.rule.code: in_english(one) for one in findings if one.passed is False}


@pytest.mark.parametrize("name", ["clean", "operator"])
def test_a_platform_that_keeps_the_contract_passes(verdicts: Verdicts, name: str) -> None:
    assert broken(verdicts[name]) == {}
    assert [one.rule.code for one in verdicts[name] if one.passed] == [*CODES]


@pytest.mark.parametrize("violation", PLANTED)
def test_a_violation_is_noticed_where_it_is_and_nowhere_else(verdicts: Verdicts, violation: str) -> None:
    _, code, words = PLANTED[violation]
    found = broken(verdicts[violation])
    assert [*found] == [code]
    assert words in found[code]


@pytest.mark.parametrize("violation", PLANTED)
def test_a_violation_is_explained_in_russian_too(verdicts: Verdicts, violation: str) -> None:
    with translation.override("ru"):
        (row,) = (reporting.row(one, gettext) for one in verdicts[violation] if one.passed is False)
    assert all(re.match("[А-ЯЁ]", words) for words in (row.title, row.sent, row.got, row.means))
    assert row.wire


ODD: dict[str, Any] = {
    "exercise": True, "sandbox": True, "min_interval_s": 0, "recipients": True, "follows": True, "amplifies": True,
    "status": "done", "counters": [1], "decision": 5, "estimate": "many", "order_id": 7, "rounding": None, "reason": {},
}  # fmt: skip


@pytest.mark.parametrize("says", [ODD, ODD | {"counters": {"sent": "all", "matched": True}, "decision": [], "withheld": 1}])
def test_a_platform_that_answers_nonsense_is_judged_too(says: dict[str, Any]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(says, headers={"Retry-After": "soon"})

    found = asyncio.run(of_a_stranger(answer))
    assert [one.rule.code for one in found] == [*CODES]
    assert {"signature_true", "answers_shaped", "carried_out", "estimate_true"} <= {*broken(found)}


def test_a_platform_that_breaks_down_is_judged_too() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/v1/platform":
            return web.json_response(ODD)
        return web.Response(status=500, text="<h1>Technical works</h1>")

    found = broken(asyncio.run(of_a_stranger(answer)))
    assert "You answered with status 500." in found["carried_out"]


async def of_a_stranger(answer: Callable[[web.Request], Awaitable[web.Response]]) -> list[Finding]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return await conformance.judge(Target(f"http://127.0.0.1:{runner.addresses[0][1]}", SECRET))
    finally:
        await runner.cleanup()


def test_every_rule_of_the_contract_is_judged() -> None:
    assert {one.number for one in RULES} == {*range(1, len(CONTRACT["x-rules"]) + 1)}
    assert len({*CODES}) == len(CODES) == len(RULES)


@pytest.mark.parametrize("clause", sorted({one.clause for one in RULES}))
def test_a_rule_says_where_it_stands_in_the_document(clause: str) -> None:
    found: Any = CONTRACT
    for step in clause.removeprefix("/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    assert found is not None


def test_every_refusal_of_the_contract_is_asked_for() -> None:
    source = "".join(path.read_text() for path in Path(conformance.__file__).parent.glob("*.py"))
    assert {code for code in CONTRACT["x-codes"] if f'"{code}"' not in source} == {"post_differs"}  # needs a post of theirs


def test_it_asks_in_its_own_words_and_not_by_our_channel() -> None:
    source = "".join(path.read_text() for path in Path(conformance.__file__).parent.glob("*.py"))
    others = {
        name for name in re.findall(r"from (messaging[\w.]*)", source) if not name.startswith("messaging.channels.conformance")
    }
    assert others == set()
