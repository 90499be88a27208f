"""What an operator can set, and the one place that reads the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, Unpack, cast
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from .core.secret import MASK, Secret, wrapped
from .errors import ConfigurationError, MasterAccountError
from .redaction import holds_secret

if TYPE_CHECKING:
    from .core.fields import SettingsOptions

STRIPE_API: Final = "https://api.stripe.com"

# Field -> environment variable; the list in the documentation is made from this one. No variable
# is read anywhere else, and none that is not listed here has an effect.
VARIABLES: Final[Mapping[str, str]] = {
    "routing_config": "STRIPE_ROUTING_CONFIG",
    "limits_config": "STRIPE_LIMITS_CONFIG",
    "master_account_id": "STRIPE_MASTER_ACCOUNT_ID",
    "secret_key": "STRIPE_SECRET_KEY",
    "public_key": "STRIPE_PUBLIC_KEY",
    "ledger_url": "STRIPE_LEDGER_URL",
    "ledger_dir": "STRIPE_LEDGER_DIR",
    "api_base": "STRIPE_API_BASE",
    "alert_urls": "STRIPE_ALERT_URLS",
    "vault_mount": "STRIPE_VAULT_MOUNT",
    "vault_path": "STRIPE_VAULT_PATH",
    "vault_addr": "VAULT_ADDR",
    "vault_token": "VAULT_TOKEN",
    "vault_token_file": "VAULT_TOKEN_FILE",
    "vault_role_id": "VAULT_ROLE_ID",
    "vault_secret_id": "VAULT_SECRET_ID",
    "vault_kubernetes_role": "VAULT_KUBERNETES_ROLE",
    "vault_kubernetes_token_file": "VAULT_KUBERNETES_TOKEN_FILE",
    "vault_namespace": "VAULT_NAMESPACE",
    "vault_cacert": "VAULT_CACERT",
}

# An empty variable counts as unset, as in compose files and unit files that list every name, except
# where that would quietly pass over a key or the account it must belong to: those are refused.
_KEPT_WHEN_EMPTY: Final = frozenset({"master_account_id", "secret_key", "public_key"})

_VAULT_SEGMENT: Final = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*")


def _as_secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


# A text that `repr`, dumps and pickles of the settings never show. `str` is accepted and wrapped.
SecretText = Annotated[
    Secret,
    BeforeValidator(_as_secret),
    PlainSerializer(lambda _secret: MASK, return_type=str, when_used="json"),
]

_SECRET_FIELDS: Final = frozenset(
    {
        "secret_key", "public_key", "ledger_url", "alert_urls", "vault_token", "vault_role_id",
        "vault_secret_id",
    }
)  # fmt: skip

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Every setting of a router; immutable.

    `Settings(...)` takes its arguments and the defaults; `Settings.load(...)` reads the environment
    as well, and the arguments win. Texts that are or hold secrets are `Secret`.

    Args:
        **values: the fields below. A name that ends in `_s` is in seconds.

    Raises:
        ConfigurationError: a setting is unknown or its value cannot be used; it names the setting
            and never repeats a value that may be secret.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    routing_config: Path = Path("config/stripe_billing_router.yaml")
    # None: `config/spend_limits.yaml` if there is one. A file named here must exist.
    limits_config: Path | None = None
    master_account_id: str | None = None
    secret_key: SecretText | None = None
    public_key: SecretText | None = None
    # A SQLAlchemy address, which may hold a password. None: SQLite in `ledger_dir`.
    ledger_url: SecretText | None = None
    ledger_dir: Path = Path("finance_logs")
    api_base: str = STRIPE_API
    alert_urls: tuple[SecretText, ...] = ()
    vault_mount: str = "secret"
    vault_path: str = "stripe"
    vault_addr: str | None = None
    vault_token: SecretText | None = None
    vault_token_file: Path | None = None
    vault_role_id: SecretText | None = None
    vault_secret_id: SecretText | None = None
    vault_kubernetes_role: str | None = None
    vault_kubernetes_token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    vault_namespace: str | None = None
    vault_cacert: Path | None = None

    # Not from the environment.
    database_away: Literal["spill", "refuse"] = "spill"
    lease_s: Seconds = 30.0
    resume_within_s: Seconds = 3600.0
    give_up_after_s: Seconds = 20.0
    customer_cache_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 300.0
    connect_timeout_s: Seconds = 5.0
    # The longest silence while waiting for an answer, and the longest that one call may take.
    read_timeout_s: Seconds = 15.0
    call_timeout_s: Seconds = 18.0
    # How often keys are read from Vault again, and how long they may be used while it cannot be
    # reached: an outage over a night must not stop payments, and what Stripe refuses is replaced
    # at once whatever these say.
    key_refresh_s: Seconds = 300.0
    key_stale_after_s: Seconds = 24 * 3600.0
    # None: `_baked_keys.py` in the package's own folder, if it was generated there.
    baked_keys_file: Path | None = None
    # A `stripe.HTTPClient` to use instead of the pooled transport: the sandbox, or a test's.
    http_client: Any = Field(default=None, exclude=True, repr=False)

    def __init__(self, **values: Unpack[SettingsOptions]) -> None:
        values = cast("SettingsOptions", wrapped(values))
        problems: list[tuple[str, str]] = []
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = _in_plain_words(error)
        if problems:
            # Outside the `except`: pydantic's error holds the values and must not be chained.
            listed = "; ".join(f"{named(name)}: {why}" if name else why for name, why in problems)
            fields = {field for field, _ in problems}
            kind = MasterAccountError if fields == {"master_account_id"} else ConfigurationError
            raise kind(
                f"Settings cannot be used: {listed}", "Correct or unset them.", problems=problems
            )

    @classmethod
    def load(cls, **overrides: Unpack[SettingsOptions]) -> Self:
        """Read the environment.

        Args:
            **overrides: fields that win over it.

        Raises:
            ConfigurationError: as `Settings` does.
        """
        overrides = cast("SettingsOptions", wrapped(overrides))
        values: dict[str, Any] = {**_environment(), **overrides}
        return cls(**values)

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, values: Any) -> Any:
        """Give each field that is not a secret its text, unless that is a key or a token."""
        if not isinstance(values, Mapping):
            return values
        return {
            name: value.reveal()
            if isinstance(value, Secret)
            and (name == "alert_urls" or (name not in _SECRET_FIELDS and not _is_misplaced(value)))
            else value
            for name, value in values.items()
        }

    @property
    def database_url(self) -> Secret:
        """The ledger's database: `ledger_url`, else one SQLite file in `ledger_dir`."""
        if self.ledger_url is not None:
            return self.ledger_url
        return Secret(f"sqlite:///{self.ledger_dir.resolve() / 'stripe_ledger.db'}")

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        # In the environment it is one text; addresses hold neither blanks nor bare commas.
        return tuple(re.split(r"[\s,]+", value.strip(" \t\r\n,"))) if _has_text(value) else value

    @field_validator("api_base")
    @classmethod
    def _only_stripe_or_loopback(cls, value: str) -> str:
        address = _parse_address(value)
        origin = f"{address.scheme}://{address.netloc}"
        if origin != STRIPE_API and not is_loopback(address.hostname or ""):
            raise ValueError(f"may be {STRIPE_API} or a loopback address, and nothing else")
        return origin

    @field_validator("vault_addr")
    @classmethod
    def _plain_http_only_on_loopback(cls, value: str | None) -> str | None:
        if value is None:
            return None
        address = _parse_address(value)
        if address.scheme == "http" and not is_loopback(address.hostname or ""):
            raise ValueError("must be an https:// address; http:// is for loopback addresses only")
        return f"{address.scheme}://{address.netloc}"

    @field_validator("vault_mount", "vault_path")
    @classmethod
    def _stays_below_its_mount(cls, value: str) -> str:
        # `stripe/../../sys/x` would be normalised on its way and leave the mount.
        path = value.strip("/")
        if not all(_VAULT_SEGMENT.fullmatch(segment) for segment in path.split("/")):
            raise ValueError("may hold letters, digits, _ - . and / between names, and no '..'")
        return path

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        if self.call_timeout_s < self.read_timeout_s:
            raise ValueError("call_timeout_s is less than read_timeout_s, which is a part of it")
        if self.key_stale_after_s < self.key_refresh_s:
            raise ValueError(
                "key_stale_after_s is less than key_refresh_s, which confirms the keys"
            )
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("settings cannot be pickled: they may hold secrets")


def _environment() -> dict[str, Any]:
    found = {}
    for field, variable in VARIABLES.items():
        text = os.environ.get(variable)
        if text or (text is not None and field in _KEPT_WHEN_EMPTY):
            found[field] = Secret(text)
    return found


def _is_misplaced(value: Secret) -> bool:
    # A folder may be named like anything, but no setting is one name that is a key.
    return "/" not in value.reveal() and holds_secret(value.reveal())


def is_loopback(host: str) -> bool:
    """Say whether `host` names this machine: 127.0.0.0/8, ::1 or localhost."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _has_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip(" \t\r\n,"))


def _parse_address(value: str) -> SplitResult:
    # What is refused here is what parsers disagree about, and where a password could be.
    if not value.isascii() or re.search(r"[\s\\\x00-\x20\x7f]", value):
        raise ValueError("holds blanks, backslashes, control or non-ASCII characters")
    try:
        address = urlsplit(value.rstrip("/"))
        port = address.port
    except ValueError:
        raise ValueError("is not an address") from None
    if address.scheme not in {"http", "https"} or not address.hostname or port == 0:
        raise ValueError("must be http://host[:port] or https://host[:port]")
    if "@" in address.netloc:
        raise ValueError("must not hold a user name or password")
    if address.path or address.query or address.fragment or "?" in value or "#" in value:
        raise ValueError("must end after the host and port: no path, query or fragment")
    return address._replace(netloc=address.netloc.lower())


def named(field: str) -> str:
    """Name a setting for a person, with its variable if it has one."""
    return f"{field} ({VARIABLES[field]})" if field in VARIABLES else field


def _in_plain_words(error: ValidationError) -> list[tuple[str, str]]:
    """Return each setting and what is wrong with it, without any value."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "is not a setting"
        elif problem["type"] == "is_instance_of":
            reason = "must be text"
        elif isinstance(problem.get("input"), Secret):
            reason = "holds a key or token, which does not belong here"
        problems.append((field, reason))
    return problems
