"""VK: messages of a community to people who allowed them (messages.send), and VK's Callback API.

Not here: the community's wall, and the messages VK sends by itself by country (delegated.py).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from messaging.channels import ChannelError, Message, Outcome, Report, Target
from messaging.channels.http import HttpChannel, read_object, take_int, take_object, take_text

VERSION = "5.199"

# Codes of a whole call. The call with an unlisted code may have had its effect: it is "uncertain".
BUSY = frozenset({6})  # more than 20 calls in a second: refused before it was looked at
PAUSE = frozenset({5, 7, 9, 14, 15, 17, 20, 23, 27, 29, 42, 944, 984, 985, 1117})
TOO_LARGE = 2**63  # a message id from here on is no message id
CONTENT = frozenset({100, 911, 913, 914, 921, 940, 943})

# Codes of one person inside a call that went well. An unlisted one is "uncertain": a repeat under the same key settles it.
NEVER_ALLOWED = frozenset({900, 901})  # has blacklisted the community; never allowed messages, or took it back
GONE = frozenset({18})
FINAL = NEVER_ALLOWED | GONE | CONTENT | frozenset({7, 15, 902, 917, 922, 925, 932, 936, 945, 946, 950, 983, 987, 988})
LATER = frozenset({1, 6, 9, 10, 36}) | (PAUSE - FINAL)

# VK's documentation calls a person's error a string, its schema an object. The texts are those of its list of errors.
KNOWN_TEXTS = (
    ("blacklist", 900),
    ("without permission", 901),
    ("privacy settings", 902),
    ("deleted or banned", 18),
    ("contact not found", 936),
    ("flood control", 9),
    ("too many requests", 6),
    ("internal server error", 10),
    ("unknown error occurred", 1),
)


class VKDirect(HttpChannel):
    """Messages in a community's name to people by their VK id. `setup.sender` is the community's id, digits only."""

    slug = "vk-direct"
    label = "VK: messages"
    kind = "addressed"
    address_kind = "vk"
    per_request = 100
    per_second = 20
    resendable_for = 3000  # VK compares random_id for an hour and at most 100 messages of a dialog; 50 minutes leave a margin
    has_receipts = True

    async def send(self, message: Message, targets: Sequence[Target]) -> list[Outcome]:
        if len(targets) > self.per_request:
            raise ValueError(f"At most {self.per_request} people go into one request, not {len(targets)}.")
        if message.key == 0 or not -(2**31) <= message.key < 2**31:
            raise ValueError("VK needs a key that is a signed 32-bit number other than 0, or it would not know a repeat.")
        peers = {target.contact: _peer(target.address) for target in targets}
        asked = list(dict.fromkeys(peer for peer in peers.values() if peer))
        answers = await self._deliver(message, asked) if asked else {}
        return [_outcome(target.contact, peers[target.contact], answers) for target in targets]

    async def probe(self) -> str:
        """Ask which community the token belongs to; another one than `setup.sender` would speak in a stranger's name."""
        found = await self._ask("groups.getById", {})
        groups = found.get("groups") if isinstance(found, dict) else found
        ids = [str(group.get("id")) for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
        if not ids:
            raise ChannelError("uncertain", "unreadable")
        if self.setup.sender and self.setup.sender not in ids:
            raise ChannelError("pause", "another_community")
        return ""

    def reports(self, body: bytes, headers: Mapping[str, str]) -> list[Report]:
        try:
            event = read_object(body)
            self._authenticate(event)
            return [self._report(event)]
        except ValueError:
            raise ChannelError("content", "unreadable") from None

    async def _deliver(self, message: Message, peers: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The answer's item of each peer. Of two items for one peer the first counts."""
        fields = {
            "peer_ids": ",".join(map(str, peers)),
            "random_id": str(message.key),
            "message": message.body,
            "dont_parse_links": "1",
            "disable_mentions": "1",
        }
        found = await self._ask("messages.send", fields)
        if not isinstance(found, list):
            raise ChannelError("uncertain", "unreadable")
        items: dict[int, dict[str, Any]] = {}
        for item in found:
            if isinstance(item, dict) and type(item.get("peer_id")) is int:
                items.setdefault(item["peer_id"], item)
        return items

    async def _ask(self, method: str, fields: Mapping[str, str]) -> Any:
        """What VK says under `response`. Raises ChannelError for an `error`, an HTTP refusal or an unreadable answer."""
        form = urlencode({**fields, "v": VERSION, "access_token": self.setup.secret})
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = await self.call("POST", f"/method/{method}", form.encode(), kind)
        if answer.status >= 400:  # VK itself refuses with 200: this is a proxy, or not VK
            raise ChannelError("pause", f"http_{answer.status}")
        try:
            found = read_object(answer.body)
        except ValueError:
            raise ChannelError("uncertain", "unreadable") from None
        if "error" in found:
            raise _refusal(found["error"])
        return found.get("response")

    def _authenticate(self, event: Mapping[str, Any]) -> None:
        """Raises ChannelError("forged") unless the event carries our secret; with no secret set every event is forged."""
        said, ours = event.get("secret"), self.setup.webhook_secret
        given = said.encode(errors="surrogatepass") if isinstance(said, str) else b""
        if not hmac.compare_digest(given, ours.encode()) or not ours:
            raise ChannelError("forged", "wrong_secret")

    def _report(self, event: Mapping[str, Any]) -> Report:
        kind, now = take_text(event, "type"), datetime.now(UTC)
        if str(take_int(event, "group_id")) != self.setup.sender:
            raise ChannelError("content", "another_community")
        if kind == "confirmation":  # VK's own example of this one has no event_id
            if not self.setup.confirmation:
                raise ChannelError("content", "no_confirmation")
            return Report("confirmation", "confirmation", now, text=self.setup.confirmation)
        event_id = take_text(event, "event_id")
        match kind:
            case "message_deny" | "message_allow":
                person = take_int(take_object(event, "object"), "user_id")
                return Report(event_id, "denied" if kind == "message_deny" else "allowed", now, address=str(person))
            case "message_read":
                return _read_report(event_id, take_object(event, "object"), now)
            case "message_new":
                return _reply(event_id, take_object(event, "object"), now)
        return Report(event_id, "ignored", now)


def _peer(address: str) -> int | None:
    """The id of a person. Chats begin at 2 000 000 001 and communities are negative: neither is written to."""
    peer = int(address) if re.fullmatch(r"[1-9][0-9]{0,9}", address) else 0
    return peer if 0 < peer <= 2_000_000_000 else None


def _outcome(contact: int, peer: int | None, answers: Mapping[int, Mapping[str, Any]]) -> Outcome:
    if peer is None:
        return Outcome(contact, "failed", "bad_address")
    item = answers.get(peer)
    if item is None:
        return Outcome(contact, "retry", "not_answered")
    if item.get("error") is not None:
        return _refused(contact, _code(item["error"]))
    ref = item.get("message_id")
    if type(ref) is not int or not 0 < ref < TOO_LARGE:
        return Outcome(contact, "uncertain", "unreadable")
    return Outcome(contact, "accepted", provider_ref=str(ref))


def _refused(contact: int, code: int | str | None) -> Outcome:
    if code in LATER:
        return Outcome(contact, "retry", str(code))
    if code in FINAL or code == "refused":
        return Outcome(contact, "failed", str(code), denied=code in NEVER_ALLOWED, dead=code in GONE)
    return Outcome(contact, "uncertain", "unreadable" if code is None else str(code))


def _code(error: object) -> int | str | None:
    """A person's error as its code; "refused" for a text we do not know; None for what is no error at all."""
    if isinstance(error, dict):
        code = error.get("code")
        return code if type(code) is int else None
    if not isinstance(error, str):
        return None
    return next((code for text, code in KNOWN_TEXTS if text in error.lower()), "refused")


def _refusal(error: object) -> ChannelError:
    code = error.get("error_code") if isinstance(error, dict) else None
    if type(code) is not int:
        return ChannelError("uncertain", "unreadable")
    if code in BUSY:
        return ChannelError("retry", str(code), retry_after=1.0)
    return ChannelError("pause" if code in PAUSE else "content" if code in CONTENT else "uncertain", str(code))


def _read_report(event_id: str, found: Mapping[str, Any], now: datetime) -> Report:
    person, last = take_int(found, "from_id"), take_int(found, "read_message_id")
    return Report(event_id, "read", now, address=str(person), provider_ref=str(last))


def _reply(event_id: str, found: Mapping[str, Any], now: datetime) -> Report:
    """A person's own words to the community, which also allow messages; ignored in chats and from communities."""
    message = take_object(found, "message") if "message" in found else found  # before 5.103 the object was the message
    sender = take_int(message, "from_id", low=-(2**63))
    if sender <= 0 or message.get("peer_id", sender) != sender or message.get("out"):
        return Report(event_id, "ignored", now)
    at = datetime.fromtimestamp(take_int(message, "date", high=2**33), UTC) if "date" in message else now
    ref = str(take_int(message, "id", low=0)) if "id" in message else ""
    return Report(
        event_id, "reply", at, address=str(sender), provider_ref=ref, text=take_text(message, "text", least=0, most=20_000)
    )
