"""The fields of what the public functions take, for type checkers and editors.

Nothing imports this at run time, so it costs no program anything. Values have the types that Stripe
documents at the top level; what is nested is Stripe's to judge. Words of which Stripe may add more
(`proration_behavior`, `locale`) are `str`.
"""

# Without `from __future__ import annotations`: a `TypedDict` does not see `NotRequired` in a text.
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, NotRequired, TypedDict

from .secret import Secret

SecretText = str | Secret
FilePath = str | PathLike[str]


class CustomerInfo(TypedDict, total=False):
    """What `create_customer` takes. Stripe: "Create a customer"."""

    address: Mapping[str, Any]
    business_name: str
    description: str
    email: str
    individual_name: str
    invoice_settings: Mapping[str, Any]
    metadata: Mapping[str, str]
    name: str
    payment_method: str
    phone: str
    preferred_locales: Sequence[str]
    shipping: Mapping[str, Any]
    tax_exempt: str
    tax_id_data: Sequence[Mapping[str, Any]]


class SubscriptionParams(TypedDict, total=False):
    """What `create_subscription` takes besides its own arguments. Stripe: "Create a subscription".

    None leaves a parameter out. Times are in seconds since the epoch.
    """

    automatic_tax: Mapping[str, Any] | None
    billing_cycle_anchor: int | None
    cancel_at: int | str | None
    cancel_at_period_end: bool | None
    default_payment_method: str | None
    default_tax_rates: Sequence[str] | None
    description: str | None
    discounts: Sequence[Mapping[str, Any]] | None
    metadata: Mapping[str, str] | None
    proration_behavior: str | None
    trial_end: int | Literal["now"] | None
    trial_period_days: int | None
    trial_settings: Mapping[str, Any] | None


class RefundParams(TypedDict, total=False):
    """What `refund` takes besides its own arguments. Stripe: "Create a refund".

    None leaves a parameter out.
    """

    instructions_email: str | None
    metadata: Mapping[str, str] | None
    refund_application_fee: bool | None
    reverse_transfer: bool | None


class CheckoutParams(TypedDict, total=False):
    """What `create_checkout_session` takes. Stripe: "Create a Checkout Session".

    Times are in seconds since the epoch.
    """

    after_expiration: Mapping[str, Any]
    allow_promotion_codes: bool
    automatic_tax: Mapping[str, Any]
    billing_address_collection: str
    cancel_url: str
    client_reference_id: str
    consent_collection: Mapping[str, Any]
    custom_fields: Sequence[Mapping[str, Any]]
    custom_text: Mapping[str, Any]
    customer_update: Mapping[str, Any]
    discounts: Sequence[Mapping[str, Any]]
    expires_at: int
    invoice_creation: Mapping[str, Any]
    line_items: Sequence[Mapping[str, Any]]
    locale: str
    metadata: Mapping[str, str]
    mode: Literal["payment", "setup", "subscription"]
    name_collection: Mapping[str, Any]
    payment_method_collection: str
    phone_number_collection: Mapping[str, Any]
    redirect_on_completion: str
    return_url: str
    shipping_address_collection: Mapping[str, Any]
    submit_type: str
    success_url: str
    tax_id_collection: Mapping[str, Any]
    ui_mode: str


class RouteFields(TypedDict):
    """The fields of a `Route`."""

    product_id: str
    price_id: str
    customer_id: str
    currency: NotRequired[str | None]
    subscription_price_id: NotRequired[str | None]
    description: NotRequired[str | None]
    payment_method_id: NotRequired[str | None]
    user_email: NotRequired[str | None]
    metadata: NotRequired[Mapping[str, str]]


class RouteChanges(TypedDict, total=False):
    """The fields of a route that an override replaces: at least one."""

    product_id: str
    price_id: str
    customer_id: str
    currency: str
    subscription_price_id: str
    description: str
    payment_method_id: str
    user_email: str
    metadata: Mapping[str, str]


class OverrideFields(TypedDict):
    """A rule for `register_override`: which bot, which `overrides={key: value}`, what changes."""

    business_category: str
    bot_name: str
    key: str
    value: str
    route: RouteChanges | Mapping[str, Any]
    domain: NotRequired[str]
    region: NotRequired[str]


class SettingsOptions(TypedDict, total=False):
    """The fields of `Settings`, as `configure` and `BillingRouter` take them.

    A name that ends in `_s` is in seconds.
    """

    routing_config: FilePath
    limits_config: FilePath | None
    master_account_id: str | None
    secret_key: SecretText | None
    public_key: SecretText | None
    ledger_url: SecretText | None
    ledger_dir: FilePath
    api_base: str
    alert_urls: SecretText | Sequence[SecretText]
    vault_mount: str
    vault_path: str
    vault_addr: str | None
    vault_token: SecretText | None
    vault_token_file: FilePath | None
    vault_role_id: SecretText | None
    vault_secret_id: SecretText | None
    vault_kubernetes_role: str | None
    vault_kubernetes_token_file: FilePath
    vault_namespace: str | None
    vault_cacert: FilePath | None
    database_away: Literal["spill", "refuse"]
    lease_s: float
    resume_within_s: float
    give_up_after_s: float
    customer_cache_s: float
    connect_timeout_s: float
    read_timeout_s: float
    call_timeout_s: float
    key_refresh_s: float
    key_stale_after_s: float
    baked_keys_file: FilePath | None
    http_client: Any  # a `stripe.HTTPClient`
