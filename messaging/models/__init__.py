"""The data of messaging: how we speak (accounts), what is said (campaigns), to whom and with what effect (ledger)."""

from __future__ import annotations

from messaging.models.accounts import Account, Lane
from messaging.models.campaigns import (
    LIVE,
    NEVER_BEGUN,
    STOPPABLE,
    TRANSITIONS,
    Approval,
    Author,
    Campaign,
    Kind,
    Part,
    Reached,
    Rendering,
    Status,
    Text,
    WhenUncertain,
)
from messaging.models.exceptions import ExceptionTerm, ReachException
from messaging.models.kept import ReasonTotal
from messaging.models.ledger import FIRST, Batch, Delivery, DeliveryRef, Receipt, Reply
from messaging.models.notices import Notice, Round
from messaging.models.orders import NARROWED, TOTALS, Card, Order, OrderWord, Told
from messaging.models.playbooks import GlassBreak, Playbook, PlaybookApproval, PlaybookVersion

__all__ = [
    "FIRST",
    "LIVE",
    "NARROWED",
    "NEVER_BEGUN",
    "STOPPABLE",
    "TOTALS",
    "TRANSITIONS",
    "Account",
    "Approval",
    "Author",
    "Batch",
    "Campaign",
    "Card",
    "Delivery",
    "DeliveryRef",
    "ExceptionTerm",
    "GlassBreak",
    "Kind",
    "Lane",
    "Notice",
    "Order",
    "OrderWord",
    "Part",
    "Playbook",
    "PlaybookApproval",
    "PlaybookVersion",
    "ReachException",
    "Reached",
    "ReasonTotal",
    "Receipt",
    "Rendering",
    "Reply",
    "Round",
    "Status",
    "Text",
    "Told",
    "WhenUncertain",
]
