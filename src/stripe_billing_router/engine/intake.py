"""From an intent to an operation: its key, its account, the cached facts of its customer."""

from __future__ import annotations

from ..core.deadline import within
from ..core.events import Declined, Events
from ..core.identifiers import check_idempotency_key
from ..core.ids import operation_id, random_key
from ..core.operation import Operation, State
from ..core.ports import Runtime
from ..core.receipt import Receipt
from ..domain.operations.intent import Intent
from ..errors import PaymentDeclinedError
from ..keys.keyring import Keyring
from .customer_cache import CustomerCache
from .engine import Engine


class Intake:
    """Has a helper's intent carried out within the time limit of a call."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        cache: CustomerCache,
        events: Events,
        runtime: Runtime,
        give_up_after_s: float,
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._cache = cache
        self._events = events
        self._runtime = runtime
        self._give_up_after_s = give_up_after_s

    def execute(self, intent: Intent, idempotency_key: str | None) -> Receipt:
        """Carry out an intent under its business key, or under a generated one."""
        if idempotency_key is None:
            return self._execute(intent, random_key(), keyed=False)
        return self._execute(intent, check_idempotency_key(idempotency_key), keyed=True)

    def read(self, intent: Intent) -> Receipt:
        """Carry out a read: it is never a retry of anything."""
        return self._execute(intent, random_key(), keyed=True)

    def _execute(self, intent: Intent, key: str, *, keyed: bool) -> Receipt:
        instruction = self._cache.complete(intent.instruction)
        with within(self._give_up_after_s):
            account = self._keyring.keys.master_account_id
            now_ms = self._runtime.now_ms()
            wanted = Operation(
                operation_id=operation_id(account, instruction.bot_id, instruction.action, key),
                bot_id=instruction.bot_id,
                action=instruction.action,
                idempotency_key=key,
                account=account,
                attempt=1,
                state=State.PENDING,
                fingerprint=intent.fingerprint,
                request_fingerprint=intent.request_fingerprint,
                instruction=instruction,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
            try:
                return self._engine.execute(wanted, keyed=keyed)
            except PaymentDeclinedError:
                # The cached default payment method may be out of date.
                self._events.publish(Declined(instruction.customer_id))
                raise
