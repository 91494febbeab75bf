"""The steps of November 2015 by hand, in English, as a person does them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def declare(operator: Page) -> None:
    """Declare the story's incident from the situation page, or open it when it is declared."""
    operator.goto("/")
    begin = operator.get_by_role("link", name="Declare “Flights to Egypt suspended”")
    if begin.count():
        begin.click()
        operator.get_by_role("button", name="Declare the incident").click()
    else:
        operator.get_by_role("link", name="Flights to Egypt suspended", exact=True).first.click()
    expect(operator.get_by_role("heading", level=1)).to_contain_text("Flights to Egypt suspended")


def submit(operator: Page) -> str:
    """Begin the story's alert, look at the preview, submit. Returns the campaign's address."""
    operator.get_by_role("link", name=re.compile("^(New campaign|Write the first one)$")).first.click()
    operator.get_by_role("link", name="The alert of 8 November 2015").click()
    operator.get_by_role("button", name="Preview").first.click()
    expect(operator.get_by_role("heading", level=1)).to_have_text("Is everything right?")
    operator.get_by_role("button", name="Submit for approval").first.click()
    expect(operator.locator("main")).to_contain_text("waiting for approval")
    found = re.search(r"/campaigns/\d+/", operator.url)
    assert found, operator.url
    return found[0]


def withdraw(operator: Page, campaign: str) -> None:
    operator.goto(f"{campaign}preview/")
    operator.get_by_role("button", name="Withdraw it to edit").click()
    expect(operator.locator("main")).to_contain_text("draft")


def approve(supervisor: Page, campaign: str) -> None:
    """Read the decision page, answer what looks like a mistake, tick that the number is understood, start the sending."""
    supervisor.goto(f"{campaign}decision/")
    for doubt in supervisor.locator("#id_overrides fieldset").all():
        doubt.get_by_role("checkbox").check()
        doubt.get_by_role("textbox").fill("The story is told more than once.")
    supervisor.check("[name=understood]")
    supervisor.get_by_role("button", name=re.compile("^Send now to about")).click()
    expect(supervisor).to_have_url(re.compile("live"))
