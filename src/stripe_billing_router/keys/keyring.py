"""Holds the Stripe keys, keeps them current, and hands out none that is not verified.

A key is verified when `GET /v1/account` has shown that it is the master account's. Keys from Vault
are read again every few minutes, and at once when Stripe refuses them (401): then operations in
progress go on with a newer key, and the step that was refused is sent again as it was.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..core.deadline import remaining_s
from ..core.ports import Alert, ClosableGateway, Gateway
from ..core.secret import Secret
from ..core.single_flight import SingleFlight
from ..errors import (
    BillingError,
    ConfigurationError,
    InvalidKeyError,
    KeyAccountMismatchError,
    MasterAccountError,
    StripeUnavailableError,
)
from .proof import verify_key
from .refresher import Refresher
from .renewal import MOST_ROLLS, RenewingGateway
from .sources import Keys, KeySources, SourceAwayError

# How often the source is asked while it cannot be reached or has no usable key.
_RETRY_S: Final = 15.0

# An upper bound on the wait between reads: a thread cannot wait for longer than some weeks.
_LONGEST_S: Final = 24 * 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """The keys in use; replaced whole, so that readers need no lock."""

    keys: Keys
    gateway: ClosableGateway
    confirmed_s: float  # when their source last had them, by the monotonic clock
    verified_in: int | None = None  # the round of verifications in which the key was verified


class Keyring:
    """One set of keys at a time: read on first use, verified before the first operation with it.

    One thread at a time reads; others go on with what is held while that is good.

    Args:
        refresh_s: how often keys from Vault are read again, by a thread of the ring's own.
        stale_after_s: how long they may be used while Vault does not confirm them.
        pause_s: however many operations find their key refused, the source is asked no more often.
    """

    def __init__(
        self,
        sources: KeySources,
        open_gateway: Callable[[Secret], ClosableGateway],
        alert: Alert,
        *,
        refresh_s: float,
        stale_after_s: float,
        pause_s: float = 1.0,
    ) -> None:
        self._sources = sources
        self._can_change = sources.can_change
        self._open_gateway = open_gateway
        self._alert = alert
        self._refresh_s = refresh_s
        self._stale_after_s = stale_after_s
        self._pause_s = pause_s
        self._held: _Held | None = None
        # What is wrong with what the source has now; no operation begins until it is corrected.
        self._refusal: ConfigurationError | None = None
        self._read_s = -math.inf
        self._round = 0
        self._flight = SingleFlight(
            "The Stripe keys are being read, which takes longer than this call may, so nothing was "
            "sent"
        )
        self._refresher = Refresher(self)

    @property
    def keys(self) -> Keys:
        """The keys in use. Raises `ConfigurationError` where there are none."""
        return self._usable().keys

    def verified_gateway(self, account: str) -> Gateway:
        """Return the way to Stripe, after `GET /v1/account` has shown whose key it is.

        `account` is that of the operation: there is no way for one that began under another master
        account, since neither what is sent nor what is read with these keys would concern it.

        Raises `KeyAccountMismatchError`, `MasterAccountError`, `InvalidKeyError` or
        `StripeUnavailableError`; nothing else was sent then.
        """
        return RenewingGateway(
            self._verified(account).gateway, lambda refused: self._instead_of(refused, account)
        )

    def distrust(self) -> None:
        """Have the key verified again before its next use by any bot."""
        self._round += 1

    def refresh(self) -> None:
        """Read the keys again; what is wrong with them is kept and alerted, not raised."""
        self._flight.do("renew", self._renew)

    def refresh_in_s(self) -> float:
        """Return in how many seconds that should be done next."""
        held = self._held
        is_good = (
            held is not None
            and not held.keys.passed_over
            and self._refusal is None
            and held.confirmed_s >= self._read_s
        )
        wait_s = self._refresh_s if is_good else min(self._refresh_s, _RETRY_S)
        return max(min(wait_s, self._sources.due_in_s(), _LONGEST_S), self._pause_s)

    def close(self) -> None:
        """End the thread and close the connections to Stripe; the next use begins again."""
        self._refresher.stop()
        held, self._held = self._held, None
        if held is not None:
            held.gateway.close()

    # What is held.

    def _usable(self) -> _Held:
        held = self._held
        while (
            held is None or self._refusal is not None or (self._can_change and self._is_stale(held))
        ):
            self._flight.do("read", self._read)
            held = self._held
        if self._can_change:
            self._refresher.ensure_running()
        return held

    def _is_stale(self, held: _Held) -> bool:
        if not self._can_change:
            return False
        return time.monotonic() - held.confirmed_s > self._stale_after_s

    def _read(self) -> None:
        """Make sure that usable keys are held, or raise the reason why there are none."""
        held = self._held
        if held is None or self._is_stale(held):
            self._read_s = time.monotonic()
            keys = self._sources.read()
            self._refuse_another_account(keys)
            self._refusal = None
            self._report_source(keys)
            self._held = _Held(keys, self._open_gateway(keys.secret), time.monotonic())
        elif self._refusal is not None:
            if time.monotonic() - self._read_s > self._pause_s:
                self._renew()
            if self._refusal is not None:
                raise copy.copy(self._refusal)

    def _verified(self, account: str) -> _Held:
        held = self._usable()
        while held.verified_in != self._round:
            self._flight.do("verify", self._verify_held)
            held = self._usable()
        if held.keys.master_account_id != account:
            raise MasterAccountError(
                f"The operation belongs to {account}, and the keys to "
                f"{held.keys.master_account_id}, where it is neither sent nor looked for",
                "Finish it with the keys of its own account.",
            )
        return held

    def _verify_held(self) -> None:
        held = self._held
        if held is None or held.verified_in == self._round:
            return
        this_round = self._round
        try:
            verify_key(held.gateway, held.keys)
        except InvalidKeyError as error:
            refused = error
        else:
            self._held = replace(held, verified_in=this_round)
            return
        # It may have been rolled, so the source is read once more.
        newer = self._read_again() if self._may_ask() else None
        if self._refusal is not None:
            raise copy.copy(self._refusal)
        if newer is None:
            raise refused
        self._adopt(newer)

    # What replaces it.

    def _instead_of(self, refused: Gateway, account: str) -> Gateway | None:
        """Return the way to Stripe with a newer key than one that was refused; None without."""
        try:
            self._flight.do("replace", lambda: self._replace(refused))
            # What is held by now may have been read by another thread, and not be verified yet.
            return self._verified(account).gateway
        except BillingError:
            return None

    def _replace(self, refused: Gateway) -> None:
        for _ in range(MOST_ROLLS):
            if self._held is None or self._held.gateway is not refused:
                return
            if not self._may_ask():
                break
            if not self._renew():
                break
        if self._held is not None and self._held.gateway is refused:
            self.distrust()
            raise InvalidKeyError(
                f"Stripe refuses the key from {self._held.keys.source} (401), and there is no "
                "newer one",
                "Put a valid key there.",
            )

    def _may_ask(self) -> bool:
        """Wait until the source may be asked again; false if that is later than the call's end."""
        if not self._can_change:
            return True
        wait_s = max(0.0, self._read_s + self._pause_s - time.monotonic())
        left_s = remaining_s()
        if left_s is not None and wait_s > left_s:
            return False
        time.sleep(wait_s)
        return True

    def _renew(self) -> bool:
        """Read the keys again and use what is new; say whether to do so again at once."""
        newer = None if self._held is None else self._read_again()
        if newer is None:
            return False
        try:
            self._adopt(newer)
        except BillingError as error:
            problem = error
        else:
            return True
        if not problem.retryable:
            self._alert(
                "new_key_refused",
                "critical" if isinstance(problem, KeyAccountMismatchError) else "error",
                f"New keys were found and are not used: {problem.message} The previous keys stay "
                "in use.",
                once_key="new_key_refused",
            )
        # Perhaps rolled once more, or Stripe was unavailable while the new one was to be verified.
        return isinstance(problem, InvalidKeyError | StripeUnavailableError)

    def _read_again(self) -> Keys | None:
        """Return the keys of the source if they differ from those held; None otherwise."""
        held, self._read_s = self._held, time.monotonic()
        try:
            keys = self._sources.read_again()
        except SourceAwayError as away:
            self._alert(
                "key_source_unreachable",
                "error",
                f"{away}. The Stripe keys that are held stay in use for "
                f"{self._stale_after_s / 3600:g} h after they were last confirmed.",
                once_key="key_source_unreachable",
            )
            return None
        except ConfigurationError as bad:
            self._refusal = bad
            self._alert(
                "key_source_refuses",
                "critical",
                f"{bad.message} No operation begins until then.",
                once_key="key_source_refuses",
            )
            return None
        self._refusal = None
        self._report_source(keys)
        same = held is not None and (keys.secret, keys.master_account_id) == (
            held.keys.secret,
            held.keys.master_account_id,
        )
        if held is None or not same:
            return keys
        self._alert.over("new_key_refused")
        self._held = replace(held, keys=keys, confirmed_s=time.monotonic())
        return None

    def _adopt(self, keys: Keys) -> None:
        """Verify other keys and use them from now on, or raise why they cannot be verified."""
        self._refuse_another_account(keys)
        this_round, gateway = self._round, self._open_gateway(keys.secret)
        verify_key(gateway, keys)
        # The previous gateway closes with the operations that still use it.
        self._held = _Held(keys, gateway, time.monotonic(), this_round)
        self._alert.over("new_key_refused")
        log.info("the Stripe key from %s was replaced by a newer one", keys.source)

    def _refuse_another_account(self, keys: Keys) -> None:
        held = self._held
        if held is not None and held.keys.master_account_id != keys.master_account_id:
            raise MasterAccountError(
                f"{keys.source} now names {keys.master_account_id} as the master account instead "
                f"of {held.keys.master_account_id}, to which the operations in progress belong",
                "Restart the process to change the master account.",
            )

    def _report_source(self, keys: Keys) -> None:
        if keys.passed_over:
            self._alert(
                "key_source_unreachable",
                "error",
                f"{keys.passed_over}. The Stripe keys from {keys.source} are used instead.",
                {"source": keys.source},
                once_key="key_source_unreachable",
            )
            return
        for condition in ("key_source_unreachable", "key_source_refuses"):
            self._alert.over(condition)
        ends_in_s = self._sources.login_ends_in_s()
        if ends_in_s is None:
            self._alert.over("vault_token_ending")
            return
        self._alert(
            "vault_token_ending",
            "error",
            f"The token for {keys.source} ends in {max(ends_in_s, 0):.0f} s and cannot be renewed: "
            "the Stripe keys cannot be read after that. Configure a new one.",
            once_key="vault_token_ending",
        )
