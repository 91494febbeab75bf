"""Platforms on loopback that keep the real contracts, for rehearsals, the demo, drills and tests.

They are met over the wire only: nothing imports them, and they import nothing of ours. Each is started with
`python -m messaging.simulators.<name> --port 0 --log FILE`, says `listening http://127.0.0.1:PORT`, is steered over /control.
"""

from __future__ import annotations
