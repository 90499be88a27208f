"""Where the keys come from, which are used, and which account they belong to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from ..errors import MasterAccountError
from ..keys.formats import hint, one_master_account
from ..keys.sources import ACCOUNT_VARIABLE, Checked
from ..settings import Settings
from .account import look_at_account, look_at_others
from .diagnosis import Check, info, not_checked, ok, warning, wrong
from .sources import Source, sources

_ACCOUNT: Final = "master account"


def look(settings: Settings, *, may_ask: bool = True) -> Iterator[Check]:
    """Look at each source, at the keys that the router would use, and at their account.

    `may_ask` is false where Stripe's address is not known.
    """
    found = sources(settings)
    # Where the router looks no further.
    last = next((at for at, source in enumerate(found) if source.answer.decides), len(found))
    for at, source in enumerate(found):
        yield _lower(source, found[last]) if at > last else _upper(source, found[at + 1 :])
    if last == len(found):
        yield wrong(
            "secret key",
            "there are no Stripe keys",
            "Set VAULT_ADDR and a login, or STRIPE_SECRET_KEY and STRIPE_PUBLIC_KEY, or run "
            "`stripe-billing-router bake-keys`.",
        )
        yield _named_account(settings)
        return
    chosen, lower = found[last], found[last + 1 :]
    if chosen.checked is None:
        why = f"{chosen.answer.source} comes first, and does not give them"
        yield not_checked("secret key", why)
        return
    yield from _keys(chosen, chosen.checked)
    if not may_ask:
        yield not_checked("account", "correct Stripe's address first")
        return
    is_answering = yield from look_at_account(settings, chosen.answer.source, chosen.checked)
    if is_answering:
        yield from look_at_others(settings, chosen.checked, lower)


def _upper(source: Source, lower: Sequence[Source]) -> Check:
    """Report a source that is used, or that was passed over on the way to it."""
    answer = source.answer
    name = answer.name
    if answer.error is not None:
        if name == "Vault":
            return wrong(
                name,
                f"{source.finding}: {answer.reason}",
                "Check the address, the login, its policy, and whether the secret exists, or unset "
                "VAULT_ADDR. No other source is tried.",
            )
        return wrong(name, answer.error.problem, answer.error.remedy)
    if answer.is_away:
        finding = f"{source.finding}: cannot be reached ({answer.reason})"
        stand_in = next((other.answer for other in lower if other.checked), None)
        if stand_in is None:
            return wrong(name, finding, "Make Vault available again: no other source has keys.")
        return warning(
            name,
            finding,
            f"Make Vault available again. Until then the keys from {stand_in.source} are used.",
        )
    if source.checked is None:
        return info(name, source.finding)
    if not math.isinf(source.login_ends_s):
        return warning(
            name,
            f"{source.finding}; this is used until the token ends",
            "Use a token that can be renewed, a token file, AppRole or Kubernetes.",
        )
    return ok(name, f"{source.finding}; this is used")


def _lower(source: Source, chosen: Source) -> Check:
    """Report a source that is not used, because another comes before it."""
    answer = source.answer
    if answer.error is not None:
        return warning(answer.name, answer.error.problem, answer.error.remedy)
    if source.checked is None:
        return info(answer.name, source.finding)
    for error in source.checked.errors.values():
        return warning(
            answer.name,
            f"would be used if {chosen.answer.source} were unavailable, and would fail: "
            f"{error.problem}",
            error.remedy,
        )
    return info(
        answer.name,
        f"has {source.shown}; not used, because {chosen.answer.source} comes first",
    )


def _keys(chosen: Source, checked: Checked) -> Iterator[Check]:
    for name, key in (("secret key", checked.secret), ("public key", checked.public)):
        if key is not None:
            unknown = "; Stripe does not say whose it is" if name == "public key" else ""
            yield ok(name, f"{hint(key)} from {chosen.answer.source}{unknown}")
        else:
            yield wrong(name, checked.errors[name].problem, checked.errors[name].remedy)
    if checked.master_account_id is not None:
        yield ok(_ACCOUNT, checked.master_account_id)
    else:
        yield wrong(_ACCOUNT, checked.errors[_ACCOUNT].problem, checked.errors[_ACCOUNT].remedy)


def _named_account(settings: Settings) -> Check:
    try:
        return ok(_ACCOUNT, one_master_account({ACCOUNT_VARIABLE: settings.master_account_id}))
    except MasterAccountError as error:
        return wrong(_ACCOUNT, error.problem, error.remedy)
