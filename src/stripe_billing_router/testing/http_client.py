"""The sandbox as the SDK's transport: no socket, no network, the same errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import stripe

    from .service import Service


class Headers(Mapping[str, str]):
    """An answer's headers; names are case-insensitive."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


def http_client_for(service: Service) -> stripe.HTTPClient:
    """Return a transport for `stripe.StripeClient(…, http_client=…)`."""
    return _client_class()(service)


@cache
def _client_class() -> Callable[[Service], stripe.HTTPClient]:
    """Return the subclass of the SDK's own class; the SDK is imported only here."""
    import stripe  # noqa: PLC0415 - Importing this package must not import the SDK.

    class SandboxHTTPClient(stripe.HTTPClient):
        """Pass the SDK's requests to a sandbox in the same process.

        A fault of the connection is `stripe.APIConnectionError` with the attribute `not_sent`, as
        the router's own transport raises it: true only if nothing can have been executed.
        """

        name = "stripe_billing_router.testing"

        def __init__(self, service: Service) -> None:
            super().__init__()
            self._service = service

        def request(  # type: ignore[override]
            self,
            method: str,
            url: str,
            headers: Mapping[str, str] | None,
            post_data: Any = None,
            **_sdk_internal: Any,
        ) -> tuple[bytes, int, Mapping[str, str]]:
            """Answer one request.

            Raises:
                stripe.APIConnectionError: a scripted fault dropped the answer.
            """
            address = urlsplit(url)
            target = f"{address.path}?{address.query}" if address.query else address.path
            response = self._service.handle(method, target, headers or {}, post_data)
            if response.delivery == "whole":
                return response.body, response.status, Headers(response.headers)
            reason = {
                "refused": "the connection was refused",
                "lost": "the connection broke before the answer",
                "truncated": "the connection broke in the middle of the answer",
            }[response.delivery]
            failure: Any = stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                f"{method.upper()} {address.path}: {reason}", should_retry=False
            )
            failure.not_sent = response.delivery == "refused"
            raise failure

        async def request_async(
            self,
            method: str,
            url: str,
            headers: Mapping[str, str],
            post_data: Any = None,
            **sdk_internal: Any,
        ) -> tuple[bytes, int, Mapping[str, str]]:
            """Answer one request of the SDK's asynchronous methods; a delay blocks the loop."""
            return self.request(method, url, headers, post_data, **sdk_internal)

        def close(self) -> None:
            """Do nothing: there is no connection."""

        async def close_async(self) -> None:
            """Do nothing: there is no connection."""

    return SandboxHTTPClient
