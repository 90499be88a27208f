"""Where the keys come from, which are used, and whose they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..keys.formats import hint
from ..settings import Settings
from .account import look_at_account, look_at_others
from .diagnosis import Check, info, not_checked, ok, warning, wrong
from .sources import VARIABLE, Source, Usable, named_account, sources
from .words import in_two


def look(settings: Settings, *, may_ask: bool = True) -> Iterator[Check]:
    """Look at each source, at the keys that the router would use, and at their account.

    `may_ask` is false where Stripe's address is not known.
    """
    found = sources(settings)
    # Where the router looks no further.
    last = next((at for at, source in enumerate(found) if source.decides), len(found))
    for at, source in enumerate(found):
        yield _lower(source, found[last]) if at > last else _upper(source, found[at + 1 :])
    if last == len(found):
        yield wrong(
            "secret key",
            "there are no Stripe keys",
            "Set VAULT_ADDR and a login, or STRIPE_SECRET_KEY and STRIPE_PUBLIC_KEY, or run "
            "`stripe-billing-router bake-keys`.",
        )
        yield _master_account(*named_account({VARIABLE: settings.master_account_id}))
        return
    chosen, lower = found[last], found[last + 1 :]
    if chosen.usable is None:
        why = f"{chosen.told} comes first, and does not give them"
        yield not_checked("secret key", why)
        return
    yield from _keys(chosen, chosen.usable)
    if not may_ask:
        yield not_checked("account", "correct Stripe's address first")
        return
    is_answering = yield from look_at_account(settings, chosen.told, chosen.usable)
    if is_answering:
        yield from look_at_others(settings, chosen.usable, lower)


def _upper(source: Source, lower: Sequence[Source]) -> Check:
    """Tell of a source that is used, or that was passed over on the way to it."""
    if source.refused:
        finding = f"{source.finding}: {source.refused}"
        if source.name == "Vault":
            return wrong(
                source.name,
                finding,
                "Look at the address, the login, its policy, and whether the secret is there; or "
                "unset VAULT_ADDR. No other source is tried.",
            )
        return wrong(source.name, *in_two(source.refused))
    if source.away:
        finding = f"{source.finding}: cannot be reached ({source.away})"
        stand_in = next((other for other in lower if other.usable), None)
        if stand_in is None:
            return wrong(source.name, finding, "Bring it back; no other source has keys.")
        return warning(
            source.name,
            finding,
            f"Bring it back; meanwhile the keys from {stand_in.told} are used.",
        )
    if source.usable is None:
        return info(source.name, source.finding)
    if not math.isinf(source.login_ends_s):
        return warning(
            source.name,
            f"{source.finding}; this is used until the token ends",
            "Use a token that can be renewed, a token file, AppRole or Kubernetes.",
        )
    return ok(source.name, f"{source.finding}; this is used")


def _lower(source: Source, chosen: Source) -> Check:
    """Tell of a source that is not used, because another comes before it."""
    if source.refused:
        return warning(source.name, *in_two(source.refused, "Correct it, or remove it."))
    if source.usable is None:
        return info(source.name, source.finding)
    if source.usable.problems:
        problem, remedy = in_two(next(iter(source.usable.problems.values())))
        return warning(
            source.name,
            f"would be tried if {chosen.told} were away, and would fail: {problem}",
            remedy,
        )
    shown = source.usable.shown
    return info(source.name, f"has {shown}; not used, because {chosen.told} comes first")


def _keys(chosen: Source, usable: Usable) -> Iterator[Check]:
    for name, key in (("secret key", usable.secret), ("public key", usable.public)):
        if key is not None:
            unknown = "; whose it is, Stripe does not tell" if name == "public key" else ""
            yield ok(name, f"{hint(key)} from {chosen.told}{unknown}")
        else:
            yield wrong(name, *in_two(usable.problems[name]))
    yield _master_account(usable.account, usable.problems.get("master account", ""))


def _master_account(account: str | None, problem: str) -> Check:
    if account is None:
        return wrong("master account", *in_two(problem))
    return ok("master account", account)
