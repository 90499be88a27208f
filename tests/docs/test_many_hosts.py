"""The roles of docs/many-hosts.md, on a real PostgreSQL: what they may, and what they may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stripe_billing_router import BillingRouter, LedgerUnavailableError
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.doctor import diagnose
from support.pages import ROOT, blocks
from support.platform import BOT, Platform, platform_in
from support.postgres import Server

PAGE = ROOT / "docs" / "many-hosts.md"
ROLES = ("billing_bots", "billing_operator", "finance")


@pytest.fixture
def platform(tmp_path: Path, postgres_url: str) -> Iterator[Platform]:
    """A platform of the owner: its tables are there."""
    with platform_in(tmp_path, ledger_url=postgres_url) as built:
        assert built.router.records.freezes() == []
        yield built


@pytest.fixture
def place(postgres: Server, postgres_url: str, platform: Platform) -> Iterator[str]:
    """The name of the schema; its roles are those of the page, with this name behind."""
    name = str(sa.make_url(postgres_url).query["application_name"])
    (grants,) = [block.code for block in blocks(PAGE) if block.language == "sql"]
    for role in ROLES:
        grants = grants.replace(role, f"{role}_{name}")
    for table in ("schema_version", "operations", "ledger", "freezes"):
        grants = grants.replace(f"stripe_{table}", f"{name}.stripe_{table}")
    postgres._administer(grants)
    for role in ROLES:
        postgres._administer(f"GRANT USAGE ON SCHEMA {name} TO {role}_{name}")
    yield name
    for role in reversed(ROLES):
        postgres._administer(f"DROP OWNED BY {role}_{name}")
        postgres._administer(f"DROP ROLE {role}_{name}")


@pytest.fixture
def url_of(place: str, postgres_url: str) -> Callable[[str], str]:
    def of(role: str) -> str:
        url = sa.make_url(postgres_url)
        options = f"{url.query['options']} -c role={role}_{place}"
        return url.update_query_dict({"options": options}).render_as_string(hide_password=False)

    return of


@pytest.fixture
def router_of(platform: Platform, url_of: Callable[[str], str]) -> Callable[[str], BillingRouter]:
    """Open a router as one of the roles; what it may not do is an error and goes to no file."""

    def of(role: str) -> BillingRouter:
        folder = platform.folder / role
        return platform.another_router(
            ledger_url=url_of(role), ledger_dir=folder, database_away="refuse"
        )

    return of


RouterOf = Callable[[str], BillingRouter]


def test_bots_may_do_all_that_bots_do(platform: Platform, router_of: RouterOf) -> None:
    bots = router_of("billing_bots")
    paid = bots.charge(BOT, 10, idempotency_key="order-1")
    assert bots.charge(BOT, 10, idempotency_key="order-1").replayed
    assert bots.charge(BOT).paid
    assert bots.refund(BOT, paid.id, amount=4).paid
    assert bots.create_subscription(BOT).paid
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/payment_intents", times=None)
    with pytest.raises(Exception, match="not known"):
        bots.charge(BOT, 10, idempotency_key="order-2")
    platform.sandbox.faults.clear()
    assert bots.recover().unsettled == ()
    bots.freeze(BOT, reason="look first")
    assert bots.records.freezes() != []
    assert not bots.records.degraded


def test_bots_lift_no_freeze_and_the_operator_does(router_of: RouterOf) -> None:
    bots = router_of("billing_bots")
    bots.freeze(BOT, reason="look first")
    with pytest.raises(LedgerUnavailableError):
        bots.unfreeze(BOT, approver="ada")
    operator = router_of("billing_operator")
    assert operator.unfreeze(BOT, approver="ada") == 1
    assert operator.charge(BOT, 10).paid


def test_finance_reads_the_ledger_and_nothing_else(platform: Platform, router_of: RouterOf) -> None:
    platform.router.charge(BOT, 10)
    records = router_of("finance").records
    assert [row.action_type for row in records.ledger()] == ["charge"]
    for look in (records.operations, records.freezes):
        with pytest.raises(LedgerUnavailableError):
            look()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM stripe_ledger",
        "UPDATE stripe_ledger SET amount = 1",
        "DELETE FROM stripe_operations",
        "DELETE FROM stripe_freezes",
        "TRUNCATE stripe_ledger",
        "DROP TABLE stripe_freezes",
        "UPDATE stripe_schema_version SET version_num = '0002'",
        "CREATE TABLE another (id int)",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_nobody_of_them_rewrites_history(
    url_of: Callable[[str], str], role: str, statement: str
) -> None:
    url = sa.make_url(url_of(role)).set(drivername="postgresql+psycopg")
    engine: Any = sa.create_engine(url, poolclass=sa.NullPool)
    refused = "permission denied|must be owner"
    with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match=refused):
        connection.exec_driver_sql(statement)


def test_an_address_may_name_several_servers(platform: Platform, postgres: Server) -> None:
    if not postgres.port:
        pytest.skip("TEST_POSTGRES_URL names a server of another owner")
    (block,) = [found for found in blocks(PAGE) if "target_session_attrs" in found.code]
    address = block.code.strip().partition("=")[2].strip("'")
    url = sa.make_url(address)
    assert url.query["host"] == ("db1:5432", "db2:5432")
    hosts = ("127.0.0.1:9", f"127.0.0.1:{postgres.port}")
    options = sa.make_url(platform.settings["ledger_url"]).query["options"]
    named = url.set(username="tests", database="postgres").update_query_dict(
        {"host": hosts, "options": options}
    )
    router = platform.another_router(ledger_url=named.render_as_string(hide_password=False))
    assert router.charge(BOT, 10).paid
    assert not router.records.degraded
    assert [row.action_type for row in platform.rows] == ["charge"]


def test_a_doctor_says_which_rights_a_role_lacks(
    platform: Platform, url_of: Callable[[str], str]
) -> None:
    def lacking(role: str) -> str:
        changed = {"ledger_url": Secret(url_of(role))}
        settings = platform.router.settings.model_copy(update=changed)
        (found,) = [check for check in diagnose(settings).checks if check.name == "writing"]
        return "" if found.status == "ok" else found.finding

    assert lacking("billing_bots") == lacking("billing_operator") == ""
    finance = lacking("finance")
    assert "INSERT on stripe_ledger" in finance
    assert "SELECT on stripe_operations" in finance
    assert "SELECT on stripe_ledger" not in finance
