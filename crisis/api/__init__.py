"""The interface of programs: its door with keys, strict JSON, problems in one shape, and answers that are given once.

The routes are those of the apps above: `messaging.api`.
"""

from __future__ import annotations

from crisis.api.door import Key, api, caller, patterns
from crisis.api.once import once
from crisis.api.problems import REFUSALS, said

__all__ = ["REFUSALS", "Key", "api", "caller", "once", "patterns", "said"]
