"""Does an answer belong to the master account?

A Stripe object never names the account it belongs to, only other parties to it. Every field that
may name an account is checked, and one well-formed foreign account there is a mismatch. A malformed
account id, or an object that is not live, is suspicious: it stops the bot, but reverses nothing,
because a false alarm must not refund a good payment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9_]+", re.ASCII)
ACCOUNT_HEADER: Final = "stripe-account"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer showed. `foreign_account` and `suspicion` are both None when it is good."""

    foreign_account: str | None = None
    suspicion: str | None = None
    where: str = ""

    @property
    def ok(self) -> bool:
        """Whether the answer may be trusted."""
        return self.foreign_account is None and self.suspicion is None


def verify(body: Mapping[str, Any], headers: Mapping[str, str], master_account: str) -> Verdict:
    """Check every account and `livemode` in an answer against the master account.

    A foreign account anywhere outweighs a suspicion found before it.
    """
    suspicious: Verdict | None = None
    for where, account in _named_accounts(body, headers):
        if account == master_account:
            continue
        if isinstance(account, str) and _ACCOUNT.fullmatch(account):
            return Verdict(foreign_account=account, where=where)
        suspicious = suspicious or Verdict(
            suspicion=f"{where} is no account id: {str(account)[:80]!r}", where=where
        )
    for where, item in _objects(body, ""):
        if item.get("livemode", True) is not True:
            suspicious = suspicious or Verdict(
                suspicion=f"{where or 'the answer'} is not in live mode", where=f"{where}livemode"
            )
    return suspicious or Verdict()


def _named_accounts(
    body: Mapping[str, Any], headers: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    if ACCOUNT_HEADER in headers:
        yield "Stripe-Account header", headers[ACCOUNT_HEADER]
    for path, item in _objects(body, ""):
        for name, holder, key in (
            ("on_behalf_of", item, "on_behalf_of"),
            ("account", item, "account"),
            ("transfer_data.destination", item.get("transfer_data"), "destination"),
            ("issuer.account", item.get("issuer"), "account"),
            ("invoice_settings.issuer.account", _issuer_of_settings(item), "account"),
        ):
            if isinstance(holder, Mapping) and holder.get(key) is not None:
                yield path + name, _id_of(holder[key])


def _issuer_of_settings(item: Mapping[str, Any]) -> Any:
    settings = item.get("invoice_settings")
    return settings.get("issuer") if isinstance(settings, Mapping) else None


def _id_of(value: Any) -> Any:
    """Return the id of an account that may be expanded."""
    return value.get("id") if isinstance(value, Mapping) else value


def _objects(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every Stripe object in an answer with its path, the answer itself first."""
    if isinstance(value, Mapping):
        if not path or "object" in value:
            yield path, value
        for key, item in value.items():
            # Metadata is free text and names no party.
            if key != "metadata" and isinstance(item, Mapping | list):
                yield from _objects(item, f"{path}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, path)
