"""What a server needs of a sandbox: an answer to each request, and the faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .faults import FaultPlan
from .records import SandboxResponse


class Served(Protocol):
    """A sandbox that can be served on a port, such as `StripeSandbox`."""

    @property
    def faults(self) -> FaultPlan:
        """The injected faults."""
        ...

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> SandboxResponse:
        """Answer one HTTP request."""
        ...
