"""Holds the Stripe keys, and lets nobody use one that is not proven to be the master account's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from .adapters.keys import Keys
from .domain.calls import CallFailedError, Failure, FailureKind, StripeCall
from .errors import (
    BillingError,
    InvalidKeyError,
    KeyAccountMismatchError,
    MasterAccountError,
    StripeUnavailableError,
)
from .secret import Secret
from .sender import Gateway


class ClosableGateway(Gateway, Protocol):
    """A gateway that holds connections."""

    def close(self) -> None:
        """Close them."""


_PROOF = StripeCall("account", "accounts.retrieve_current")


class Keyring:
    """One set of keys at a time, read on first use, proven before the first operation with it."""

    def __init__(
        self, read_keys: Callable[[], Keys], open_gateway: Callable[[Secret], ClosableGateway]
    ) -> None:
        self._read_keys = read_keys
        self._open_gateway = open_gateway
        self._lock = threading.RLock()
        self._keys: Keys | None = None
        self._gateway: ClosableGateway | None = None
        self._proven = False

    @property
    def keys(self) -> Keys:
        """The keys in use. Raises `ConfigurationError` where there are none to be had."""
        if self._keys is None:
            with self._lock:
                if self._keys is None:
                    self._keys = self._read_keys()
        return self._keys

    def proven_gateway(self) -> Gateway:
        """Return the way to Stripe, after `GET /v1/account` has shown whose key it is.

        Raises `KeyAccountMismatchError`, `MasterAccountError`, `InvalidKeyError` or
        `StripeUnavailableError`; nothing else was sent then.
        """
        gateway = self._gateway
        if gateway is not None and self._proven:
            return gateway
        with self._lock:
            if self._gateway is None:
                self._gateway = self._open_gateway(self.keys.secret)
            if not self._proven:
                self._prove()
                self._proven = True
            return self._gateway

    def distrust(self) -> None:
        """Have the key proven again before its next use by any bot."""
        self._proven = False

    def close(self) -> None:
        """Close the connections to Stripe; the next use opens them again."""
        with self._lock:
            gateway, self._gateway, self._proven = self._gateway, None, False
        if gateway is not None:
            gateway.close()

    def _prove(self) -> None:
        """Compare the key's account with the master account; a 401 is worth one re-read."""
        answer = self._ask()
        if isinstance(answer, Failure) and answer.kind is FailureKind.AUTHENTICATION:
            refused, self._keys = self._gateway, self._read_keys()
            self._gateway = self._open_gateway(self._keys.secret)
            if refused is not None:
                refused.close()
            answer = self._ask()
        if isinstance(answer, Failure):
            raise _unproven(answer, self.keys.source)
        if answer != self.keys.master_account_id:
            raise KeyAccountMismatchError(
                f"the key from {self.keys.source} belongs to {answer}, and the master account is "
                f"{self.keys.master_account_id}; it was refused before any other request. Put the "
                "master account's key there",
                foreign_account=answer,
            )

    def _ask(self) -> str | Failure:
        assert self._gateway is not None, "the gateway is opened before it is asked"
        try:
            return str(self._gateway.send(_PROOF, idempotency_key=None).body.get("id"))
        except CallFailedError as failed:
            return failed.failure


def _unproven(failure: Failure, source: str) -> BillingError:
    if failure.kind is FailureKind.AUTHENTICATION:
        return InvalidKeyError(
            f"Stripe refuses the key from {source} (401); put a valid key there",
            request_id=failure.request_id,
        )
    if failure.kind is FailureKind.PERMISSION:
        return MasterAccountError(
            f"the key from {source} may not read its own account (403), so the master account "
            "cannot be proven; give the restricted key the permission to read the account",
            request_id=failure.request_id,
        )
    return StripeUnavailableError(
        f"the key's account could not be read ({failure.kind}), so the key is not proven; nothing "
        "else was sent, try again later",
        request_id=failure.request_id,
        http_status=failure.http_status,
    )
