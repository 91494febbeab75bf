"""Fuses: what makes a message look like a mistake. Faults are refused; doubts only the approver overrides.

`blown` says what to doubt, worst first, in sentences that quote the words. At most `limits.OVERRIDABLE` of them can be
overridden on one message, each with a reason; with more it has to go back to its author.
"""

from __future__ import annotations

from messaging.fuses.doubts import Blown, blown, overridden, too_many
from messaging.fuses.faults import faults

__all__ = ["Blown", "blown", "faults", "overridden", "too_many"]
