"""Keys that change, and a Vault that fails, under a router that goes on charging."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.assembly import Surroundings
from stripe_billing_router.core.operation import State
from stripe_billing_router.errors import (
    BillingError,
    ConfigurationError,
    InvalidKeyError,
    KeyAccountMismatchError,
    MasterAccountError,
    MissingKeyError,
    StripeUnavailableError,
)
from stripe_billing_router.keys import keyring as keyring_module
from stripe_billing_router.keys import vault as vault_adapter
from support.loopback import Answer, LoopbackServer, loopback_server
from support.platform import BOT, OTHER_BOT, Platform, platform_in
from support.vault import TOKEN, VaultStub, error

FIRST = "sk_live_sandboxfakeRolled1"
MASTER = "acct_sandboxmaster"
READING = "/v1/secret/data/stripe"
# While a Vault never answers; a good one may take its time on a busy machine.
SHORT_PATIENCE_S = (0.2, 0.2)
PROOF = "GET /v1/account"
PAYMENT = "POST /v1/payment_intents"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_module, "_RETRY_S", 0.05)


@pytest.fixture
def stub() -> VaultStub:
    fields = {"secret_key": FIRST, "public_key": "pk_live_fake", "master_account_id": MASTER}
    return VaultStub(fields=fields)


@pytest.fixture
def vault(stub: VaultStub) -> Iterator[LoopbackServer]:
    with loopback_server(stub) as server:
        yield server


@pytest.fixture
def settings(vault: LoopbackServer) -> dict[str, Any]:
    return {
        "vault_addr": vault.url,
        "vault_token": TOKEN,
        "secret_key": None,
        "public_key": None,
        "master_account_id": None,  # Vault names it
        "baked_keys_file": Path("/nonexistent/_baked_keys.py"),
        "give_up_after_s": 20.0,
        "surroundings": Surroundings(key_pause_s=0.02),
    }


@pytest.fixture
def platform(tmp_path: Path, settings: dict[str, Any]) -> Iterator[Platform]:
    with platform_in(tmp_path, **settings) as built:
        yield built


def roll(stub: VaultStub, platform: Platform, key: str) -> None:
    """Put a new key into Vault, then have Stripe refuse the one before at once."""
    before, stub.fields = stub.fields["secret_key"], {**stub.fields, "secret_key": key}
    platform.sandbox.revoke(before)


def refresh(platform: Platform) -> None:
    platform.parts.keyring.refresh()


def readings(vault: LoopbackServer) -> int:
    return sum(request.path == READING for request in vault.requests)


def kinds(platform: Platform) -> list[str]:
    return [kind for kind, *_ in platform.alerts]


def wait_until(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_s, "it did not happen within a minute"
        time.sleep(0.01)


def keepers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "stripe_billing_router-keys"]


# --- a new key ---


def test_a_refused_key_is_replaced_under_the_step_that_met_it(
    platform: Platform, stub: VaultStub, vault: LoopbackServer
) -> None:
    assert platform.router.charge(BOT, 10).paid
    roll(stub, platform, "sk_live_sandboxfakeRolled2")
    platform.mark()
    before = readings(vault)
    assert platform.router.charge(BOT, 10).paid
    assert platform.paths == [PAYMENT, PROOF, PAYMENT]
    refused, _, paid = platform.requests
    assert (refused.status, paid.status) == (401, 200)
    assert refused.idempotency_key == paid.idempotency_key
    assert refused.params == paid.params
    assert readings(vault) == before + 1
    assert platform.alerts == []
    assert len(platform.sandbox.effects()) == 2


def test_a_newer_key_that_could_not_be_proven_at_once_is_proven_a_moment_later(
    platform: Platform, stub: VaultStub
) -> None:
    platform.router.charge(BOT, 10)
    roll(stub, platform, "sk_live_sandboxfakeRolled2")
    platform.sandbox.faults.server_error(path="/v1/account")
    platform.mark()
    assert platform.router.charge(BOT, 10).paid
    assert platform.paths == [PAYMENT, PROOF, PROOF, PAYMENT]
    assert platform.alerts == []


def test_a_newer_key_is_used_before_the_old_one_is_refused(
    platform: Platform, stub: VaultStub
) -> None:
    """Stripe lets a rolled key live on for a while; nobody waits for it to end."""
    platform.router.charge(BOT, 10)
    stub.fields = {**stub.fields, "secret_key": "sk_live_sandboxfakeRolled2"}
    refresh(platform)
    platform.sandbox.revoke(FIRST)
    platform.mark()
    assert platform.router.charge(BOT, 10).paid
    assert platform.paths == [PAYMENT]


def test_the_keys_are_read_again_without_being_asked(
    tmp_path: Path, settings: dict[str, Any], stub: VaultStub
) -> None:
    with platform_in(tmp_path, **settings, key_refresh_s=0.05) as platform:
        platform.router.charge(BOT, 10)
        stub.fields = {**stub.fields, "public_key": "pk_live_fakeTheSecond"}
        wait_until(lambda: platform.router.public_key == "pk_live_fakeTheSecond")
        platform.mark()
        assert platform.router.charge(BOT, 10).paid
        assert platform.paths == [PAYMENT]  # the secret key is the same, and proven


def test_sixteen_threads_charge_through_fifty_rotations(
    platform: Platform, stub: VaultStub, vault: LoopbackServer
) -> None:
    rolled = threading.Event()
    failures: list[BaseException] = []
    charges: list[str] = []

    def charge() -> None:
        while not rolled.is_set():
            try:
                receipt = platform.router.charge(BOT, 10)
                assert receipt.paid
                charges.append(receipt.id)
            except BaseException as failure:  # noqa: BLE001 - Told by the test, whatever it is.
                failures.append(failure)

    platform.router.charge(BOT, 10)
    before = readings(vault)
    threads = [threading.Thread(target=charge) for _ in range(16)]
    for thread in threads:
        thread.start()
    rotations = 50
    for number in range(rotations):
        roll(stub, platform, f"sk_live_sandboxfakeRolling{number}")
        enough = len(charges) + 3
        while len(charges) < enough and not failures:
            time.sleep(0.001)
    rolled.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(set(charges)) == len(charges) == len(platform.sandbox.effects()) - 1
    assert readings(vault) - before <= rotations  # one for all sixteen, each time


def test_a_key_that_is_dead_for_good_is_not_asked_for_in_a_storm(
    platform: Platform, vault: LoopbackServer
) -> None:
    pause_s = 0.2
    platform.router = platform.another_router(surroundings=Surroundings(key_pause_s=pause_s))
    platform.router.charge(BOT, 10)
    platform.sandbox.revoke(FIRST)
    before, gate = readings(vault), threading.Barrier(16)

    def charge(_number: int) -> BillingError:
        gate.wait()
        with pytest.raises(InvalidKeyError) as caught:
            platform.router.charge(BOT, 10)
        return caught.value

    started_s = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        refused = list(pool.map(charge, range(16)))
    passed_s = time.monotonic() - started_s
    assert {one.money_moved for one in refused} == {"no"}
    assert 1 <= readings(vault) - before <= 1 + passed_s / pause_s
    assert readings(vault) - before < 16  # shared by all sixteen
    assert len(platform.sandbox.effects()) == 1


def test_a_key_of_another_account_is_refused_and_the_proven_one_stays(
    platform: Platform, stub: VaultStub
) -> None:
    platform.router.charge(BOT, 10)
    platform.sandbox.add_account("acct_foreign", key="sk_live_sandboxfakeForeign")
    stub.fields = {**stub.fields, "secret_key": "sk_live_sandboxfakeForeign"}
    platform.mark()
    refresh(platform)
    refresh(platform)
    assert kinds(platform) == ["new_key_refused"]  # told once
    assert platform.alerts[0][1] == "critical"
    assert "acct_foreign" in platform.alerts[0][2]
    assert platform.router.charge(BOT, 10).paid
    assert platform.paths == [PROOF, PROOF, PAYMENT]
    assert {effect.account for effect in platform.sandbox.effects()} == {MASTER}
    stub.fields = {**stub.fields, "secret_key": "sk_live_sandboxfakeRolled2"}
    refresh(platform)
    platform.sandbox.revoke(FIRST)
    assert platform.router.charge(BOT, 10).paid


def test_a_key_of_another_account_is_not_used_even_if_the_proven_one_is_dead(
    platform: Platform, stub: VaultStub
) -> None:
    platform.router.charge(BOT, 10)
    platform.sandbox.add_account("acct_foreign", key="sk_live_sandboxfakeForeign")
    roll(stub, platform, "sk_live_sandboxfakeForeign")
    with pytest.raises(InvalidKeyError):
        platform.router.charge(BOT, 10)
    with pytest.raises(KeyAccountMismatchError):  # from then on it is told which account that is
        platform.router.charge(BOT, 10)
    assert "new_key_refused" in kinds(platform)
    assert {effect.account for effect in platform.sandbox.effects()} == {MASTER}
    assert platform.router.records.freezes() == []


def test_a_master_account_that_changes_under_way_is_refused(
    platform: Platform, stub: VaultStub
) -> None:
    """Operations that are under way belong to the account before."""
    platform.router.charge(BOT, 10)
    platform.sandbox.add_account("acct_next", key="sk_live_sandboxfakeNext")
    stub.fields = {
        **stub.fields,
        "secret_key": "sk_live_sandboxfakeNext",
        "master_account_id": "acct_next",
    }
    platform.mark()
    refresh(platform)
    assert kinds(platform) == ["new_key_refused"]
    assert "acct_next" in platform.alerts[0][2]
    assert platform.router.charge(BOT, 10).paid
    assert platform.paths == [PAYMENT]
    assert {effect.account for effect in platform.sandbox.effects()} == {MASTER}


BESIDE = {
    "secret_key": "sk_live_sandboxfakeBeside",
    "public_key": "pk_live_fakeBeside",
    "master_account_id": MASTER,
}


# --- outages, with keys held ---


OUTAGES = {
    "sealed": error(503),
    "standby": error(473),
    "limiting": error(429),
    "at fault": error(500),
    "slow": Answer(raw=b"", then="hang"),
    "unreachable": Answer(raw=b"", then="reset"),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_charges_go_on_through_an_outage_with_one_alert(
    platform: Platform, stub: VaultStub, outage: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.router.charge(BOT, 10)
    for _ in range(2):
        stub.override["/v1/"] = outage
        with monkeypatch.context() as impatient:
            impatient.setattr(vault_adapter, "_TIMEOUT_S", SHORT_PATIENCE_S)
            for _ in range(3):
                refresh(platform)
                assert platform.router.charge(BOT, 10).paid
        stub.override.clear()
        refresh(platform)
    assert kinds(platform) == ["key_source_unreachable"] * 2  # once for each outage
    assert "24 h" in platform.alerts[0][2]


def test_keys_that_nobody_confirms_are_not_used_for_ever(
    tmp_path: Path, settings: dict[str, Any], stub: VaultStub
) -> None:
    bounds = {"key_refresh_s": 0.1, "key_stale_after_s": 0.6}
    with platform_in(tmp_path, **settings, **bounds) as platform:
        platform.router.charge(BOT, 10)
        stub.override["/v1/"] = error(503)
        time.sleep(0.65)
        with pytest.raises(MissingKeyError) as caught:
            platform.router.charge(BOT, 10)
        assert caught.value.retryable
        assert "Vault (secret/stripe)" in str(caught.value)
        stub.override.clear()
        assert platform.router.charge(BOT, 10).paid


def test_the_next_source_takes_over_from_keys_that_are_too_old(
    tmp_path: Path, settings: dict[str, Any], stub: VaultStub
) -> None:
    settings |= BESIDE
    bounds = {"key_refresh_s": 0.1, "key_stale_after_s": 0.6}
    with platform_in(tmp_path, **settings, **bounds) as platform:
        platform.router.charge(BOT, 10)
        stub.override["/v1/"] = error(503)
        platform.sandbox.revoke(FIRST)
        time.sleep(0.65)
        assert platform.router.charge(BOT, 10).paid
        assert "key_source_unreachable" in kinds(platform)
        stub.override.clear()
        stub.fields = {**stub.fields, "secret_key": "sk_live_sandboxfakeRolled2"}
        wait_until(lambda: platform.parts.keyring.keys.source.startswith("Vault"))


# --- outages, at the start ---


def test_a_start_without_vault_takes_the_next_source_until_it_is_back(
    tmp_path: Path, settings: dict[str, Any], stub: VaultStub
) -> None:
    settings |= BESIDE
    stub.override["/v1/"] = error(503)
    with platform_in(tmp_path, **settings) as platform:
        assert platform.router.charge(BOT, 10).paid
        assert kinds(platform) == ["key_source_unreachable"]
        assert "environment" in platform.alerts[0][2]
        stub.override.clear()
        wait_until(lambda: platform.parts.keyring.keys.source.startswith("Vault"))
        assert platform.router.charge(BOT, 10).paid
        assert kinds(platform) == ["key_source_unreachable"]


def test_a_start_without_vault_says_so_where_the_next_source_is_of_no_use(
    tmp_path: Path, settings: dict[str, Any], stub: VaultStub
) -> None:
    settings |= BESIDE | {"master_account_id": None}  # only Vault names it
    stub.override["/v1/"] = error(503)
    with platform_in(tmp_path, **settings) as platform:
        with pytest.raises(MasterAccountError, match="Vault") as caught:
            platform.router.charge(BOT, 10)
        assert caught.value.retryable
        assert platform.sandbox.requests == []


def test_a_start_with_nothing_to_be_had_is_short_for_all_who_wait(
    platform: Platform, stub: VaultStub, vault: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_adapter, "_TIMEOUT_S", SHORT_PATIENCE_S)
    stub.override["/v1/"] = Answer(raw=b"", then="hang")
    gate = threading.Barrier(16)

    def charge(_number: int) -> None:
        gate.wait()
        with pytest.raises(MissingKeyError):
            platform.router.charge(BOT, 10)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(charge, range(16)))
    assert len(vault.requests) <= 6  # each by itself would be sixteen time-outs
    assert platform.sandbox.requests == []


# --- bad answers, with keys held ---


@pytest.mark.parametrize("answer", [error(403), error(404)], ids=["denied", "deleted"])
def test_a_refusal_stops_new_operations_until_it_is_corrected(
    platform: Platform, stub: VaultStub, answer: Answer
) -> None:
    platform.router.charge(BOT, 10)
    stub.override[READING] = answer
    refresh(platform)
    refresh(platform)
    assert kinds(platform) == ["key_source_refuses"]
    with pytest.raises(ConfigurationError, match="Vault") as caught:
        platform.router.charge(BOT, 10)
    assert caught.value.money_moved == "no"
    stub.override.clear()
    time.sleep(0.03)
    assert platform.router.charge(BOT, 10).paid


@pytest.mark.parametrize(
    "secret_key", [None, "", "sk_test_fakeStaging", "pk_live_fakePublic"],
    ids=["missing", "empty", "test mode", "publishable"],
)  # fmt: skip
def test_a_bad_key_put_into_vault_is_an_error_at_once(
    platform: Platform, stub: VaultStub, secret_key: str | None
) -> None:
    platform.router.charge(BOT, 10)
    stub.fields = {**stub.fields, "secret_key": secret_key}
    if secret_key is None:
        del stub.fields["secret_key"]
    refresh(platform)
    assert kinds(platform) == ["key_source_refuses"]
    with pytest.raises(ConfigurationError):
        platform.router.charge(BOT, 10)
    stub.fields = {**stub.fields, "secret_key": FIRST}
    time.sleep(0.03)
    assert platform.router.charge(BOT, 10).paid


def test_an_operation_under_way_is_kept_and_finished_once_that_is_corrected(
    platform: Platform, stub: VaultStub
) -> None:
    """A price charge takes four steps; the refusal comes after the first of them."""
    platform.router.charge(OTHER_BOT)
    stub.override[READING] = error(403)
    before = len(platform.sandbox.effects())
    platform.sandbox.faults.delay(path="/v1/invoices", seconds=60)
    with ThreadPoolExecutor(1) as pool:
        charging = pool.submit(platform.router.charge, OTHER_BOT)
        wait_until(lambda: platform.requests[-1].path == "/v1/invoices")
        refresh(platform)
        platform.sandbox.faults.clear()
        with pytest.raises(BillingError):
            charging.result()
    unsettled = platform.router.records.operations(state=State.UNKNOWN)
    assert len(unsettled) == 1  # kept, not lost
    stub.override.clear()
    time.sleep(0.03)
    platform.router.recover()
    assert len(platform.sandbox.effects()) in (before, before + 1)
    assert platform.router.records.operations(state=State.UNKNOWN) == []


# --- the thread ---


def test_closing_ends_the_thread_and_the_next_use_starts_it_again(platform: Platform) -> None:
    before = len(keepers())
    platform.router.charge(BOT, 10)
    assert len(keepers()) == before + 1
    platform.router.close()
    assert len(keepers()) == before
    assert platform.router.charge(BOT, 10).paid
    assert len(keepers()) == before + 1


def test_a_router_that_nobody_holds_leaves_no_thread_behind(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    before = len(keepers())
    with platform_in(tmp_path, **settings) as platform:
        forgotten = platform.another_router()
        forgotten.charge(BOT, 10)
        platform.others.clear()
        assert len(keepers()) == before + 1
        del forgotten
        gc.collect()
        wait_until(lambda: len(keepers()) == before)


def test_keys_from_the_environment_need_no_thread(tmp_path: Path) -> None:
    before = len(keepers())
    with platform_in(tmp_path) as platform:
        platform.router.charge(BOT, 10)
        assert len(keepers()) == before


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_keeps_its_keys_good_by_itself(
    platform: Platform, stub: VaultStub, vault: LoopbackServer
) -> None:
    platform.router.charge(BOT, 10)
    taken, forked = threading.Event(), threading.Event()

    def read_meanwhile() -> None:
        taken.set()
        forked.wait(60)

    holding = threading.Thread(
        target=platform.parts.keyring._flight.do, args=("test", read_meanwhile)
    )
    holding.start()
    taken.wait(60)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            platform.parts.keyring.distrust()  # so that it has to take the turn
            platform.parts.keyring.verified_gateway(MASTER)
            status = 0 if len(keepers()) == 1 else 2
        finally:
            os._exit(status)
    forked.set()
    holding.join()
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0


def test_a_call_waits_for_keys_that_others_read_no_longer_than_it_may_take(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with platform_in(tmp_path, **(settings | {"give_up_after_s": 0.2})) as platform:
        taken, done = threading.Event(), threading.Event()

        def read_meanwhile() -> None:
            taken.set()
            done.wait(60)

        turn = platform.parts.keyring._flight
        holding = threading.Thread(target=turn.do, args=("test", read_meanwhile))
        holding.start()
        taken.wait(60)
        with pytest.raises(StripeUnavailableError) as caught:
            platform.router.charge(BOT, 10)
        assert (caught.value.money_moved, caught.value.retryable) == ("no", True)
        assert not done.is_set()
        done.set()
        holding.join()
        assert platform.router.charge(BOT, 10).paid


@pytest.mark.parametrize("name", ["stripe_billing_router-keys", "stripe_billing_router-vault"])
def test_a_machine_without_threads_to_spare_charges_with_the_keys_that_are_held(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    platform.router.charge(BOT, 10)
    platform.parts.keyring._refresher.stop()
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_others)
    assert platform.router.charge(BOT, 10).paid
    refresh(platform)
    assert kinds(platform) == ["key_source_unreachable"] * name.endswith("vault")
    assert platform.router.charge(BOT, 10).paid
    monkeypatch.undo()
    refresh(platform)
    assert platform.router.charge(BOT, 10).paid
    assert len(keepers()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_who_forks_in_the_middle_of_a_turn_ends_it_in_both_processes(platform: Platform) -> None:
    turn = platform.parts.keyring._flight
    children: list[int] = []
    status = 1
    try:
        turn.do("test", lambda: children.append(os.fork()))
        turn.do("test", lambda: None)
        status = 0
    finally:
        if children == [0]:
            os._exit(status)
    _, ended = os.waitpid(children[0], 0)
    assert os.waitstatus_to_exitcode(ended) == 0
