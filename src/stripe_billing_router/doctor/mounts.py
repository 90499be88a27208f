"""On what kind of file system a file is, as Linux reports it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# SQLite's locks and its shared memory do not reach over these from one host to another.
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "9p",
     "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone"}
)  # fmt: skip


def network_file_system(path: Path, mountinfo: str) -> str:
    """Return the kind of network file system that `path` is on; empty if it is on none.

    `mountinfo` is the text of /proc/self/mountinfo: its fifth field is where something is mounted,
    with blanks in octal, and the first one after the lone dash is its kind.
    """
    deepest, kind = 0, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        place = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), fields[4]))
        # Of two at the same place the later one hides the other.
        if path.is_relative_to(place) and len(place.parts) >= deepest:
            deepest, kind = len(place.parts), after.split(" ")[0]
    return kind if kind in _NETWORK else ""
