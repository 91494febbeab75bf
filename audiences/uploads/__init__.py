"""Files between upload and import: kept encrypted for their importer alone, looked at whole, then stored piece by piece.

* `keeping` takes a file in, in encrypted parts of some thousand rows, and forgets it
* `looking` finds what is wrong in it, a part at a time, and writes nothing elsewhere
* `showing` gives the file's own rows with what is wrong in them
* `storing` imports it on its importer's word, a piece at a time, each with the place it came to in one transaction
* `working` goes on with files that are too large for a request, whatever died meanwhile

No step holds more than one piece of a file in memory.
"""

from __future__ import annotations

from audiences.uploads.keeping import keep
from audiences.uploads.parts import KEPT
from audiences.uploads.showing import bad_rows, shown_rows
from audiences.uploads.storing import AT_ONCE, cancel, confirm
from audiences.uploads.working import forget, work_alone

__all__ = ["AT_ONCE", "KEPT", "bad_rows", "cancel", "confirm", "forget", "keep", "shown_rows", "work_alone"]
