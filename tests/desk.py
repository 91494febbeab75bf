"""A desk to test pages at: an author and an approver at their screens, an incident, an account and five people to write to."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.test import Client

from messaging import workflow
from messaging.models import Campaign
from tests import world
from tests.visits import screen_of


class Desk:
    """An author and an approver at their screens, one open incident, one account, five people to write to.

    They log in when they are first asked to do something.
    """

    def __init__(self) -> None:
        self.author = world.person("anna", "operator")
        self.chief = world.person("boris", "supervisor")
        self.incident = world.incident(self.author)
        self.account = world.account()
        world.contacts([1, 2, 3, 4, 5])

    @cached_property
    def at_author(self) -> Client:
        return screen_of(self.author)

    @cached_property
    def at_chief(self) -> Client:
        return screen_of(self.chief)

    def draft(self, **changes: Any) -> Campaign:
        content = world.content(self.account, version=world.audience(self.author), **changes)
        return workflow.draft(self.incident, content, by=self.author)

    def submitted(self, **changes: Any) -> Campaign:
        return workflow.submit(self.draft(**changes), by=self.author)

    def sending(self) -> Campaign:
        return world.approve(self.submitted(), self.chief)


def url(campaign: Campaign, page: str) -> str:
    return f"/campaigns/{campaign.pk}/{page}"
