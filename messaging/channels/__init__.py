"""The contract every channel keeps, and the registry that makes a channel known.

A channel turns one rendered message and at most `per_request` targets into ONE request, and the platform's answer into
outcomes. It is built from plain values, keeps no state but its session, and knows nothing of Django, campaigns or batches.

To add a channel: its module here, one line in CHANNELS, its simulator, its test. Admin choices, preview and report follow.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import import_module
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

CHANNELS: dict[str, str] = {
    "vk-direct": "messaging.channels.vk.VKDirect",
    "vk-geo": "messaging.channels.delegated.VKGeo",
    "operator-roaming": "messaging.channels.delegated.OperatorRoaming",
    "manual": "messaging.channels.manual.ManualDesk",
}

WORDING = ("why_you", "who", "valid_until", "verify")  # what a text has to keep, whoever sends it
NARROWED = ("subscribers_only", "last_seen_only", "shorter_window", "fewer_people", "one_language")  # what "in part" can mean
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Kind = Literal["addressed", "published", "delegated", "manual"]
OutcomeStatus = Literal["accepted", "failed", "retry", "uncertain"]
OrderStatus = Literal["accepted", "sending", "done", "cancelled", "refused"]
Decided = Literal["", "accepted", "partial", "refused"]
ReportKind = Literal["confirmation", "denied", "allowed", "read", "reply", "order", "ignored"]
ErrorScope = Literal["retry", "uncertain", "pause", "content", "forged"]


@dataclass(frozen=True, slots=True)
class Setup:
    """Plain values a channel is built from. Secrets are values here and are never shown by repr()."""

    base_url: str
    sender: str = ""  # the account's own handle there: a group id, a sender name
    secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    confirmation: str = field(default="", repr=False)
    drill: bool = False
    connect_timeout: float = 3.0  # seconds
    total_timeout: float = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    """Exactly what is sent, in one language.

    `key` is the platform's idempotency key for this set of people: signed 32 bits, never 0, stored before use.
    """

    body: str
    language: str
    key: int


@dataclass(frozen=True, slots=True)
class Target:
    contact: int
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one person after a request.

    `reason` is a stable word such as "901"; `denied` and `dead` change the address.
    """

    contact: int
    status: OutcomeStatus
    reason: str = ""
    provider_ref: str = ""
    denied: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bounds of how many people an order would reach; `withheld` says why there are none.

    `step` is what the source rounds to (0 = not said), `source` who said it when that was not the platform itself.
    """

    lower: int | None
    upper: int | None
    at: datetime
    withheld: str = ""
    step: int = 0
    source: str = ""


def normal(text: str) -> str:
    """The form in which texts are compared: composed letters, LF, no blanks at the ends of lines, no lines at the end."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n")


def text_sha256(texts: Mapping[str, str]) -> str:
    """Hex digest of texts, over canonical JSON of their normal form: approved, ordered and published words compare by it."""
    plain = {language: normal(text) for language, text in texts.items()}
    canonical = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a delegated platform is asked. It has no field for a person, and must never get one."""

    order_id: str  # uuid, also the Idempotency-Key
    exercise: bool
    incident: str  # its title
    incident_reference: str
    texts: Mapping[str, str]  # language → full text
    text_sha256: str
    approved_by: tuple[tuple[str, datetime], ...]  # (role, when) of everybody who answers for it, the author first
    sender_name: str
    audience: Mapping[str, Any]  # the platform dict of the criteria
    include_non_subscribers: bool
    not_before: datetime
    not_after: datetime
    basis_law: str = ""  # only with include_non_subscribers, as the two below
    basis_reason: str = ""
    basis_ends_at: datetime | None = None
    wording: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # language → WORDING → part of the text to keep
    pace: tuple[int, int] | None = None  # at most so many people in so many seconds
    recipients: tuple[str, str] | None = None  # (earlier order_id, also | only | except)
    follows: tuple[str, str] | None = None  # (earlier order_id, correction | update | cancel | all-clear)
    post_url: str = ""  # spread this published post, which says one of the texts, and write no messages


@dataclass(frozen=True, slots=True)
class OrderReport:
    """A platform's word on an order: totals only, rounded by the platform. None = not said.

    `matched` is rounded to `matched_step`, the other totals to `step`; what is under `threshold` is not told. 0 = not said.
    """

    order_id: str
    status: OrderStatus
    at: datetime
    reason: str = ""
    answered_by: str = ""  # a role
    lower: int | None = None
    upper: int | None = None
    matched: int | None = None
    sent: int | None = None
    delivered: int | None = None
    read: int | None = None
    failed: int | None = None
    opted_out: int | None = None
    decision: Decided = ""
    decided_at: datetime | None = None  # by the platform's clock
    narrowed: tuple[str, ...] = ()  # words of NARROWED
    step: int = 0
    matched_step: int = 0
    threshold: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a receipt."""
        decided_at = self.decided_at.isoformat() if self.decided_at else None
        return {**asdict(self), "at": self.at.isoformat(), "decided_at": decided_at}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        decided_at = datetime.fromisoformat(told["decided_at"]) if told.get("decided_at") else None
        at, narrowed = datetime.fromisoformat(told["at"]), tuple(told.get("narrowed", ()))
        return cls(**{**told, "at": at, "decided_at": decided_at, "narrowed": narrowed})


@dataclass(frozen=True, slots=True)
class PostCheck:
    """Whether a platform has a post at an address, and whether it says word for word what is to be said."""

    found: bool
    same: bool
    language: str
    canonical_url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """What a delegated platform says of itself."""

    name: str
    channel: str
    exercise: bool
    knows_by: str  # online_activity | network_registration | app | other
    follows: bool
    amplifies: bool
    counts: str  # accounts | subscribers | people
    matched_step: int
    step: int
    threshold: int
    min_interval: int  # seconds between estimates of different audiences
    max_text: int
    languages: tuple[str, ...]
    recipients: bool  # whether it can write to "who got that order" and to "who did not"
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One inbound event of a webhook. `event_id` is the platform's own; the same id twice is the same event."""

    event_id: str
    kind: ReportKind
    at: datetime
    address: str = field(default="", repr=False)
    provider_ref: str = ""
    text: str = field(default="", repr=False)
    order: OrderReport | None = None


class ChannelError(Exception):
    """A whole request failed. `scope` says what the engine does:

    * retry: provably not sent, or a repeat is harmless; wait `retry_after` seconds (None = the engine's backoff)
    * uncertain: it may have been sent, no answer was understood
    * pause: the account cannot speak (token, ban, captcha): stop it and tell people
    * content: the platform refuses this text: stop the campaign on this account, not the account
    * forged: an inbound message whose signature or secret is wrong

    `reason` is a stable word: the platform's code ("5") or ours ("timeout", "http_503"), never a platform's free text.
    """

    def __init__(self, scope: ErrorScope, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{scope}: {reason}")
        self.scope, self.reason, self.retry_after = scope, reason, retry_after


class Channel:
    """Base of every channel. Used as `async with channel:`, which opens and closes its HTTP session.

    Raises ValueError when built for a drill with a base_url that is not loopback.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[Kind]
    address_kind: ClassVar[str | None] = None  # a name of audiences' address kinds; None = no person is held
    per_request: ClassVar[int] = 1  # people in one request
    per_second: ClassVar[int | None] = None  # requests a second the platform allows; None = no limit known
    concurrency: ClassVar[int] = 1  # requests under way at once on one lane
    resendable_for: ClassVar[int] = 0  # seconds in which an identical request with the same key is harmless
    has_receipts: ClassVar[bool] = False
    max_length: ClassVar[int] = 4096  # characters
    follows: ClassVar[bool] = True  # whether the people it knows can follow us, or only be its own
    amplifies: ClassVar[bool] = False  # whether it can be asked to spread a post that is published already
    networked: ClassVar[bool] = True  # whether it speaks to a machine

    def __init__(self, setup: Setup) -> None:
        if setup.drill and urlsplit(setup.base_url).hostname not in LOOPBACK:
            raise ValueError("A drill account may only speak to a platform on this machine.")
        self.setup = setup

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @classmethod
    def problems(cls, body: str) -> list[tuple[str, dict[str, int]]]:
        """What is wrong with a text on this channel: (code, numbers), said while drafting. Nothing is ever trimmed."""
        over = len(body) - cls.max_length
        return [("too_long", {"over": over, "length": len(body), "limit": cls.max_length})] if over > 0 else []

    @classmethod
    def post_address(cls, url: str) -> str:
        """The one address of the post that `url` names, where it is one of this platform's; else nothing."""
        return ""

    async def send(self, message: Message, targets: Sequence[Target]) -> list[Outcome]:
        """Make at most ONE request. Returns an outcome for every target, in their order.

        Raises ChannelError when the whole request failed, and ValueError for the caller's mistakes: more targets than
        `per_request`, or a key the platform would not remember.
        """
        raise ChannelError("content", "not_addressed")

    def reports(self, body: bytes, headers: Mapping[str, str]) -> list[Report]:
        """Read a webhook. Raises ChannelError: "forged" when signature or secret is wrong, "content" when it cannot be read."""
        raise ChannelError("forged", "no_webhooks")

    async def probe(self) -> str:
        """Ask the platform whether this account can speak. Returns "" or raises ChannelError."""
        return ""


class DelegatedChannel(Channel, ABC):
    """A platform that finds and writes to people by itself: criteria out, rounded totals back."""

    kind = "delegated"

    @abstractmethod
    async def facts(self) -> PlatformFacts:
        """Ask what kind of platform this is. Asking sends nothing."""

    @abstractmethod
    async def estimate(self, audience: Mapping[str, Any], *, include_non_subscribers: bool) -> Estimate:
        """Ask how many people an order would reach. Asking sends nothing."""

    @abstractmethod
    def said(self, request: OrderRequest) -> dict[str, Any]:
        """The JSON in which it is asked for. Raises ChannelError for what may not be asked."""

    @abstractmethod
    async def place(self, order_id: str, said: Mapping[str, Any]) -> OrderReport:
        """Place an order in words that were found before: a repeat is the same bytes, whatever has changed meanwhile."""

    @abstractmethod
    async def status(self, order_id: str) -> OrderReport:
        """Ask how an order stands."""

    @abstractmethod
    async def cancel(self, order_id: str) -> OrderReport:
        """Ask the platform to stop; the report says how many had gone."""

    @abstractmethod
    async def remind(self, order_id: str) -> None:
        """Ask whoever has to decide to look at the order. Harmless, and it changes nothing."""

    @abstractmethod
    async def check_post(self, url: str, hashes: Mapping[str, str]) -> PostCheck:
        """Ask whether the post at `url` says what is meant. `hashes` is language → text_sha256 of that language alone."""


def channel_class(slug: str) -> type[Channel]:
    """The class behind a slug. Raises KeyError for a slug that is not registered."""
    module, _, name = CHANNELS[slug].rpartition(".")
    found: type[Channel] = getattr(import_module(module), name)
    return found
