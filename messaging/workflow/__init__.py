"""Every verb of a person on a campaign, on what belongs to one, and on a playbook.

writing         draft, edit, reword                                        messaging.workflow.writing
deciding        submit, withdraw, approve, send_back, reject               messaging.workflow.deciding
running         pause, resume, stop                                        messaging.workflow.running
correcting      correct                                                    messaging.workflow.correcting
topping up      top_up                                                     messaging.workflow.topping
the uncertain   resend, leave                                              messaging.workflow.resending
a drill's end   copy_as_live                                               messaging.workflow.copying
a TEST          send_test                                                  messaging.workflow.testing
an exception    note_exception, renew_exception, revoke_exception          messaging.workflow.excepting
one order       remind, go_on_without, cancel_order                        messaging.workflow.ordering
one by hand     ask, no_reply, answer, tell_totals, tell_stop              messaging.workflow.by_hand
                expect_people, before there is an order                    messaging.workflow.by_hand
a notice        take, called                                               messaging.workflow.answering
a shift         take_over                                                  messaging.workflow.handing
break-glass     break_glass, review                                        messaging.workflow.breaking_glass
a playbook      prepare, revise, approve_playbook, retire                  messaging.workflow.preparing

Verbs on rows of their own stand beside what they are about: those of an account in `messaging.standing`, of a contact card in
`messaging.desks`, of a reply in `messaging.replying`.

Each is atomic, takes the row's lock first, speaks to the database in the person's name, and writes its audit row last: they
rest on `messaging.workflow.moving`. The triggers of migration `0002_rules` hold the same rules at every other door; here they
have sentences.
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
