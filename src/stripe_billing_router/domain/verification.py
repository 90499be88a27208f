"""Does an answer belong to the master account?

A Stripe object never names the account it belongs to, only other parties to it. Every field that
may name an account is checked, and one well-formed foreign account there is a mismatch. A malformed
account id, or an object that is not live, is suspicious: it stops the bot, but reverses nothing,
because a false alarm must not refund a good payment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..core.calls import StripeCall, writes
from ..core.operation import Operation, State
from .objects.table import reversible

_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9_]+", re.ASCII)
ACCOUNT_HEADER: Final = "stripe-account"
# The fields of a Stripe object that may name an account: its own, and nested ones.
_DIRECT: Final = ("on_behalf_of", "account")
_NESTED: Final = (("transfer_data", "destination"), ("issuer", "account"))


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


_ALL_WELL: Final = Verdict()


def verify(body: Mapping[str, Any], headers: Mapping[str, str], master_account: str) -> Verdict:
    """Check every account and `livemode` in an answer against the master account.

    A foreign account anywhere outweighs a suspicion found before it.
    """
    suspected_account: Verdict | None = None
    suspected_mode: Verdict | None = None
    found: list[tuple[str, Any]] = []
    if ACCOUNT_HEADER in headers:
        found.append(("Stripe-Account header", headers[ACCOUNT_HEADER]))
    waiting: list[tuple[str, Any]] = [("", body)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Mapping):
            # Metadata is free text and names no account.
            inner = [
                (f"{path}{key}.", value)
                for key, value in item.items()
                if key != "metadata" and isinstance(value, Mapping | list)
            ]
            if not path or "object" in item:
                found += _named_accounts(path, item)
                if item.get("livemode", True) is not True:
                    suspected_mode = suspected_mode or Verdict(
                        suspicion=f"{path or 'the answer'} is not in live mode",
                        where=f"{path}livemode",
                    )
        else:
            inner = [(path, one) for one in item if isinstance(one, Mapping | list)]
        waiting += reversed(inner)
    for where, account in found:
        if account == master_account:
            continue
        if isinstance(account, str) and _ACCOUNT.fullmatch(account):
            return Verdict(foreign_account=account, where=where)
        suspected_account = suspected_account or Verdict(
            suspicion=f"{where} is not an account id: {str(account)[:80]!r}", where=where
        )
    return suspected_account or suspected_mode or _ALL_WELL


def _named_accounts(path: str, item: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return each account that one Stripe object names, with the field."""
    named = [(path + name, item[name]) for name in _DIRECT if item.get(name) is not None]
    for name, key in _NESTED:
        holder = item.get(name)
        if isinstance(holder, Mapping) and holder.get(key) is not None:
            named.append((f"{path}{name}.{key}", holder[key]))
    settings = item.get("invoice_settings")
    issuer = settings.get("issuer") if isinstance(settings, Mapping) else None
    if isinstance(issuer, Mapping) and issuer.get("account") is not None:
        named.append((f"{path}invoice_settings.issuer.account", issuer["account"]))
    # An expanded account has an id.
    return [
        (where, value.get("id") if isinstance(value, Mapping) else value) for where, value in named
    ]


def state_after(operation: Operation, call: StripeCall, verdict: Verdict) -> State:
    """Return what becomes of an operation one of whose answers is a mismatch.

    Only a well-formed foreign account in the answer to a write has anything reversed, and of that
    only what this operation created; a refund creates nothing that could be.
    """
    if (
        verdict.foreign_account is not None
        and call.writes
        and reversible(operation.steps, operation.operation_id)
    ):
        return State.ROLLING_BACK
    wrote = any(writes(step.method) for step in operation.steps)
    return State.UNKNOWN if wrote else State.FAILED
