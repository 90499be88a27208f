"""Which account the secret keys belong to. Stripe is asked for `GET /v1/account` only."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall
from ..core.secret import Secret
from ..domain.resend import ALARMING_SKEW_MS, MISLEADING_SKEW_MS
from ..gateway.clock import clock_ahead_s, described
from ..keys.sources import Checked
from ..settings import Settings
from .diagnosis import Check, info, not_checked, ok, warning, wrong
from .sources import Source

_NAME: Final = "account"
_PROOF: Final = StripeCall("account", "accounts.retrieve_current")

_CONNECT_S: Final = 4.0
_ANSWER_S: Final = 7.0


def look_at_account(settings: Settings, source: str, keys: Checked) -> Generator[Check, None, bool]:
    """Ask Stripe for the account of the key in use; return whether there was an answer."""
    if keys.secret is None:
        yield not_checked(_NAME, "there is no key to ask with")
        return True
    answer = _ask(settings, keys.secret)
    if isinstance(answer, Failure):
        yield _failed(answer, settings, source)
        return answer.http_status is not None
    account = str(answer.body.get("id"))
    if keys.master_account_id is None:
        yield not_checked(
            _NAME, f"the secret key belongs to {account}, and no master account is named"
        )
    elif account != keys.master_account_id:
        yield wrong(
            _NAME,
            f"the secret key belongs to {account}, and the master account is "
            f"{keys.master_account_id}",
            f"Put the master account's key into {source}, or correct STRIPE_MASTER_ACCOUNT_ID.",
        )
    else:
        name = _display_name(answer.body)
        of = f", {name}" if name else ""
        yield ok(_NAME, f"the secret key belongs to the master account ({account}{of})")
    if answer.body.get("charges_enabled") is False:
        yield wrong(
            "charges",
            f"Stripe does not let {account} accept charges",
            "See the dashboard for what Stripe still requires.",
        )
    yield _clock(answer)
    return True


def look_at_others(settings: Settings, used: Checked, lower: Sequence[Source]) -> Iterator[Check]:
    """Ask for the account of the keys that would be used if the sources before were unavailable."""
    for source in lower:
        spare = source.checked
        if spare is None or spare.secret is None or spare.secret == used.secret:
            continue
        name = "spare account"
        answer = _ask(settings, spare.secret)
        if isinstance(answer, Failure):
            if answer.http_status in {401, 403}:
                yield warning(
                    name,
                    f"Stripe refuses the secret key of {source.answer.source} "
                    f"({answer.http_status})",
                    "Correct it, or remove it: it would be the next to be used.",
                )
            continue
        account = str(answer.body.get("id"))
        if account == (spare.master_account_id or used.master_account_id):
            yield info(name, f"its secret key belongs to {account} as well")
        else:
            yield warning(
                name,
                f"the secret key of {source.answer.source} belongs to {account}, which is not the "
                "master account",
                "Replace or remove it: with the sources before it unavailable, no bot could pay.",
            )


def _ask(settings: Settings, secret: Secret) -> Reply | Failure:
    from ..gateway.gateway import StripeGateway  # noqa: PLC0415 - The SDK is slow to load.

    gateway = StripeGateway(
        secret,
        api_base=settings.api_base,
        http_client=settings.http_client,
        connect_timeout_s=min(_CONNECT_S, settings.connect_timeout_s),
        read_timeout_s=min(_ANSWER_S, settings.read_timeout_s),
        call_timeout_s=min(_ANSWER_S, settings.call_timeout_s),
    )
    try:
        return gateway.send(_PROOF, idempotency_key=None)
    except CallFailedError as failed:
        return failed.failure
    finally:
        gateway.close()


def _failed(failure: Failure, settings: Settings, source: str) -> Check:
    if failure.kind is FailureKind.AUTHENTICATION:
        return wrong(
            _NAME,
            f"Stripe refuses the secret key from {source} (401): rolled, expired, or never valid",
            "Put the key there that the dashboard shows now.",
        )
    if failure.kind is FailureKind.PERMISSION:
        return wrong(
            _NAME,
            f"the secret key from {source} may not read its own account (403), so its account "
            "cannot be verified",
            "Give the restricted key the permission to read the account.",
        )
    if failure.kind is FailureKind.RATE_LIMITED:
        return warning(_NAME, "Stripe is limiting requests (429)", "Ask again in a minute.")
    address = settings.api_base
    if failure.kind is FailureKind.NOT_SENT:
        return wrong(
            _NAME,
            f"{address} cannot be reached: {_why(address)}",
            "Check the network, the name server and the firewall. Proxy variables are not used.",
        )
    answer = f"answers {failure.http_status}" if failure.http_status else "gives no whole answer"
    return wrong(_NAME, f"{address} {answer}", "Try again later, and see status.stripe.com.")


def _why(address: str) -> str:
    """Say how far a connection to an address gets."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except socket.gaierror:
        return "its name cannot be resolved"
    except TimeoutError:
        return "nothing answers there"
    except OSError as error:
        return error.strerror or type(error).__name__
    return "the connection is not secure: its certificate is not Stripe's"


def _display_name(body: Mapping[str, Any]) -> str:
    dashboard = (body.get("settings") or {}).get("dashboard") or {}
    name = dashboard.get("display_name") or (body.get("business_profile") or {}).get("name")
    return name if isinstance(name, str) else ""


def _clock(answer: Reply) -> Check:
    name, remedy = "clock", "Have the host keep time (NTP)."
    ahead_s = clock_ahead_s(answer, time.time_ns() // 1_000_000)
    if ahead_s is None:
        return not_checked(name, "the answer does not say what time it is at Stripe")
    if 1000 * abs(ahead_s) > MISLEADING_SKEW_MS:
        return wrong(name, f"{described(ahead_s)}: no operation begins", remedy)
    if 1000 * abs(ahead_s) > ALARMING_SKEW_MS:
        return warning(name, described(ahead_s), remedy)
    return ok(name, f"within {abs(ahead_s) + 1:.0f} s of Stripe's")
