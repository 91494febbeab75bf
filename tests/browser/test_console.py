"""The console in a real browser, against real processes and simulated platforms: the story by hand, then every page.

Pages are opened on a phone in the dark in Russian and on a desk by day in English: no barrier, nothing cut off, no error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.conftest import NARROW, WIDE, barriers
from tests.browser.story import approve, declare, submit, withdraw

At = Callable[..., Page]
ACCEPTED = "5,820 of 6,000 people accepted by VK"
# Who looks, and where; {sent} and {draft} are campaigns made by the story.
PAGES = {
    "anna": (
        "/", "/incidents/", "/incidents/1/", "/incidents/declare/", "/incidents/declare/?drill", "/incidents/1/campaigns/new/",
        "/incidents/1/campaigns/new/?template=story", "/campaigns/", "{sent}live/", "{sent}report/", "{sent}replies/",
        "{sent}stop/", "{draft}draft/", "{draft}preview/", "{draft}discard/", "/audiences/", "/audiences/new/", "/audiences/1/",
        "/playbooks/", "/playbooks/new/", "/playbooks/1/", "/playbooks/1/edit/", "/incidents/1/playbooks/1/", "{sent}correct/",
        "/audiences/1/edit/", "/audiences/1/compare/?one=1&other=1", "/audiences/new/?copy=1",
        "/audiences/import/", "/accounts/", "/accounts/1/", "/coverage/", "/password/",
        "/incidents/1/test/", "{sent}top-up/", "{sent}resend/", "{sent}leave/",
        "{sent}record/", "{sent}data/", "/handover/", "/duty/", "/training/", "/exceptions/1/",
        "/register/", "/contracts/orders/v1/", "/sessions/", "/second-step/",
    ),
    "vera": (
        "/accounts/staff/", "/", "{sent}decision/", "/people/", "/audit/", "/duty/", "/locks/", "/second-step/passkey/",
        "/exceptions/1/", "/no-such-page/",
    ),
    "gleb": (
        "/help/rights/", "/clients/", "/clients/new/", "/limits/", "/destroyed/", "/queues/", "/accounts/1/",
        "/accounts/1/credential/", "/incidents/1/purge/", "/audit/", "/staff/", "/staff/new/", "/staff/1/", "/power/",
        "/screens/", "/sources/", "/sources/1/", "/sources/new/", "/sources/1/edit/", "/people/held/",
    ),
}  # fmt: skip
LOOKS = {"phone, dark, Russian": ("ru", NARROW, True), "desk, light, English": ("en", WIDE, False)}
EVERY = [(look, who, path) for look in LOOKS for who, paths in PAGES.items() for path in paths]


def test_an_operator_drafts_a_supervisor_approves_and_both_watch_it_arrive(at_screen: At) -> None:
    operator, supervisor = at_screen("anna"), at_screen("boris")
    declare(operator)
    campaign = submit(operator)
    supervisor.goto("/")
    expect(supervisor.locator(".waiting")).to_contain_text("waits for your approval")
    approve(supervisor, campaign)
    operator.goto(f"{campaign}live/")
    for page in (operator, supervisor):  # without a click: the page asks by itself
        expect(page.locator("main")).to_contain_text(ACCEPTED, timeout=60_000)
        expect(page.locator("main")).to_contain_text("19,400 sent, as reported", timeout=60_000)
    operator.goto(f"{campaign}report/")
    expect(operator.locator("main")).to_contain_text("of about 80,000 nationals estimated there")


def test_an_operator_stops_a_second_campaign_and_the_page_says_how_many_will_not_get_it(at_screen: At) -> None:
    operator, supervisor = at_screen("anna"), at_screen("boris")
    declare(operator)
    campaign = submit(operator)
    approve(supervisor, campaign)
    operator.goto(f"{campaign}live/")
    operator.get_by_role("button", name="Stop sending").click()
    operator.get_by_role("button", name="Stop sending to Egypt").click()
    expect(operator.locator("main")).to_contain_text(re.compile(r"[\d,]+ (people )?(had|will not)"))
    expect(operator.locator("main .tag").first).to_contain_text("stopped")


def test_the_author_is_not_offered_the_decision(at_screen: At) -> None:
    operator = at_screen("anna")
    declare(operator)
    operator.goto(f"{submit(operator)}decision/")
    expect(operator.locator("main")).to_contain_text("another person has to approve it")
    expect(operator.get_by_role("button", name=re.compile("^Send now"))).to_have_count(0)


@pytest.fixture(scope="module")
def places(at_screen: At) -> dict[str, str]:
    """One campaign that was sent and one that is a draft."""
    operator, supervisor = at_screen("anna"), at_screen("boris")
    declare(operator)
    sent = submit(operator)
    approve(supervisor, sent)
    declare(operator)
    draft = submit(operator)
    withdraw(operator, draft)
    return {"sent": sent, "draft": draft}


@pytest.mark.parametrize(("look", "who", "path"), EVERY)
def test_a_page_has_no_barrier_and_nothing_cut_off(
    places: dict[str, str], at_screen: At, look: str, who: str, path: str
) -> None:
    language, viewport, dark = LOOKS[look]
    page = at_screen(who, language=language, viewport=viewport, dark=dark)
    with listening(page) as errors:
        page.goto(path.format(**places))
    assert (*barriers(page), errors) == ({}, 0, [])


@contextmanager
def listening(page: Page) -> Iterator[list[str]]:
    """What the browser complains of meanwhile, such as a broken content policy; a status of 4xx is meant."""
    errors: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and "status of 4" not in said.text:
            errors.append(said.text)

    page.on("console", hear)
    yield errors
    page.remove_listener("console", hear)
