"""Which process holds an operation: host, process id and start time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """One process on one host. `started` distinguishes it from a later process with the same id."""

    host: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started}"


def parse_holder(text: str) -> Holder | None:
    """Read a holder back from a lease, or return None where it is not one."""
    host, _, rest = text.partition("/")
    pid, _, rest = rest.partition("/")
    started = rest.partition("/")[0]
    return Holder(host, int(pid), started) if host and pid.isdecimal() else None
