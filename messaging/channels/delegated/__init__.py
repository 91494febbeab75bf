"""Platforms that find and write to people by themselves: criteria out, rounded totals back, over a contract of ours.

The contract is the document `contract/orders-v1.json`, which the console publishes. No platform keeps it yet. It is built so
that no person's identifier can come in by any answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from messaging.channels import (
    ChannelError,
    DelegatedChannel,
    Estimate,
    OrderReport,
    OrderRequest,
    PlatformFacts,
    PostCheck,
    Report,
    text_sha256,
)
from messaging.channels.delegated import reading, saying
from messaging.channels.delegated.reading import same, understood
from messaging.channels.http import HttpChannel, read_object


class OrderChannel(HttpChannel, DelegatedChannel):
    """A platform that keeps the contract. `setup.sender` is our name there, `setup.secret` signs what we ask."""

    kind = "delegated"
    resendable_for = 86_400  # an order's uuid is its key for as long as the order is known

    async def estimate(self, audience: Mapping[str, Any], *, include_non_subscribers: bool) -> Estimate:
        asked = saying.estimate(self.setup.sender, audience, include_non_subscribers=include_non_subscribers)
        return understood(reading.estimate, await self._ask("POST", "/v1/estimates", asked))

    async def facts(self) -> PlatformFacts:
        return understood(reading.facts, await self._ask("GET", "/v1/platform"))

    def said(self, request: OrderRequest) -> dict[str, Any]:
        if request.include_non_subscribers and not (request.basis_law and request.basis_reason and request.basis_ends_at):
            raise ChannelError("content", "no_legal_basis")
        if request.text_sha256 != text_sha256(request.texts):
            raise ChannelError("content", "text_not_approved")
        return saying.order(self.setup.sender, request)

    async def place(self, order_id: str, said: Mapping[str, Any]) -> OrderReport:
        if said["exercise"] != self.setup.drill:
            raise ValueError("An exercise is ordered by a drill's account, and nothing else is.")
        return same(order_id, await self._ask("POST", "/v1/orders", said, {"Idempotency-Key": order_id}))

    async def status(self, order_id: str) -> OrderReport:
        return same(order_id, await self._ask("GET", f"/v1/orders/{quote(order_id, safe='')}"))

    async def cancel(self, order_id: str) -> OrderReport:
        return same(order_id, await self._ask("POST", f"/v1/orders/{quote(order_id, safe='')}/cancel"))

    async def remind(self, order_id: str) -> None:
        await self._ask("POST", f"/v1/orders/{quote(order_id, safe='')}/reminders")

    async def check_post(self, url: str, hashes: Mapping[str, str]) -> PostCheck:
        found = await self._ask("POST", "/v1/posts", {"url": url, "text_sha256": dict(hashes)})
        return understood(partial(reading.post_check, url, hashes), found)

    async def probe(self) -> str:
        """Ask what kind of platform this is: it answers only who signs as it knows us. A drill's must be one of drills."""
        facts = await self.facts()
        if facts.exercise != self.setup.drill:
            raise ChannelError("pause", "exercise_mismatch")
        if facts.channel != self.slug:
            raise ChannelError("pause", "another_platform")
        return ""

    def reports(self, body: bytes, headers: Mapping[str, str]) -> list[Report]:
        self._authenticate(body, headers)
        try:
            return [reading.event(read_object(body))]
        except ValueError:
            raise ChannelError("content", "unreadable") from None

    def _authenticate(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises ChannelError("forged") unless the body is signed with our webhook secret and not older than five minutes."""
        try:
            Webhook(self.setup.webhook_secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError, IndexError):
            raise ChannelError("forged", "wrong_signature") from None

    async def _ask(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object of a 2xx answer. Raises ChannelError for everything else."""
        body = b"" if asked is None else saying.canonical(asked)
        signed = {
            "Content-Type": "application/json",
            **saying.signature(self.setup.secret, method, self.url(path).raw_path, body),
            **(headers or {}),
        }
        answer = await self.call(method, path, body, signed)
        if answer.status >= 400:
            raise reading.refusal(answer, path)
        try:
            return read_object(answer.body)
        except ValueError:
            raise ChannelError("uncertain", "unreadable") from None


VK_HOSTS = frozenset({"vk.com", "vk.ru"})
VK_POST = re.compile(r"(?:^|[/=])(wall-?\d+_\d+)(?:$|[&/%?])", re.ASCII)


class VKGeo(OrderChannel):
    """VK writes to everybody it saw in a country."""

    slug = "vk-geo"
    label = "VK: sends by itself by country"
    amplifies = True

    @classmethod
    def post_address(cls, url: str) -> str:
        """VK shows a post at its own address, and over a page of its group: "…?w=wall-1_2"."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
        except ValueError:
            return ""
        found = VK_POST.search(parts.path) or VK_POST.search(parts.query)
        plain = parts.scheme == "https" and host in VK_HOSTS and parts.netloc.lower() == parts.hostname
        return f"https://vk.com/{found[1]}" if plain and found else ""


class OperatorRoaming(OrderChannel):
    """A mobile operator writes to its subscribers registered in a country's networks. They follow nobody: they are its own."""

    slug = "operator-roaming"
    label = "Mobile operator: writes to its subscribers abroad"
    follows = False
    max_length = 670  # ten parts of 67 characters
