"""Files that people bring: contacts, their addresses, and where they were seen.

Two steps. `read` checks every cell and writes nothing; its result shows what is wrong, cell by cell. `apply` stores the good
rows in one transaction. An address that belongs to another contact is an error row, never a merge.
"""

from __future__ import annotations

from audiences.imports.applying import Imported, apply
from audiences.imports.bringing import bring
from audiences.imports.columns import COLUMNS, FileKind
from audiences.imports.reading import Parsed, RowError, read

__all__ = ["COLUMNS", "FileKind", "Imported", "Parsed", "RowError", "apply", "bring", "read"]
