"""Keys that become others, or another account's, while an operation is under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import stripe

from stripe_billing_router import InvalidKeyError, OutcomeUnknownError
from stripe_billing_router.core.operation import State
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.keys import renewal as renewal_module
from stripe_billing_router.keys.baked import write_baked_keys
from support.platform import BOT, SECRET_KEY, Platform, platform_in

FOREIGN_KEY = "sk_live_sandboxfakeOfTheForeign"
NEWER_KEY = "sk_live_sandboxfakeRolled2"
PUBLIC_KEY = "pk_live_sandboxfakeKeyOfNobody"
MASTER = "acct_sandboxmaster"
PAYMENT, PROOF = "POST /v1/payment_intents", "GET /v1/account"


class Watched(stripe.HTTPClient):
    """The way to the sandbox, with something that happens after each answer."""

    name = "watched"

    def __init__(self) -> None:
        super().__init__()
        self.inner: stripe.HTTPClient | None = None
        self.then: Callable[[str, int], None] = lambda _path, _status: None

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_sdk_internal: Any,
    ) -> tuple[Any, int, Mapping[str, str]]:
        assert self.inner is not None
        body, status, answered = self.inner.request(method, url, headers, post_data)
        self.then(url.partition("/v1/")[2].partition("?")[0], status)
        return body, status, answered


@pytest.fixture
def way() -> Watched:
    return Watched()


@pytest.fixture
def baked(tmp_path: Path) -> Callable[[str], None]:
    """What puts another secret key into the baked-in file, which is read again after a 401."""
    path = tmp_path / "_baked_keys.py"

    def bake(key: str) -> None:
        write_baked_keys(
            path,
            secret_key=Secret(key),
            public_key=Secret(PUBLIC_KEY),
            master_account_id=MASTER,
        )

    bake(SECRET_KEY)
    return bake


@pytest.fixture
def rolling(tmp_path: Path, way: Watched, baked: object) -> Iterator[Platform]:
    """A platform whose keys are baked in, and may be baked anew."""
    settings: dict[str, Any] = {
        "http_client": way,
        "secret_key": None,
        "public_key": None,
        "master_account_id": None,
        "baked_keys_file": tmp_path / "_baked_keys.py",
        "give_up_after_s": 20.0,
    }
    with platform_in(tmp_path, **settings) as platform:
        way.inner = platform.sandbox.http_client()
        platform.sandbox.add_account("acct_foreign", key=FOREIGN_KEY)
        yield platform


def test_what_another_thread_has_just_read_is_proven_before_a_refused_step_goes_with_it(
    rolling: Platform, way: Watched, baked: Callable[[str], None]
) -> None:
    assert rolling.router.charge(BOT, 10).paid
    rolling.sandbox.revoke(SECRET_KEY)
    baked(FOREIGN_KEY)

    def begin_anew(_path: str, status: int) -> None:
        if status == 401:
            way.then = lambda _path, _status: None
            rolling.router.close()
            reader = threading.Thread(target=lambda: rolling.router.public_key)
            reader.start()
            reader.join()

    way.then = begin_anew
    rolling.mark()
    with pytest.raises(InvalidKeyError) as caught:
        rolling.router.charge(BOT, 10)
    assert caught.value.money_moved == "no"
    assert rolling.paths == [PAYMENT, PROOF]


def test_a_host_that_was_suspended_after_a_refusal_does_not_send_the_step_again(
    rolling: Platform,
    way: Watched,
    baked: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another host may have taken it up and paid, and Stripe may have forgotten its key."""
    assert rolling.router.charge(BOT, 10).paid
    rolling.sandbox.revoke(SECRET_KEY)
    baked(NEWER_KEY)
    clock = Clock()
    monkeypatch.setattr(renewal_module, "time", clock)

    def fall_asleep(path: str, _status: int) -> None:
        if path == "account":
            clock.asleep_s = 25 * 3600.0

    way.then = fall_asleep
    rolling.mark()
    with pytest.raises(InvalidKeyError) as caught:
        rolling.router.charge(BOT, 10)
    assert caught.value.money_moved == "no"
    assert rolling.paths == [PAYMENT, PROOF]
    assert rolling.router.charge(BOT, 10).paid


class Clock:
    """The clocks as a suspended host has them: only that on the wall goes on."""

    def __init__(self) -> None:
        self.asleep_s = 0.0
        self.monotonic, self.sleep = time.monotonic, time.sleep

    def time(self) -> float:
        return time.time() + self.asleep_s


@pytest.mark.parametrize("hours", [0, 2, 30])
def test_what_is_unknown_of_one_account_is_not_looked_for_with_the_key_of_another(
    platform: Platform, hours: int
) -> None:
    """Nothing would be found there, and the payment pass for one that was never taken."""
    platform.sandbox.faults.lose_reply(path="/v1/payment_intents")
    platform.sandbox.faults.server_error(path="/v1/payment_intents", times=50)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert len(platform.sandbox.effects()) == 1
    platform.sandbox.faults.clear()
    platform.sandbox.add_account("acct_second", key=FOREIGN_KEY)

    other = platform.another_router(secret_key=FOREIGN_KEY, master_account_id="acct_second")
    put_clock_on(other._parts.runtime, hours)
    platform.sandbox.advance(hours=hours)
    platform.mark()
    (left,) = other.recover().operations
    assert left.after is State.UNKNOWN
    assert "acct_sandboxmaster" in left.detail
    assert platform.paths == [PROOF]

    put_clock_on(platform.parts.runtime, hours)
    (done,) = platform.router.recover().operations
    assert done.after is State.SUCCEEDED
    assert len(platform.sandbox.effects()) == 1


def put_clock_on(around: Any, hours: int) -> None:
    real = around.now_ms
    object.__setattr__(around, "now_ms", lambda: real() + hours * 3600 * 1000)
