"""What can be served on a port: the wire of a sandbox, and what is scripted on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .faults import FaultPlan
from .records import SandboxResponse


class Served(Protocol):
    """What the server needs of a sandbox; `StripeSandbox` has it."""

    @property
    def faults(self) -> FaultPlan:
        """What shall go wrong."""
        ...

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> SandboxResponse:
        """Answer one HTTP request."""
        ...
