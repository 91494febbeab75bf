"""The data of messaging: how we speak (accounts), what is said (campaigns), to whom and with what effect (ledger)."""

from __future__ import annotations

from messaging.models.accounts import Account, Lane
from messaging.models.campaigns import (
    LIVE,
    STOPPABLE,
    TRANSITIONS,
    Approval,
    Author,
    Campaign,
    Kind,
    Part,
    Rendering,
    Status,
    Text,
)
from messaging.models.ledger import Batch, Delivery, DeliveryRef, Order, Receipt, Reply

__all__ = [
    "LIVE",
    "STOPPABLE",
    "TRANSITIONS",
    "Account",
    "Approval",
    "Author",
    "Batch",
    "Campaign",
    "Delivery",
    "DeliveryRef",
    "Kind",
    "Lane",
    "Order",
    "Part",
    "Receipt",
    "Rendering",
    "Reply",
    "Status",
    "Text",
]
