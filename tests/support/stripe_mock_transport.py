"""A transport to the real stripe-mock, for code that accepts live keys and one account only.

stripe-mock takes test-mode keys alone, answers from test-mode fixtures, and invents a new account
on each `GET /v1/account`. What it says about these is rewritten here, on the way between the SDK
and loopback; everything else passes as it is, and the code under test keeps all its checks.
"""

import ipaddress
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe
import urllib3

# The only kind of key that stripe-mock takes.
STRIPE_MOCK_KEY = "sk_test_123"
# What its fixtures have where an account belongs.
_FIXTURE_ACCOUNT = "obj_123"


class StripeMockTransport(stripe.HTTPClient):
    """Send the SDK's requests to a stripe-mock on loopback, whatever host they were meant for.

    `requests` lists what was sent, as `("POST", "/v1/refunds")`.
    """

    name = "stripe_mock_transport"

    def __init__(self, url: str, account_id: str) -> None:
        super().__init__()
        host = urlsplit(url).hostname or ""
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            message = f"stripe-mock is asked for at {host}, which is not on this machine"
            raise ValueError(message)
        self._url = url.rstrip("/")
        self._account_id = account_id
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=16)
        self.requests: list[tuple[str, str]] = []

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_sdk_internal: Any,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request, and answer as if the live account had been asked."""
        address = urlsplit(url)
        self.requests.append((method.upper(), address.path))
        response = self._pool.request(
            method.upper(),
            f"{self._url}{address.path}{'?' if address.query else ''}{address.query}",
            body=post_data,
            headers={**(headers or {}), "Authorization": f"Bearer {STRIPE_MOCK_KEY}"},
            retries=False,
            redirect=False,
        )
        body = response.data
        if "json" in response.headers.get("Content-Type", ""):
            answer = json.loads(body)
            if address.path == "/v1/account" and response.status == 200:
                answer["id"] = self._account_id
            body = json.dumps(self._as_live(answer)).encode()
        return body, response.status, response.headers

    def _as_live(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._as_live(item) for item in value]
        if not isinstance(value, dict):
            return value
        live = {name: self._as_live(item) for name, item in value.items()}
        if "livemode" in live:
            live["livemode"] = True
        destination = live.get("destination")
        if isinstance(destination, dict) and destination.get("id") == _FIXTURE_ACCOUNT:
            live["destination"] = {**destination, "id": self._account_id}
        elif destination == _FIXTURE_ACCOUNT:
            live["destination"] = self._account_id
        return live

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
