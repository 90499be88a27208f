"""What sets a router up, as an operator's type checker sees it. Checked, never run."""

from pathlib import Path
from typing import Any, assert_type

from stripe_billing_router import BillingRouter, Receipt, Settings, configure
from stripe_billing_router.core.fields import SettingsOptions
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.testing import StripeSandbox, router_settings


def every_setting(folder: Path, secret: Secret, client: object) -> None:
    built = configure(
        routing_config="config/stripe_billing_router.yaml",
        limits_config=folder / "spend_limits.yaml",
        master_account_id="acct_1",
        secret_key=secret,
        public_key="pk",
        ledger_url=None,
        ledger_dir=folder,
        api_base="http://127.0.0.1:8080",
        alert_urls=["mailto://ops@example.com", secret],
        vault_mount="secret",
        vault_path="stripe",
        vault_addr=None,
        vault_token=secret,
        vault_token_file=folder / "token",
        vault_role_id=None,
        vault_secret_id=secret,
        vault_kubernetes_role=None,
        vault_kubernetes_token_file=str(folder),
        vault_namespace=None,
        vault_cacert=None,
        database_away="refuse",
        lease_s=30,
        resume_within_s=3600.0,
        give_up_after_s=20,
        customer_cache_s=0,
        connect_timeout_s=5,
        read_timeout_s=15,
        call_timeout_s=18,
        key_refresh_s=300,
        key_stale_after_s=86400,
        baked_keys_file=None,
        http_client=client,
    )
    assert_type(built, BillingRouter)


def ways_to_set_up(folder: Path, plain: dict[str, Any], sandbox: StripeSandbox) -> None:
    options: SettingsOptions = {"ledger_dir": folder, "alert_urls": "mailto://ops@example.com"}
    assert_type(configure(), BillingRouter)
    assert_type(configure(**options), BillingRouter)
    assert_type(configure(**plain), BillingRouter)
    assert_type(configure(**router_settings(sandbox, folder)), BillingRouter)
    assert_type(BillingRouter(**options), BillingRouter)
    assert_type(BillingRouter(**plain), BillingRouter)
    assert_type(Settings(**options), Settings)
    assert_type(Settings.load(**plain), Settings)

    router = BillingRouter(ledger_dir=folder)
    assert_type(router.charge("finance:finance_router_bot", "10.00"), Receipt)
    assert_type(router.settings, Settings)
    assert_type(router.settings.lease_s, float)
    assert_type(router.settings.secret_key, Secret | None)
    assert_type(router.public_key, str)
    assert_type(router.close(), None)


def what_is_no_setting(folder: Path) -> None:
    configure(ledger_folder=folder)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    configure(lease_s="30")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    configure(database_away="wait")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    configure(ledger_dir=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    BillingRouter(retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Settings(retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Settings.load(retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    BillingRouter().charge("finance:bot", api_key="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
