"""Waking the people who may decide, over a path of its own: nothing here uses a channel, an account or a campaign's worker.

plan      who is told when, written with the submission       messaging.escalation.planning
review    who is told of what one person sent alone           messaging.escalation.planning
stands    who was told, who has it, who is next               messaging.escalation.planning
letters   what a notice says                                  messaging.escalation.letters
tell      send what is due                                    messaging.escalation.sending
"""

from __future__ import annotations

from messaging.escalation.planning import Stand, eligible, phone_of, plan, plan_review, postpone, review_notices, stand_of
from messaging.escalation.sending import offered, tell

__all__ = ["Stand", "eligible", "offered", "phone_of", "plan", "plan_review", "postpone", "review_notices", "stand_of", "tell"]
