"""The account that a key belongs to, and its balance."""

from __future__ import annotations

from ..account import Call
from ..failures import Json
from ..validation import Params, texts

READ = Params({"expand": texts})


def retrieve_current(call: Call) -> Json:
    """Answer `GET /v1/account`: the only way to learn which account a key belongs to."""
    return account_object(call.account.id)


def account_object(target: str) -> Json:
    """Return an account that may take payments."""
    return {
        "id": target,
        "object": "account",
        "business_profile": {"name": "Sandbox", "mcc": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"}},
        "type": "standard",
    }


def balance(call: Call) -> Json:
    """Answer `GET /v1/balance`. The sandbox takes no fees, and money is available at once."""
    amounts = sorted(call.account.available_minor.items())
    return {
        "object": "balance",
        "available": [
            {"amount": minor, "currency": code, "source_types": {"card": minor}}
            for code, minor in amounts
        ],
        "connect_reserved": [{"amount": 0, "currency": code} for code, _ in amounts],
        "livemode": True,
        "pending": [
            {"amount": 0, "currency": code, "source_types": {"card": 0}} for code, _ in amounts
        ],
    }
