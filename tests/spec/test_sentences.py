"""Every sentence of the owner's document that the examples do not show already."""

import json
import re
from pathlib import Path

import pytest

import stripe_billing_router as billing
from stripe_billing_router import (
    ROUTING_TABLE,
    AccountMismatchError,
    InvalidKeyError,
    MasterAccountError,
    MissingKeyError,
    RouteKeyOverrideError,
    UnknownRouteError,
    UnsupportedCategoryError,
    UnsupportedDomainError,
)
from stripe_billing_router.engine.rollback import RollbackManager
from stripe_billing_router.gateway.methods import METHODS
from stripe_billing_router.testing import StripeSandbox

BOT = "finance:finance_router_bot"
SOURCES = Path(billing.__file__).parent
COLUMNS = [
    "id", "action_type", "amount", "currency", "timestamp_ms", "user_email", "bot_id",
    "destination_account", "raw_event_json", "error",
]  # fmt: skip


def test_charge_create_is_no_longer_used(sandbox: StripeSandbox) -> None:
    billing.charge(BOT, amount=1)
    billing.charge(BOT)
    assert sandbox.count("POST /v1/charges") == 0
    assert "payment_intents.create" in METHODS
    assert "charges.create" not in METHODS


@pytest.mark.parametrize("variable", ["STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY"])
def test_missing_keys_are_a_runtime_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(MissingKeyError) as caught:
        billing.charge(BOT, amount=1)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("variable", ["STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY"])
@pytest.mark.parametrize("value", ["", "   ", "{}_test_sandboxfake", "{}_test_", "nonsense"])
def test_empty_and_test_mode_keys_are_a_runtime_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value.format("pk" if "PUBLIC" in variable else "sk"))
    with pytest.raises(InvalidKeyError) as caught:
        billing.charge(BOT, amount=1)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize(
    ("bot", "error"),
    [
        ("paypal:finance:finance_router_bot", UnsupportedDomainError),
        ("gardening:finance_router_bot", UnsupportedCategoryError),
        ("finance:nobody", UnknownRouteError),
    ],
)
def test_unsupported_domains_categories_and_missing_rules_are_runtime_errors(
    sandbox: StripeSandbox, bot: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        billing.charge(bot, amount=1)
    assert isinstance(caught.value, RuntimeError)
    assert sandbox.requests == []


@pytest.mark.parametrize("name", ["secret_key", "public_key"])
def test_routes_must_never_supply_keys(home: Path, name: str) -> None:
    route = {
        "product_id": "prod_1",
        "price_id": "price_1",
        "customer_id": "cus_1",
        name: "sk_live_sandboxfake",
    }
    with pytest.raises(RouteKeyOverrideError):
        billing.register_route("finance", "sneaky", route)
    with pytest.raises(RouteKeyOverrideError):
        billing.register_override(
            {
                "business_category": "finance",
                "bot_name": "finance_router_bot",
                "key": "business",
                "value": "sneaky",
                "route": {name: "sk_live_sandboxfake"},
            }
        )
    with pytest.raises(RouteKeyOverrideError):
        billing.resolve_route(BOT, {name: "sk_live_sandboxfake"})


def test_the_router_injects_the_keys_and_a_route_carries_none(sandbox: StripeSandbox) -> None:
    billing.charge(BOT, amount=1)
    assert "key" not in " ".join(billing.resolve_route(BOT).model_dump())


def test_the_domain_may_prefix_the_bot_and_defaults_to_stripe(sandbox: StripeSandbox) -> None:
    assert billing.resolve_route(f"stripe:{BOT}") == billing.resolve_route(BOT)
    assert billing.charge(f"stripe:{BOT}", amount=1).bot_id == BOT


def test_the_routing_file_can_be_named_by_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = home / "other.yaml"
    text = (home / "config" / "stripe_billing_router.yaml").read_text()
    other.write_text(text.replace("finance_router_bot", "other_bot"))
    monkeypatch.setenv("STRIPE_ROUTING_CONFIG", str(other))
    assert list(ROUTING_TABLE) == [("stripe", "default", "finance", "other_bot")]


def test_a_charge_by_amount_is_a_payment_intent_and_by_price_an_invoice(
    sandbox: StripeSandbox,
) -> None:
    assert billing.charge(BOT, amount=10.0).object == "payment_intent"
    assert billing.charge(BOT, price_id="price_finance_standard").object == "invoice"


def test_the_ledger_has_exactly_these_columns(sandbox: StripeSandbox, home: Path) -> None:
    from sqlite3 import connect  # noqa: PLC0415 - As finance would look.

    billing.charge(BOT, amount=10.0)
    database = connect(home / "finance_logs" / "stripe_ledger.db")
    columns = [row[1] for row in database.execute("pragma table_info(stripe_ledger)")]
    database.close()
    assert columns == COLUMNS


def test_without_the_database_rows_fall_back_to_the_jsonl_file(home: Path) -> None:
    sandbox = StripeSandbox(account_id="acct_master")
    sandbox.add_customer("cus_finance_default", payment_method="pm_card_visa")
    billing.configure(
        http_client=sandbox.http_client(), ledger_url="postgresql://nobody@127.0.0.1:9/none"
    )
    receipt = billing.charge(BOT, amount=10.0)
    assert receipt.paid
    (line,) = (home / "finance_logs" / "stripe_ledger.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert list(row) == COLUMNS
    assert (row["action_type"], row["amount"], row["error"]) == ("charge", "10.00", 0)


def test_the_master_account_must_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_MASTER_ACCOUNT_ID")
    with pytest.raises(MasterAccountError) as caught:
        billing.charge(BOT, amount=1)
    assert "STRIPE_MASTER_ACCOUNT_ID" in str(caught.value)


def test_a_mismatch_is_logged_alerted_and_rolled_back(
    sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts: list[str] = []
    rolled_back: list[str] = []
    real = RollbackManager.auto_rollback

    def watched(self: RollbackManager, operation: billing.Operation, *rest: object) -> object:
        rolled_back.append(operation.operation_id)
        return real(self, operation, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RollbackManager, "auto_rollback", watched)
    billing.register_alert_sink(lambda kind, *_: alerts.append(kind))
    sandbox.faults.foreign_account("acct_other", method="POST")
    with pytest.raises(AccountMismatchError) as caught:
        billing.charge(BOT, amount=10.0)
    assert alerts == ["critical_discrepancy"]
    assert rolled_back == [caught.value.operation_id]
    first = min(billing.get_router().records.ledger(), key=lambda row: row.id)
    assert (first.error, first.destination_account) == (1, "acct_other")
    assert sandbox.refunded_minor() == 1000


def test_stripe_keys_and_billing_logic_are_in_this_module_only() -> None:
    """Only the gateway, and the sandbox in Stripe's place, may import the SDK."""
    for path in SOURCES.rglob("*.py"):
        where = path.relative_to(SOURCES).parts[0]
        if where not in {"gateway", "testing"}:
            assert not re.search(r"^\s*(import|from) stripe\b", path.read_text(), re.MULTILINE), (
                path
            )
