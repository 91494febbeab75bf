"""A correction of a message that is on its way to 20,000 people, by hand: judged by what the platform wrote down."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo
from tests.browser.story import declare

At = Callable[..., Page]
MOST_CLICKS = 3
PEOPLE = 20_000
PACE = "60000"  # people in ten minutes, a hundred a second: still on its way when it is found wrong
COUNT = "addEventListener('click', event => event.isTrusted && window.clicked(), true)"
WRONG = {"ru": "8 ноября в 14:00 собирайтесь у терминала 1.", "en": "Gather at terminal 1 on 8 November at 14:00."}
RIGHT = {
    "ru": "Верно: 8 ноября в 14:00 собирайтесь у терминала 2.",
    "en": "Right: gather at terminal 2 on 8 November at 14:00.",
}


class Heard(NamedTuple):
    """One message that the platform took for a person."""

    peer: int
    text: str  # its hash
    taken: bool


def test_a_correction_takes_three_clicks_and_reaches_exactly_those_who_got_the_wrong_message(at_screen: At, demo: Demo) -> None:
    operator, supervisor = at_screen("anna"), at_screen("boris")
    wrong = begin(operator)
    approve(supervisor, wrong)
    operator.goto(f"{wrong}live/")
    expect(operator.locator("#progress")).to_contain_text(re.compile(r"[1-9]\d* of 2\d,\d{3} people accepted"), timeout=30_000)
    clicks = count_clicks(operator)
    correct(operator)
    assert 0 < clicks[0] <= MOST_CLICKS
    right = address(operator)
    got, others = approve(supervisor, right)
    operator.goto(f"{right}live/")
    expect(operator.locator("#progress .tag").first).to_have_text(re.compile("sent"), timeout=45_000)
    operator.goto(f"{right}report/")
    expect(operator.locator("main")).to_contain_text(f"told {got:,} of {got:,}")
    said = {name: hashes(operator, page) for name, page in (("wrong", wrong), ("right", right))}
    check_who_got_what(heard(demo), said["wrong"], said["right"], got, others)
    print(f"found wrong → submitted: {clicks[0]} clicks; {got} got the correction, {others} the right text")  # noqa: T201


def begin(operator: Page) -> str:
    """The story's alert to everybody last seen in Egypt within 90 days, one by one, in its own pace. Returns its address."""
    declare(operator)
    operator.get_by_role("link", name=re.compile("^(New campaign|Write the first one)$")).first.click()
    operator.get_by_role("link", name="The alert of 8 November 2015").click()
    operator.check("[name=audience][value=new]")
    operator.locator("summary", has_text="Say who").click()
    operator.check("[name=countries][value=EG]")
    operator.fill("[name=hours]", "2160")
    operator.check("[name=until_now][value=now]")
    operator.check("[name=mode][value=last_seen_there]")
    operator.get_by_label(re.compile("^VK: order by location")).uncheck()
    for language, words in WRONG.items():
        operator.fill(f"[name=body_{language}]", words)
    operator.fill("[name=exception_reason]", "")
    operator.fill("[name=pace]", PACE)
    operator.get_by_role("button", name="Preview").first.click()
    operator.get_by_role("button", name="Submit for approval").first.click()
    expect(operator.locator("main")).to_contain_text("waiting for approval")
    return address(operator)


def address(page: Page) -> str:
    found = re.search(r"/campaigns/\d+/", page.url)
    assert found, page.url
    return found[0]


def approve(supervisor: Page, campaign: str) -> tuple[int, int]:
    """Read the decision, tick, start. Returns how many were said to get the correction, and how many the right text."""
    supervisor.goto(f"{campaign}decision/")
    found = re.search(r"the correction to ([\d,]+) .* the right text to ([\d,]+) ", supervisor.locator("main").inner_text())
    for doubt in supervisor.locator("#id_overrides fieldset").all():
        doubt.get_by_role("checkbox").check()
        doubt.get_by_role("textbox").fill("Other tests have sent as well.")
    supervisor.check("[name=understood]")
    supervisor.get_by_role("button", name=re.compile("^Send now to")).click()
    expect(supervisor).to_have_url(re.compile("live"))
    return (int(found[1].replace(",", "")), int(found[2].replace(",", ""))) if found else (0, 0)


def count_clicks(page: Page) -> list[int]:
    """Count every click of a hand on this page and those it leads to."""
    clicks = [0]

    def clicked() -> None:
        clicks[0] += 1

    page.expose_function("clicked", clicked)
    page.add_init_script(COUNT)
    page.reload()
    return clicks


def correct(operator: Page) -> None:
    """From the live page to the submitted correction; the right text is typed, everything else is there already."""
    operator.get_by_role("link", name="Correct", exact=True).click()
    expect(operator.locator("main")).to_contain_text("Stops now.")
    operator.get_by_role("button", name="Stop sending to Egypt and correct it").click()
    for language, words in RIGHT.items():
        operator.fill(f"[name=body_{language}]", words)
    operator.fill("[name=pace]", "")
    operator.get_by_role("button", name="Submit for approval").first.click()
    expect(operator.locator("main .tag").first).to_contain_text("waiting for approval")


def hashes(page: Page, campaign: str) -> list[str]:
    """Every text of a campaign by its hash, in the order in which they are read. A browser ends typed lines with two signs."""
    page.goto(f"{campaign}preview/")
    shown = page.locator("p.phone").all_text_contents()
    sent = [re.sub("(: ?|следующее\\.)\n\n(?=Верно|Right)", r"\1\r\n\r\n", body) for body in shown]
    return [hashlib.sha256(body.encode()).hexdigest() for body in sent]


def heard(demo: Demo) -> list[Heard]:
    """What the simulated VK was asked to send to each person, in its order."""
    journal = Path(str(demo.process.args[-1])) / "simulators" / "vk.jsonl"  # type: ignore[index]
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    one_by_one = [line for line in lines if line.get("text_sha256")]
    return [Heard(line["peer_id"], line["text_sha256"], line["kind"] == "accepted") for line in one_by_one]


def check_who_got_what(lines: list[Heard], wrong: list[str], right: list[str], got: int, others: int) -> None:
    corrected, main = right[:2], right[2:]
    first: dict[tuple[int, str], int] = {}
    for place, line in enumerate(lines):
        part = "wrong" if line.text in wrong else "corrected" if line.text in corrected else "main" if line.text in main else ""
        if part == "wrong" and not line.taken:
            continue
        first.setdefault((line.peer, part), place)
    people = {part: {peer for peer, of in first if of == part} for part in ("wrong", "corrected", "main")}
    assert (len(people["corrected"]), len(people["main"]), got + others > PEOPLE) == (got, others, True)
    assert people["corrected"] == people["wrong"]
    assert people["main"].isdisjoint(people["wrong"])
    assert [peer for peer in people["wrong"] if first[peer, "corrected"] < first[peer, "wrong"]] == []
    assert max(first[peer, "wrong"] for peer in people["wrong"]) < min(first[peer, "main"] for peer in people["main"])
