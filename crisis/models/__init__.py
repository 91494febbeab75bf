"""People and incidents: who works here, what happened where, what was done, and the log that proves it."""

from __future__ import annotations

from crisis.models.audit import AdminAction, AuditEntry
from crisis.models.clients import FEEDING, ApiAnswer, ApiClient, ApiKey, Scope
from crisis.models.destruction import DailyDuty, Destruction
from crisis.models.devices import DeviceKey
from crisis.models.duty import Duty
from crisis.models.facts import Fact
from crisis.models.incidents import Category, Certainty, Coverage, Incident, LogEntry, Severity, Urgency
from crisis.models.people import Country, Mission, User
from crisis.models.sessions import Session

__all__ = [
    "FEEDING", "AdminAction", "ApiAnswer", "ApiClient", "ApiKey", "AuditEntry", "Category", "Certainty", "Country", "Coverage",
    "DailyDuty", "Destruction", "DeviceKey", "Duty", "Fact",
    "Incident", "LogEntry", "Mission", "Scope", "Session", "Severity", "Urgency", "User",
]  # fmt: skip
