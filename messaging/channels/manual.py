"""A duty desk that people ask: by telephone, by letter, in person. No machine speaks to it, and it speaks to none of ours."""

from __future__ import annotations

from messaging.channels import Channel


class ManualDesk(Channel):
    """Somebody else writes to people or calls them, on our word: hotels, tour operators, a tree of wardens."""

    slug = "manual"
    label = "By hand: a duty desk, by phone or letter"
    kind = "manual"
    networked = False
