"""Scratch files of the tests in memory, where the machine offers enough of it as a file system.

The databases and spills of the tests wait for the disk at every commit, as they must; nothing here
pulls the power, so no test needs what is kept by that. On a disk the suite waits for it longer than
it computes.
"""

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - Asked for on purpose, and by name.
# A run leaves a tenth of it; in a container there is often much less.
_ENOUGH_BYTES = 2 * 1024**3


def keep_scratch_in_memory() -> None:
    """Let `tempfile`, pytest and what they start use memory; `TMPDIR` says otherwise."""
    if not os.environ.get("TMPDIR") and _is_fit(_MEMORY):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def _is_fit(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    # Tests write programs and start them.
    runs_programs = not found.f_flag & os.ST_NOEXEC
    has_room = found.f_bavail * found.f_frsize >= _ENOUGH_BYTES
    return runs_programs and has_room and os.access(folder, os.W_OK | os.X_OK)
