"""Every verb of a person on a campaign: draft, edit, submit, withdraw, approve, send_back, reject, pause,
resume, stop, correct, top_up, resend, leave. On one order of it: remind, go_on_without, cancel_order.
And the answers to a notice: take, called; and of a shift: take_over.

Each is atomic, takes the row's lock first, speaks to the database in the person's name, and writes its audit row last. The
triggers of migration `0002_rules` hold the same rules at every other door; here they have sentences.
"""

from __future__ import annotations

from messaging.workflow.answering import called, take
from messaging.workflow.copying import copy_as_live
from messaging.workflow.correcting import correct
from messaging.workflow.deciding import approve, reject, send_back, submit, withdraw
from messaging.workflow.excepting import note_exception, renew_exception, revoke_exception
from messaging.workflow.handing import take_over
from messaging.workflow.moving import acting
from messaging.workflow.ordering import cancel_order, go_on_without, remind
from messaging.workflow.resending import leave, resend, uncertain
from messaging.workflow.running import pause, resume, stop
from messaging.workflow.testing import send_test
from messaging.workflow.topping import newcomers, top_up
from messaging.workflow.writing import Draft, draft, edit, reword

__all__ = [
    "Draft", "acting", "approve", "called", "cancel_order", "copy_as_live", "correct", "draft", "edit", "go_on_without",
    "leave", "newcomers", "note_exception", "pause", "reject", "remind", "renew_exception", "resend", "resume",
    "revoke_exception", "reword", "send_back", "send_test", "stop", "submit", "take", "take_over", "top_up", "uncertain",
    "withdraw",
]  # fmt: skip
