"""The VK API methods the simulator knows, as VK's schema 5.199 and its current documentation describe them.

Values in, an answer and its journal lines out: no HTTP here, and nothing is written here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from messaging.simulators.vk_people import Clock, Dialogs, People, Rate, Sent

MAX_PEERS: Final = 100
MAX_LENGTH: Final = 4096  # the documentation's figure; the schema still says 9000
INTENTS: Final = {
    "account_update",
    "bot_ad_invite",
    "bot_ad_promo",
    "confirmed_notification",
    "customer_support",
    "default",
    "finance_notification",
    "game_notification",
    "moderated_newsletter",
    "non_promo_newsletter",
    "promo_newsletter",
    "purchase_update",
}
MESSAGES: Final = {
    1: "Unknown error occurred",
    3: "Unknown method passed",
    5: "User authorization failed",
    6: "Too many requests per second",
    7: "Permission to perform this action is denied",
    8: "Invalid request",
    9: "Flood control",
    10: "Internal server error",
    14: "Captcha needed",
    15: "Access denied",
    18: "User was deleted or banned",
    27: "Group authorization failed",
    29: "Rate limit reached",
    100: "One of the parameters specified was missing or invalid",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    902: "Can't send messages to this user due to their privacy settings",
    914: "Message is too long",
    917: "You don't have access to this chat",
    1117: "Access token has expired",
}


class VkError(Exception):
    """A refusal of the whole call."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = code
        self.message = ": ".join(part for part in (MESSAGES.get(code, "Error"), detail) if part)
        super().__init__(self.message)


@dataclass
class Answer:
    """What VK says, and what the journal must say first. `accepted` are the new messages, for those who read them later."""

    body: Any = None
    result: str = "ok"
    peers: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[tuple[int, int, Sent]] = field(default_factory=list)


class Api:
    """The methods, for the groups behind `tokens` (token → group id)."""

    def __init__(self, tokens: Mapping[str, int], confirmations: Callable[[int], str]) -> None:
        self.tokens, self.confirmations = tokens, confirmations
        self.clock, self.people, self.dialogs, self.rate = Clock(), People(), Dialogs(), Rate(20)
        self.string_errors = False
        self.methods: dict[str, Callable[[int, Mapping[str, str], Answer], Any]] = {
            "messages.send": self._send,
            "messages.isMessagesFromGroupAllowed": self._is_allowed,
            "groups.getById": self._groups,
            "groups.getCallbackConfirmationCode": self._confirmation,
        }

    def call(self, method: str, params: Mapping[str, str], forced: int = 0) -> Answer:
        """Answer one call. `forced` is an error code ordered by a test, given before anything is looked at."""
        answer = Answer()
        try:
            if forced:
                raise VkError(forced)
            group_id = self._admit(params)
            if method not in self.methods:
                raise VkError(3)
            answer.body = {"response": self.methods[method](group_id, params, answer)}
        except VkError as error:
            answer.body = {"error": _envelope(error, method, params)}
            answer.result = f"error:{error.code}"
        return answer

    def _admit(self, params: Mapping[str, str]) -> int:
        version = re.fullmatch(r"5\.(\d{2,3})", params.get("v", ""))
        if not version:
            raise VkError(8, "v (version) is required")
        if not 90 <= int(version[1]) <= 199:
            raise VkError(8, "this simulator speaks versions 5.90 to 5.199")
        token = params.get("access_token", "")
        if token not in self.tokens:
            raise VkError(5, "invalid access_token (4).")
        if not self.rate.admit(token):
            raise VkError(6)
        return self.tokens[token]

    def _send(self, group_id: int, params: Mapping[str, str], answer: Answer) -> Any:
        many, peers = _peers(params)
        answer.peers = len(peers)
        random_id = _random_id(params)
        text = _text(params)
        _own_group(group_id, params)
        if params.get("intent", "default") not in INTENTS:
            raise VkError(100, "intent is not one of the known intents")
        items = [self._send_one(group_id, peer_id, random_id, text, answer) for peer_id in peers]
        if many:
            return items
        if code := answer.lines[0]["code"]:
            raise VkError(code)
        return items[0]["message_id"]

    def _send_one(self, group_id: int, peer_id: int, random_id: int, text: str, answer: Answer) -> dict[str, Any]:
        code = self.people.refusal(peer_id)
        sent, new = (None, False) if code else self.dialogs.take(group_id, peer_id, random_id, self.clock.now())
        line: dict[str, Any] = {"kind": "refused" if code else "accepted" if new else "repeat", "group": group_id}
        line |= {"peer_id": peer_id, "random_id": random_id, "message_id": sent and sent.message_id, "code": code or None}
        answer.lines.append(line | {"text_sha256": hashlib.sha256(text.encode()).hexdigest()})
        if sent is None:
            return {"peer_id": peer_id, "message_id": 0, "conversation_message_id": 0, "error": self._peer_error(code)}
        if new:
            answer.accepted.append((group_id, peer_id, sent))
        return {"peer_id": peer_id, "message_id": sent.message_id, "conversation_message_id": sent.number}

    def _peer_error(self, code: int) -> Any:
        return MESSAGES[code] if self.string_errors else {"code": code, "description": MESSAGES[code]}

    def _is_allowed(self, group_id: int, params: Mapping[str, str], _: Answer) -> Any:
        _own_group(group_id, params, required=True)
        return {"is_allowed": 0 if self.people.refusal(_positive(params, "user_id")) else 1}

    def _groups(self, group_id: int, params: Mapping[str, str], _: Answer) -> Any:
        named = params.get("group_ids") or params.get("group_id") or str(group_id)
        known = {name: one for one in self.tokens.values() for name in (str(one), f"club{one}")}
        found = [known[name] for name in dict.fromkeys(named.split(",")) if name in known]
        if not found:
            raise VkError(100, "group_ids is undefined")
        return {"groups": [_group(one) for one in found], "profiles": []}

    def _confirmation(self, group_id: int, params: Mapping[str, str], _: Answer) -> Any:
        _own_group(group_id, params, required=True)
        return {"code": self.confirmations(group_id)}


def _envelope(error: VkError, method: str, params: Mapping[str, str]) -> dict[str, Any]:
    shown = {"method": method, "oauth": "1", **{key: value for key, value in params.items() if key != "access_token"}}
    body: dict[str, Any] = {"inner_type": "base_error", "error_code": error.code, "error_msg": error.message}
    if error.code == 14:
        body |= {"captcha_sid": "239633676097", "captcha_img": "https://api.vk.ru/captcha.php?sid=239633676097&s=1"}
    return body | {"request_params": [{"key": key, "value": value} for key, value in shown.items()]}


def _peers(params: Mapping[str, str]) -> tuple[bool, list[int]]:
    """Whom a call names, and whether it asks for the answer with a line for each."""
    if "user_ids" in params:
        raise VkError(100, "user_ids is forbidden since 5.138, use peer_ids")
    if "peer_ids" in params:
        peers = [_integer("peer_ids", one) for one in params["peer_ids"].split(",")]
    elif "peer_id" in params or "user_id" in params:
        peers = [_positive(params, "peer_id" if "peer_id" in params else "user_id")]
    else:
        raise VkError(100, "you should specify peer_id, user_id, domain, chat_id or user_ids param")
    if len(peers) > MAX_PEERS:
        raise VkError(100, f"peer_ids should be less or equal to {MAX_PEERS}")
    if min(peers) < 1:
        raise VkError(100, "peer_ids contains an invalid peer")
    return "peer_ids" in params, peers


def _random_id(params: Mapping[str, str]) -> int:
    if "random_id" not in params:
        raise VkError(100, "random_id is a required parameter")
    random_id = _integer("random_id", params["random_id"])
    if not -(2**31) <= random_id < 2**31:
        raise VkError(100, "random_id not int32")
    return random_id


def _text(params: Mapping[str, str]) -> str:
    text = params.get("message", "")
    if not text.strip() and not params.get("attachment"):
        raise VkError(100, "message is empty or invalid")
    if len(text) > MAX_LENGTH:
        raise VkError(914)
    return text


def _own_group(group_id: int, params: Mapping[str, str], *, required: bool = False) -> None:
    if required or "group_id" in params:
        named = _positive(params, "group_id")
        if named != group_id:
            raise VkError(15, "no access to this group")


def _positive(params: Mapping[str, str], name: str) -> int:
    number = _integer(name, params.get(name, ""))
    if number < 1:
        raise VkError(100, f"{name} not positive")
    return number


def _integer(name: str, value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise VkError(100, f"{name} not integer")
    return int(value)


def _group(group_id: int) -> dict[str, Any]:
    page = {"id": group_id, "name": "Situational Crisis Center (simulated)", "screen_name": f"club{group_id}"}
    return {**page, "is_closed": 0, "type": "page"}
