"""Which process this is, and whether another on this host is alive."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

from ..core.holder import Holder


def current_process() -> Holder:
    """Return the holder that represents this process."""
    return _process(os.getpid())


@lru_cache(maxsize=1)
def _process(pid: int) -> Holder:
    # None of this changes while a process lives, and each call of a bot needs it; a fork has
    # another id.
    return Holder(_host_name(), pid, _started(pid) or "0")


def is_alive(holder: Holder) -> bool:
    """Return whether a holder on this host still runs; a reused process id does not count."""
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and belongs to another user
    started = _started(holder.pid)
    return started is None or started == holder.started


def _host_name() -> str:
    # The boot id distinguishes machines with the same name (containers, images).
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        boot = "0"
    return f"{socket.gethostname()}-{boot}".replace("/", "_")


def _started(pid: int) -> str | None:
    """Return the kernel's start time of a process, where the system reports it (Linux)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]
