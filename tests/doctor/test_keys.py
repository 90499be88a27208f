"""Where each key comes from, whose it is, and what to do about what is wrong with it."""

from __future__ import annotations

import time
from email.utils import formatdate
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.doctor import Check, Status
from stripe_billing_router.doctor.keys import look
from stripe_billing_router.errors import ConfigurationError
from stripe_billing_router.keys.baked import write_baked_keys
from stripe_billing_router.keys.sources import KeySources
from stripe_billing_router.settings import Settings
from support.loopback import Answer, Request, loopback_server
from support.site import PUBLIC, SECRET, Site, statuses
from support.vault import FIELDS, TOKEN, VaultStub, error

OTHER = "sk_live_51PlantedKeyOfAnotherAccountABCD"
# What a sandbox in Stripe's place and no address for alerts are warned of.
ALWAYS = {"Stripe's address": "warning", "addresses": "warning"}


def test_keys_of_the_environment_are_told_and_proven(site: Site) -> None:
    found = site.diagnose()
    assert statuses(found) == ALWAYS
    assert "this is used" in found["environment"].finding
    assert found["secret key"].finding == "sk_live_…WXYZ from the environment"
    assert found["public key"].finding.startswith("pk_live_…QRST from the environment")
    assert found["master account"].finding == site.sandbox.account_id
    owner = f"belongs to the master account ({site.sandbox.account_id}, Sandbox)"
    assert owner in found["account"].finding
    assert found["Vault"].finding == "not set up (VAULT_ADDR)"
    assert "there are none" in found["baked-in keys"].finding
    assert [(request.method, request.path) for request in site.sandbox.requests] == [
        ("GET", "/v1/account")
    ]


def test_a_key_of_another_account_is_wrong_and_both_accounts_are_named(site: Site) -> None:
    site.sandbox.add_account("acct_1SomebodyElse", key=OTHER)
    found = site.diagnose(secret_key=OTHER)
    account = found["account"]
    assert account.status is Status.WRONG
    assert "acct_1SomebodyElse" in account.finding
    assert site.sandbox.account_id in account.finding
    assert "the environment" in account.remedy


def test_without_a_master_account_the_keys_own_account_is_told(site: Site) -> None:
    found = site.diagnose(master_account_id=None)
    assert found["master account"].status is Status.WRONG
    assert "STRIPE_MASTER_ACCOUNT_ID" in found["master account"].remedy
    assert found["account"].status is Status.NOT_CHECKED
    assert site.sandbox.account_id in found["account"].finding


def test_without_any_key_every_source_is_told(site: Site) -> None:
    found = site.diagnose(secret_key=None, public_key=None, master_account_id=None)
    assert statuses(found) == ALWAYS | {"secret key": "wrong", "master account": "wrong"}
    for way in ("VAULT_ADDR", "STRIPE_SECRET_KEY", "bake-keys"):
        assert way in found["secret key"].remedy
    assert site.sandbox.requests == []


@pytest.mark.parametrize(
    ("setting", "value", "check"),
    [
        ("secret_key", "", "secret key"),
        ("secret_key", "sk_test_51PlantedTestKey", "secret key"),
        ("secret_key", PUBLIC, "secret key"),
        ("secret_key", None, "secret key"),
        ("public_key", SECRET, "public key"),
        ("public_key", "pk_test_51PlantedTestKey", "public key"),
        ("public_key", None, "public key"),
        ("master_account_id", "acct-1", "master account"),
    ],
)
def test_a_key_of_the_wrong_form_is_wrong_and_never_sent(
    site: Site, setting: str, value: str | None, check: str
) -> None:
    found = site.diagnose(**{setting: value})
    wrong = {name for name, each in found.items() if each.status is Status.WRONG}
    assert wrong == {check}
    assert found[check].remedy
    assert len(site.sandbox.requests) == (0 if setting == "secret_key" else 1)


def told_of_the_account(site: Site, **changes: Any) -> Check:
    found = site.diagnose(**changes)
    # The rest is told all the same.
    assert found["routing file"].status is Status.OK
    assert "clock" not in found
    return found["account"]


def test_a_key_that_stripe_refuses_is_wrong(site: Site) -> None:
    site.sandbox.revoke(SECRET)
    told = told_of_the_account(site)
    assert (told.status, "(401)" in told.finding) == (Status.WRONG, True)


def test_a_key_that_may_not_read_its_account_is_wrong(site: Site) -> None:
    site.sandbox.deny(SECRET, "/v1/account")
    told = told_of_the_account(site)
    assert (told.status, "(403)" in told.finding) == (Status.WRONG, True)
    assert "permission" in told.remedy


def test_stripe_that_limits_requests_is_a_warning(site: Site) -> None:
    site.sandbox.faults.rate_limit()
    assert told_of_the_account(site).status is Status.WARNING


def test_stripe_that_fails_is_wrong(site: Site) -> None:
    site.sandbox.faults.server_error()
    told = told_of_the_account(site)
    assert (told.status, "answers 500" in told.finding) == (Status.WRONG, True)


def test_stripe_that_cannot_be_reached_is_wrong_and_the_reason_is_told(site: Site) -> None:
    told = told_of_the_account(site, http_client=None, api_base="http://127.0.0.1:1")
    assert told.status is Status.WRONG
    for part in ("http://127.0.0.1:1", "Connection refused"):
        assert part in told.finding


def account(request: Request, **changes: Any) -> Answer:
    assert (request.method, request.path) == ("GET", "/v1/account")
    return Answer.json({"id": "acct_1", "object": "account", **changes})


def at(url: str, **changes: Any) -> dict[str, Any]:
    return {"http_client": None, "api_base": url, "master_account_id": "acct_1", **changes}


def test_an_account_that_may_not_take_charges_is_wrong(site: Site) -> None:
    with loopback_server(lambda request: account(request, charges_enabled=False)) as stripe:
        found = site.diagnose(**at(stripe.url))
    assert found["account"].status is Status.OK
    assert found["charges"].status is Status.WRONG


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(0, "ok"), (600, "warning"), (-600, "warning"), (4000, "wrong")]
)
def test_a_clock_that_is_off_is_told(site: Site, ahead_s: int, status: str) -> None:
    def answer(request: Request) -> Answer:
        told = account(request)
        headers = {**told.headers, "Date": formatdate(time.time() - ahead_s, usegmt=True)}
        return Answer(told.status, told.body, headers)

    with loopback_server(answer) as stripe:
        clock = site.diagnose(**at(stripe.url))["clock"]
    assert clock.status == status
    if ahead_s:
        assert ("ahead of" if ahead_s > 0 else "behind") in clock.finding


def test_an_answer_without_a_time_leaves_the_clock_unchecked(site: Site) -> None:
    with loopback_server(account) as stripe:
        assert site.diagnose(**at(stripe.url))["clock"].status is Status.NOT_CHECKED


# --- Vault ----------------------------------------------------------------------------------------


def vault(url: str, **changes: Any) -> dict[str, Any]:
    return {"vault_addr": url, "vault_token": TOKEN, "master_account_id": None, **changes}


@pytest.mark.parametrize("kv_version", ["1", "2"])
def test_vault_comes_first_and_what_is_below_it_is_told(site: Site, kv_version: str) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    site.sandbox.add_account("acct_vault", key=SECRET)
    with loopback_server(VaultStub(kv_version=kv_version)) as server:
        found = site.diagnose(**vault(server.url, master_account_id="acct_vault"))
    assert statuses(found) == ALWAYS
    told = found["Vault"].finding
    assert f"{server.url}, login by token" in told
    assert f"secret/stripe (KV version {kv_version})" in told
    assert "master_account_id, public_key, secret_key; this is used" in told
    assert found["secret key"].finding.endswith("from Vault (secret/stripe)")
    assert "sk_live_…WXYZ and pk_live_…QRST; not used" in found["environment"].finding
    assert "acct_vault as well" in found["spare account"].finding


def test_a_spare_key_of_another_account_is_a_warning(site: Site) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, master_account_id="acct_vault"))
    assert found["account"].status is Status.OK
    assert found["spare account"].status is Status.WARNING
    assert site.sandbox.account_id in found["spare account"].finding


def test_a_spare_key_that_stripe_refuses_is_a_warning(site: Site) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    site.sandbox.revoke(SECRET)
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, master_account_id="acct_vault"))
    assert found["spare account"].status is Status.WARNING


def test_spare_keys_are_not_asked_for_where_stripe_does_not_answer(site: Site) -> None:
    site.sandbox.faults.lose_reply(times=None)
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, master_account_id="acct_vault"))
    assert found["account"].status is Status.WRONG
    assert "spare account" not in found
    assert len(site.sandbox.requests) == 1


def test_spare_keys_that_would_fail_are_a_warning(site: Site) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, public_key=None))
    assert found["account"].status is Status.OK
    assert found["environment"].status is Status.WARNING
    assert "STRIPE_PUBLIC_KEY is missing" in found["environment"].finding


def test_two_master_accounts_are_wrong(site: Site) -> None:
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, master_account_id="acct_other"))
    assert found["master account"].status is Status.WRONG
    assert "acct_other" in found["master account"].finding


def test_a_vault_that_is_away_is_a_warning_while_other_keys_stand_in(site: Site) -> None:
    away = {"vault_addr": "http://127.0.0.1:1", "vault_token": TOKEN}
    found = site.diagnose(**away)
    assert found["Vault"].status is Status.WARNING
    assert "environment" in found["Vault"].remedy
    assert found["account"].status is Status.OK
    alone = site.diagnose(**away, secret_key=None, public_key=None)
    assert alone["Vault"].status is Status.WRONG
    assert alone["secret key"].status is Status.WRONG


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vault_token": "hvs.PlantedTokenOfNobody"}, "status 403"),
        ({"vault_token": None}, "no login"),
        ({"vault_path": "elsewhere"}, "status 404"),
    ],
)
def test_a_vault_that_refuses_is_wrong_and_hides_no_other_source(
    site: Site, changes: dict[str, Any], said: str
) -> None:
    with loopback_server(VaultStub()) as server:
        found = site.diagnose(**vault(server.url, **changes))
    assert found["Vault"].status is Status.WRONG
    assert said in found["Vault"].finding
    assert found["secret key"].status is Status.NOT_CHECKED
    assert "would fail" in found["environment"].finding
    assert site.sandbox.requests == []


def test_the_namespace_and_the_login_that_is_taken_are_told(site: Site) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    file = site.folder / "token"
    file.write_text(TOKEN, encoding="utf-8")
    with loopback_server(VaultStub(namespace="payments")) as server:
        # The token itself would come first, and AppRole later.
        login = {"vault_token": None, "vault_token_file": file, "vault_role_id": "role"}
        found = site.diagnose(**vault(server.url, vault_namespace="payments", **login))
    assert f"{server.url}, namespace payments, login by token file" in found["Vault"].finding
    assert found["account"].status is Status.OK


def test_a_login_that_is_denied_is_wrong(site: Site) -> None:
    denied = VaultStub(override={"/v1/auth/approle/login": error(400)})
    with loopback_server(denied) as server:
        app_role = {"vault_role_id": "r", "vault_secret_id": "PlantedId", "vault_token": None}
        found = site.diagnose(**vault(server.url, **app_role))
    assert found["Vault"].status is Status.WRONG
    assert "login by AppRole" in found["Vault"].finding


@pytest.mark.parametrize(("renewable", "status"), [(True, "ok"), (False, "warning")])
def test_a_token_that_ends_for_good_is_a_warning(site: Site, renewable: bool, status: str) -> None:
    site.sandbox.add_account("acct_vault", key=FIELDS["secret_key"])
    with loopback_server(VaultStub(ttl_s=7 * 3600, renewable=renewable)) as server:
        found = site.diagnose(**vault(server.url))
    assert found["Vault"].status == status
    assert "ends in 7 h" in found["Vault"].finding


# --- baked-in keys --------------------------------------------------------------------------------


@pytest.fixture
def baked(site: Site) -> Path:
    file: Path = site.settings["baked_keys_file"]
    write_baked_keys(
        file,
        secret_key=Secret(SECRET),
        public_key=Secret(PUBLIC),
        master_account_id=site.sandbox.account_id,
    )
    return file


def test_baked_in_keys_are_used_where_nothing_else_is_set(site: Site, baked: Path) -> None:
    found = site.diagnose(secret_key=None, public_key=None, master_account_id=None)
    assert statuses(found) == ALWAYS
    assert str(baked) in found["secret key"].finding


def test_baked_in_keys_that_others_can_read_are_wrong(site: Site, baked: Path) -> None:
    baked.chmod(0o644)
    found = site.diagnose(secret_key=None, public_key=None)
    assert found["baked-in keys"].status is Status.WRONG
    assert "0644" in found["baked-in keys"].finding
    # Below keys that are used they stop no bot yet.
    assert site.diagnose()["baked-in keys"].status is Status.WARNING


def test_one_key_in_two_places_is_asked_for_once(site: Site, baked: Path) -> None:
    found = site.diagnose()
    assert "environment" in found["baked-in keys"].finding
    assert len(site.sandbox.requests) == 1


# --- what the router itself would say -------------------------------------------------------------

VAULTS: dict[str, dict[str, Any]] = {
    "good": FIELDS,
    "half": {"secret_key": FIELDS["secret_key"]},
    "test mode": {**FIELDS, "secret_key": "sk_test_fakeOfVaultInTestMode"},
    "without account": {name: FIELDS[name] for name in ("secret_key", "public_key")},
}


@pytest.mark.parametrize("vault_has", [None, "away", "refuses", *VAULTS])
def test_the_doctor_finds_keys_wrong_where_the_router_does(
    site: Site, baked: Path, vault_has: str | None
) -> None:
    with loopback_server(VaultStub(VAULTS.get(vault_has or "", {}))) as server:
        address = "http://127.0.0.1:1" if vault_has == "away" else server.url
        token = "hvs.fakeTokenOfNobody" if vault_has == "refuses" else TOKEN
        for secret, public, account, mode in product(
            (SECRET, None, "", PUBLIC),
            (PUBLIC, None, "pk_test_fakeInTestMode"),
            (site.sandbox.account_id, None, "acct_vault", "nonsense"),
            (0o600, 0o644, 0),
        ):
            baked.chmod(mode or 0o600)
            settings = Settings(
                secret_key=secret,
                public_key=public,
                master_account_id=account,
                baked_keys_file=baked if mode else site.folder / "no_keys.py",
                vault_addr=None if vault_has is None else address,
                vault_token=token,
            )
            found = [str(check.status) for check in look(settings, may_ask=False)]
            assert ("wrong" in found) is refused_by_the_router(settings), settings


def refused_by_the_router(settings: Settings) -> bool:
    try:
        KeySources(settings).read()
    except ConfigurationError:
        return True
    return False
