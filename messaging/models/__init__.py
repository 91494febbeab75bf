"""The data of messaging: how we speak (accounts), what is said (campaigns), to whom and with what effect (ledger)."""

from __future__ import annotations

from messaging.models.accounts import Account, Lane
from messaging.models.campaigns import (
    BEFORE_SENDING,
    CUT_SHORT,
    NEVER_BEGUN,
    OVER,
    RUNNING,
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
from messaging.models.ledger import CLOSED_BATCHES, FIRST, OPEN_BATCHES, Batch, Delivery, DeliveryRef, Receipt, Reply
from messaging.models.notices import Notice, Round
from messaging.models.orders import NARROWED, TOTALS, Card, Order, OrderWord, Told
from messaging.models.playbooks import GlassBreak, Playbook, PlaybookApproval, PlaybookVersion

__all__ = [
    "BEFORE_SENDING",
    "CLOSED_BATCHES",
    "CUT_SHORT",
    "FIRST",
    "NARROWED",
    "NEVER_BEGUN",
    "OPEN_BATCHES",
    "OVER",
    "RUNNING",
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
