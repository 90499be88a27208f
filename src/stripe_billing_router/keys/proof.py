"""Verifies which account a key belongs to, by the only means: asking Stripe."""

from __future__ import annotations

from typing import Final

from ..core.calls import CallFailedError, Failure, FailureKind, StripeCall
from ..core.ports import Gateway
from ..errors import (
    BillingError,
    InvalidKeyError,
    KeyAccountMismatchError,
    MasterAccountError,
    StripeUnavailableError,
)
from .sources import Keys

_PROOF: Final = StripeCall("account", "accounts.retrieve_current")


def verify_key(gateway: Gateway, keys: Keys) -> None:
    """Compare the key's account with the master account; return if they are the same.

    Raises `KeyAccountMismatchError`, `MasterAccountError`, `InvalidKeyError` (401) or
    `StripeUnavailableError`; no money has moved.
    """
    try:
        account = str(gateway.send(_PROOF, idempotency_key=None).body.get("id"))
    except CallFailedError as failed:
        failure = failed.failure
    else:
        if account == keys.master_account_id:
            return
        raise KeyAccountMismatchError(
            f"The key from {keys.source} belongs to {account}, and the master account is "
            f"{keys.master_account_id}, so it was refused before any other request",
            "Put the master account's key there.",
            foreign_account=account,
        )
    raise _unverified(failure, keys.source)


def _unverified(failure: Failure, source: str) -> BillingError:
    if failure.kind is FailureKind.AUTHENTICATION:
        return InvalidKeyError(
            f"Stripe refuses the key from {source} (401)",
            "Put a valid key there.",
            request_id=failure.request_id,
        )
    if failure.kind is FailureKind.PERMISSION:
        return MasterAccountError(
            f"The key from {source} may not read its own account (403), so it cannot be verified",
            "Give the restricted key the permission to read the account.",
            request_id=failure.request_id,
        )
    return StripeUnavailableError(
        f"The account of the key from {source} could not be read ({failure.kind}), so the key is "
        "not verified and nothing else was sent",
        "Call again later.",
        request_id=failure.request_id,
        http_status=failure.http_status,
    )
