"""The client of a served sandbox: another process injects faults and counts with it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

from .control import PREFIX, ControlError
from .records import Effect, RequestRecord


class RemoteSandbox:
    """A sandbox that another process serves: inject faults into it, and count.

    Args:
        url: the value of `SandboxServer.url`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # Not through a proxy of the environment: it is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, command: str, **arguments: Any) -> Any:
        """Run a method of the remote `StripeSandbox`, such as `call("add_customer", …)`.

        Raises:
            ControlError: there is no such command, or it refused its arguments.
            OSError: nothing answers there.
        """
        request = urllib.request.Request(  # noqa: S310 - The address of the caller's own sandbox.
            f"{self.url}{PREFIX}{command}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except HTTPError as error:
            with error:
                reason = json.load(error).get("error")
        raise ControlError(f"{command}: {reason}")

    def fault(self, kind: str, **arguments: Any) -> None:
        """Inject a fault, as the method of that name of `FaultPlan` does."""
        self.call(f"faults/{kind}", **arguments)

    def count(self, request: str) -> int:
        """Return how many requests arrived, as in `count("POST /v1/refunds")`."""
        return int(self.call("count", request=request))

    def captured_minor(self, currency: str = "usd") -> int:
        """Return the sum of all captured charges in a currency, in minor units."""
        return int(self.call("captured_minor", currency=currency))

    def refunded_minor(self, currency: str = "usd") -> int:
        """Return the sum of all refunds in a currency, in minor units."""
        return int(self.call("refunded_minor", currency=currency))

    def effects(self) -> list[Effect]:
        """Return all money that moved."""
        return [Effect(**item) for item in self.call("effects")]

    def requests(self) -> list[RequestRecord]:
        """Return every request so far, in order of arrival."""
        return [RequestRecord(**item) for item in self.call("requests")]

    def objects(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the objects of a kind, such as `payment_intent`, by id."""
        return dict(self.call("objects", kind=kind))
