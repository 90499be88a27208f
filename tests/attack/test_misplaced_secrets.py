"""A key or a client secret where something else belongs: refused, and stored nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import BillingError, BillingRouter, InputError, RoutingConfigError
from support.platform import BOT, Platform

KEY = "sk_live_" + "51HxMisplacedKeyOfNobody"
CLIENT_SECRET = "pi_3NabcDEF_secret_" + "MisplacedKeyOfNobody"


def _stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("secret", [KEY, CLIENT_SECRET])
def test_a_secret_is_no_business_key(platform: Platform, secret: str) -> None:
    with pytest.raises(InputError) as caught:
        platform.router.charge(BOT, 10, idempotency_key=secret)
    assert b"MisplacedKey" not in _stored(platform.folder) + repr(caught.value).encode()
    assert platform.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"amount": 10, "customer_id": "cus_" + KEY},
        {"amount": 10, "payment_method": "pm_" + KEY},
        {"price_id": "price_" + KEY},
    ],
    ids="-".join,
)
def test_a_key_behind_an_id_prefix_is_no_id(platform: Platform, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        platform.router.charge(BOT, **arguments)
    assert b"MisplacedKey" not in _stored(platform.folder) + repr(caught.value).encode()
    assert platform.requests == []


def test_the_details_of_an_error_show_no_secret(platform: Platform) -> None:
    fields = {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"}
    with pytest.raises(RoutingConfigError) as caught:
        platform.router.register_route("a", "b", {**fields, CLIENT_SECRET: "x"})
    assert "MisplacedKey" not in repr(vars(caught.value)) + str(caught.value)


def test_whoever_lifts_a_freeze_is_recorded_without_a_key(platform: Platform) -> None:
    platform.router.freeze(BOT, reason=KEY, actor=KEY)
    platform.router.unfreeze(BOT, approver=KEY)
    assert b"MisplacedKey" not in _stored(platform.folder)


def test_a_frozen_bots_retry_of_an_unknown_charge_does_not_claim_that_nothing_moved(
    platform: Platform,
) -> None:
    router: BillingRouter = platform.router
    platform.sandbox.faults.livemode(False, path="/v1/payment_intents")
    for _ in range(2):
        with pytest.raises(BillingError) as caught:
            router.charge(BOT, 10, idempotency_key="order-1")
        assert caught.value.money_moved == "unknown"
        assert caught.value.idempotency_key == "order-1"
