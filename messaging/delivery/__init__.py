"""Every verb of the machine: start (snapshot), claim, send, record, settle, sweep. Never calls a person's verb.

start       freeze who gets it, in one transaction              messaging.delivery.starting, .freezing
following   no person gets a correction before its original     messaging.delivery.following
turns       a campaign's own pace                               messaging.delivery.turns
excepting   nothing begins outside an exception                 messaging.delivery.excepting
pump        claim a batch, send it, record what is known        messaging.delivery.pumping, .claiming, .sending, .recording
pacing      how often a lane may ask                            messaging.delivery.pacing
trouble     a platform refuses an account or a text             messaging.delivery.trouble
breaker     an account that nobody answers rests                messaging.delivery.breaker
orders      ask, follow and cancel what platforms send          messaging.delivery.orders
replies     answer once to a person who wrote back              messaging.delivery.replies
resend      to people of whom nobody knows whether they got it  messaging.delivery.resending
settle      apply receipts                                      messaging.delivery.settling
sweep       everything that is due and nobody does              messaging.delivery.sweeping
destroying  what is held of a closed incident                   messaging.delivery.destroying
restoring   after a restore nothing is sent again by itself     messaging.delivery.restoring
"""

from __future__ import annotations

from messaging.delivery.excepting import is_over
from messaging.delivery.following import begin
from messaging.delivery.freezing import asked_again
from messaging.delivery.pumping import pump
from messaging.delivery.resending import hindrance, send_again
from messaging.delivery.sending import leaving
from messaging.delivery.settling import settle
from messaging.delivery.starting import Held, add, cancel_placed, close_open, finish, grown, ring, start
from messaging.delivery.sweeping import sweep, sweep_alone

__all__ = [
    "Held", "add", "asked_again", "begin", "cancel_placed", "close_open", "finish", "grown", "hindrance", "is_over", "leaving",
    "pump", "ring", "send_again", "settle", "start", "sweep", "sweep_alone",
]  # fmt: skip
