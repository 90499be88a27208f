"""Keys are rotated in a real Vault while bots charge: nobody starts anew, and no charge fails."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stripe_billing_router.assembly import Surroundings
from stripe_billing_router.errors import ConfigurationError
from stripe_billing_router.settings import VARIABLES
from support.fleet import SECRET, Fleet, fleet_in, until
from support.platform import BOT
from support.vault_server import OwnVault

ROTATIONS = 50
THREADS = 16


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def fleet(own_vault: OwnVault, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_in(tmp_path, own_vault) as fleet:
        yield fleet


@pytest.fixture
def unhurried(own_vault: OwnVault, tmp_path: Path) -> Iterator[Fleet]:
    """One that reads the keys again only when Stripe refuses them, and then at once.

    Rotations come faster in these tests than people make them.
    """
    around = Surroundings(key_pause_s=0.0)
    with fleet_in(tmp_path, own_vault, key_refresh_s=300.0, surroundings=around) as fleet:
        yield fleet


def test_a_new_key_is_found_before_the_old_one_is_refused(fleet: Fleet) -> None:
    assert fleet.charge().paid
    old, new = fleet.key, fleet.rotate(revoke=False)
    until(lambda: fleet.key_in_use == new, "the new key is in use")
    fleet.platform.sandbox.revoke(old)
    fleet.platform.mark()
    assert fleet.charge().paid
    assert 401 not in [request.status for request in fleet.platform.requests]


def test_a_key_that_stripe_refuses_is_replaced_under_the_step_at_work(unhurried: Fleet) -> None:
    fleet = unhurried
    assert fleet.charge().paid
    fleet.vault.watch()
    fleet.rotate()
    fleet.platform.mark()
    assert fleet.charge().paid
    steps = [request for request in fleet.platform.requests if request.idempotency_key]
    assert [(step.path, step.status) for step in steps] == [
        ("/v1/payment_intents", 401),
        ("/v1/payment_intents", 200),
    ]
    assert len({step.idempotency_key for step in steps}) == 1
    assert fleet.platform.paths.count("GET /v1/account") == 1, "the new key was proven"
    assert fleet.vault.reads(SECRET) == 1
    assert fleet.platform.kinds == [("charge", 0)] * 2


def test_a_key_of_another_account_is_refused_and_the_proven_one_stays(fleet: Fleet) -> None:
    assert fleet.charge().paid
    good = fleet.key
    foreign = "sk_live_fakeOfTheRealVaultForeign"
    fleet.platform.sandbox.add_account("acct_foreign", key=foreign)
    fleet.put(foreign)
    until(lambda: fleet.alerts("new_key_refused"), "the key is refused")
    assert "acct_foreign" in fleet.alerts("new_key_refused")[0]
    assert fleet.charge().paid
    assert fleet.key_in_use == good
    assert {request.account for request in fleet.platform.requests} <= {
        fleet.platform.sandbox.account_id,
        "acct_foreign",
    }
    foreign_calls = {
        f"{request.method} {request.path}"
        for request in fleet.platform.requests
        if request.account == "acct_foreign"
    }
    assert foreign_calls == {"GET /v1/account"}, "nothing else was sent with it"
    fleet.key = good
    new = fleet.rotate()
    until(lambda: fleet.key_in_use == new, "the corrected key is in use")
    assert fleet.charge().paid
    assert len(fleet.alerts("new_key_refused")) == 1


def test_another_master_account_in_vault_is_refused(fleet: Fleet) -> None:
    assert fleet.charge().paid
    fleet.platform.sandbox.add_account("acct_foreign", key="sk_live_fakeOfTheRealVaultForeign")
    fleet.place.put(
        {
            "secret_key": "sk_live_fakeOfTheRealVaultForeign",
            "public_key": "pk_live_fakeOfTheRealVaultForeign",
            "master_account_id": "acct_foreign",
        }
    )
    until(lambda: fleet.alerts("new_key_refused"), "the account is refused")
    assert fleet.charge().paid
    assert "acct_foreign" not in {request.account for request in fleet.platform.requests}


@pytest.mark.parametrize(
    "bad",
    ["", "sk_test_fakeOfTheRealVault", "pk_live_fakeOfTheRealVault"],
    ids=["empty", "test mode", "public"],
)
def test_a_bad_key_in_vault_stops_new_operations_until_it_is_corrected(
    fleet: Fleet, bad: str
) -> None:
    assert fleet.charge().paid
    good = fleet.key
    fleet.put(bad)
    until(lambda: fleet.alerts("key_source_refuses"), "the bad key is told of")
    with pytest.raises(ConfigurationError) as caught:
        fleet.charge()
    assert caught.value.money_moved == "no"
    fleet.key = good
    fleet.rotate()
    until(lambda: not refuses(fleet), "the corrected key is found")
    assert fleet.charge().paid


def refuses(fleet: Fleet) -> bool:
    try:
        return not fleet.key_in_use
    except ConfigurationError:
        return True


@pytest.mark.slow
def test_sixteen_threads_charge_through_fifty_rotations(unhurried: Fleet) -> None:
    """Each rotation costs one reading, however many threads wait for it, and no charge."""
    fleet = unhurried
    assert fleet.charge().paid
    fleet.vault.watch()
    done = threading.Event()
    paid: list[bool] = []

    def bot(number: int) -> int:
        charges = 0
        while not done.is_set():
            receipt = fleet.platform.router.charge(
                BOT, amount="19.99", idempotency_key=f"bot-{number}-{charges}"
            )
            paid.append(receipt.paid)
            charges += 1
        return charges

    with ThreadPoolExecutor(THREADS) as pool:
        bots = [pool.submit(bot, number) for number in range(THREADS)]
        try:
            for _ in range(ROTATIONS):
                new = fleet.rotate()
                until(lambda new=new: fleet.key_in_use == new, "bots charge with it")  # type: ignore[misc]
        finally:
            done.set()
        charges = sum(future.result() for future in bots)
    assert paid == [True] * charges
    assert fleet.platform.kinds == [("charge", 0)] * (charges + 1)
    assert fleet.vault.reads(SECRET) == ROTATIONS
