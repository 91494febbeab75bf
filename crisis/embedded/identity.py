"""As whom the embedded servers run. PostgreSQL refuses root, so root's servers run as nobody in one of two ways.

1. In a user namespace of their own, where root's uid looks like 65534: the files stay root's and no path matters.
2. Where the kernel refuses namespaces: really as uid 65534, which must be able to reach the program and the data.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from crisis.embedded import EmbeddedError
from crisis.supervisor import dies_with_parent, libc

NOBODY = 65534
CLONE_NEWUSER = 0x10000000


@dataclass(frozen=True)
class Identity:
    """`uid` owns the servers' files; `way` is how a child becomes it."""

    uid: int
    way: Literal["as we are", "namespace", "setuid"]

    @classmethod
    def choose(cls, data_dir: Path, program: Path) -> Self:
        """Raises EmbeddedError where root has no way to be somebody else."""
        if os.getuid() != 0:
            return cls(os.getuid(), "as we are")
        if namespaces_work():
            return cls(0, "namespace")
        data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | stat.S_IXOTH)  # nobody passes through, reads nothing
        for path in (program, data_dir):
            for folder in path.parents:
                if not folder.stat().st_mode & stat.S_IXOTH:
                    raise EmbeddedError(
                        f"PostgreSQL does not run as root, and here no other user can enter {folder}: "
                        f"move {path} elsewhere, or run the program as an ordinary user."
                    )
        return cls(NOBODY, "setuid")

    def assume(self, last_words: int) -> Callable[[], None]:
        """A `preexec_fn`: the child becomes this identity, then ties its life to ours."""
        tie = dies_with_parent(last_words)  # after the change of uid, which would clear it

        def prepare() -> None:
            if self.way == "namespace":
                enter_namespace()
            elif self.way == "setuid":
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            tie()

        return prepare

    def give(self, path: Path) -> None:
        """Make the tree below `path` ours: the way may have changed since it was written."""
        if os.getuid() == 0 and path.stat().st_uid != self.uid:
            for folder, _, files in os.walk(path):
                for entry in (folder, *(os.path.join(folder, name) for name in files)):
                    os.chown(entry, self.uid, self.uid, follow_symlinks=False)

    def own_directory(self, path: Path) -> None:
        """Make the directory of the sockets, or check that nobody else made it. Raises EmbeddedError."""
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        ours = {os.getuid(), NOBODY if os.getuid() == 0 else os.getuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or stat.S_IMODE(found.st_mode) != 0o700:
            raise EmbeddedError(f"{path} is not a private directory of ours (mode 0700): remove it, then start again.")
        if found.st_uid != self.uid:
            os.chown(path, self.uid, self.uid)


def namespaces_work() -> bool:
    """Try it in a child: a namespace cannot be left again."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            enter_namespace()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def enter_namespace() -> None:
    """Become 65534 in a new user namespace that knows no other user. Raises OSError."""
    if libc.unshare(CLONE_NEWUSER):
        raise OSError("no user namespace")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{NOBODY} 0 1"), ("gid_map", f"{NOBODY} 0 1")):
        Path(f"/proc/self/{name}").write_text(line)
