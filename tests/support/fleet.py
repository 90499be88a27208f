"""Bots that charge through a whole router whose keys live in a real Vault."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from stripe_billing_router import Receipt
from support.platform import BOT, Platform, platform_in
from support.vault_places import Place
from support.vault_server import OwnVault

WAIT_S = 30.0
SECRET = "secret/data/stripe"


@dataclass
class Fleet:
    """A router over the sandbox Stripe, a Vault that may be disturbed, and the keys between."""

    platform: Platform
    vault: OwnVault
    place: Place
    serial: Iterator[int]
    key: str = ""

    def put(self, key: str) -> None:
        """Put a key into Vault, as the operator does; Stripe knows it as the master account's."""
        account = self.platform.sandbox.account_id
        public = key.replace("sk_", "pk_")
        fields = {"secret_key": key, "public_key": public, "master_account_id": account}
        self.place.put(fields)
        self.key = key

    def rotate(self, *, revoke: bool = True) -> str:
        """Put a new key into Vault, and have Stripe refuse the one before; return the new one."""
        before = self.key
        self.put(f"sk_live_fakeOfTheRealVault{next(self.serial)}")
        if revoke:
            self.platform.sandbox.revoke(before)
        return self.key

    def charge(self) -> Receipt:
        """Take a payment for a new order."""
        return self.platform.router.charge(
            BOT, amount="19.99", idempotency_key=f"order-{next(self.serial)}"
        )

    def alerts(self, kind: str) -> list[str]:
        """Return the messages of one kind of alert, oldest first."""
        return [alert[2] for alert in self.platform.alerts if alert[0] == kind]

    @property
    def key_in_use(self) -> str:
        """The key that the next operation begins with."""
        return self.platform.parts.keyring.keys.secret.reveal()


@contextmanager
def fleet_in(folder: Path, vault: OwnVault, **settings: Any) -> Iterator[Fleet]:
    """Yield a fleet whose keys are read by AppRole, unless `settings` say otherwise."""
    vault.mount("secret", 2)
    place = Place(vault, "secret", 2)
    login = {} if "vault_token" in settings or "vault_token_file" in settings else place.app_role()
    chosen = {
        "vault_addr": vault.address,
        "secret_key": None,
        "public_key": None,
        "master_account_id": None,
        "baked_keys_file": folder / "_baked_keys.py",
        "key_refresh_s": 1.0,
        "give_up_after_s": 20.0,  # A refused key may wait a second for its turn to be read again.
        **login,
        **settings,
    }
    with platform_in(folder, **chosen) as platform:
        fleet = Fleet(platform, vault, place, count(1))
        fleet.rotate(revoke=False)
        yield fleet


def until(happens: Callable[[], object], what: str) -> None:
    """Wait for what a thread of the router does by and by."""
    deadline_s = time.monotonic() + WAIT_S
    while not happens():
        assert time.monotonic() < deadline_s, f"still not: {what}"
        time.sleep(0.02)
