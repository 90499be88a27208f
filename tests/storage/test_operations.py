"""Intents and outcomes: written once, found again, replaced only by who read the last version."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from stripe_billing_router import BotFrozenError, LedgerUnavailableError
from stripe_billing_router.core.operation import Operation, Result, State
from stripe_billing_router.storage.errors import DuplicateIntentError, StaleOperationError
from stripe_billing_router.storage.records import Records
from support.postgres import Server
from support.processes import pool_at_once
from support.records import begin_each, freeze, open_records, operation, row


def succeeded(of: Operation) -> Operation:
    result = Result(body={"id": "pi_1"}, paid=True, amount="10.00", currency="usd")
    return replace(of, state=State.SUCCEEDED, result=result)


def test_a_new_intent_is_written_and_found_by_any_process(opened: Callable[..., Records]) -> None:
    assert opened().find("op_nobody") is None
    assert opened().begin(operation()) is None
    assert opened().find(operation().operation_id) == operation()


def test_an_intent_that_is_there_is_returned_and_nothing_written(records: Records) -> None:
    records.begin(operation())
    stored = records.save(succeeded(operation()))
    assert records.begin(operation(attempt=9)) == stored
    assert records.find(stored.operation_id) == stored


def test_a_save_counts_its_version_and_carries_rows_and_freezes(records: Records) -> None:
    records.begin(operation())
    saved = records.save(succeeded(operation()), rows=[row()], freezes=[freeze("other:bot")])
    assert saved.version == 1
    assert records.find(saved.operation_id) == saved
    assert [found.action_type for found in records.ledger()] == ["charge"]
    assert [found.pattern for found in records.freezes()] == ["other:bot"]


def test_whoever_read_an_older_version_saves_nothing(records: Records) -> None:
    records.begin(operation())
    stored = records.save(succeeded(operation()))
    with pytest.raises(StaleOperationError) as error:
        records.save(operation(state=State.FAILED), rows=[row()])
    assert error.value.stored == stored
    assert list(records.ledger()) == []


def test_an_operation_that_is_nowhere_is_saved_whole(records: Records) -> None:
    """Its intent was spilled on a disk that is gone; what it led to is still written."""
    saved = records.save(replace(succeeded(operation()), version=3))
    assert records.find(saved.operation_id) == saved
    assert saved.version == 4


@pytest.mark.parametrize("pattern", ["stripe:finance:*", "finance:finance_router_bot", "*nance*"])
def test_a_frozen_bot_begins_nothing(records: Records, pattern: str) -> None:
    records.freeze(freeze(pattern, reason="Looked odd.", actor="ops"), row("frz", error=1))
    with pytest.raises(BotFrozenError, match=r"ops since 1970-01-01.*Looked odd"):
        records.begin(operation())
    assert records.find(operation().operation_id) is None
    assert records.begin(operation(bot_id="stripe:growth:other")) is None


def test_freezes_are_lifted_by_pattern_and_stay_as_a_record(records: Records) -> None:
    for pattern in ("stripe:finance:*", "finance:*", "growth:*"):
        records.freeze(freeze(pattern))
    lifting = row(None, action_type="unfreeze", amount=None)
    assert records.unfreeze("finance:*", lifted_by="ops", row=lifting) == 2
    assert records.unfreeze("finance:*", lifted_by="ops", row=lifting) == 0
    assert [found.pattern for found in records.freezes()] == ["growth:*"]
    assert len(records.freezes(include_lifted=True)) == 3
    assert list(records.ledger()) == [lifting]
    assert records.begin(operation()) is None


def test_a_key_that_is_known_replays_though_its_bot_is_frozen(records: Records) -> None:
    records.begin(operation())
    records.freeze(freeze())
    assert records.begin(operation()) == operation()


def test_a_save_may_ask_whether_the_bot_was_frozen_meanwhile(records: Records) -> None:
    records.begin(operation())
    records.freeze(freeze())
    with pytest.raises(BotFrozenError):
        records.save(operation(attempt=2), check_freeze=True)
    assert records.find(operation().operation_id) == operation()
    assert records.save(operation(state=State.FAILED)).version == 1


@pytest.mark.parametrize("same", ["fingerprint", "request_fingerprint"])
@pytest.mark.parametrize("state", [State.PENDING, State.UNKNOWN, State.AWAITING_APPROVAL])
def test_an_equal_unsettled_operation_may_be_a_reason_to_refuse(
    records: Records, same: str, state: State
) -> None:
    first = operation("first", state=state)
    records.begin(first)
    second = operation("second", **{same: getattr(first, same)})
    asked: list[Operation] = []

    def refuse(found: Operation) -> bool:
        asked.append(found)
        return len(asked) == 1

    with pytest.raises(DuplicateIntentError) as error:
        records.begin(second, refuse_if=refuse)
    assert error.value.existing == first
    assert records.find(second.operation_id) is None
    assert records.begin(second, refuse_if=refuse) is None
    assert asked == [first, first]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.OPEN, State.ROLLED_BACK])
def test_a_settled_operation_is_no_reason_to_refuse(records: Records, state: State) -> None:
    first = operation("first", state=state)
    records.begin(first)
    second = operation("second", fingerprint=first.fingerprint)
    assert records.begin(second, refuse_if=lambda _found: True) is None


def test_nor_is_the_operation_of_another_bot(records: Records) -> None:
    first = operation("first", bot_id="stripe:growth:other")
    records.begin(first)
    second = operation("second", fingerprint=first.fingerprint)
    assert records.begin(second, refuse_if=lambda _found: True) is None


def test_operations_are_listed_by_state_bot_and_time(records: Records) -> None:
    for number, state in enumerate([State.PENDING, State.UNKNOWN, State.SUCCEEDED]):
        records.begin(operation(str(number), state=state, created_ms=number))
    records.begin(operation("other", bot_id="stripe:growth:other", created_ms=9))

    def keys(**wanted: object) -> list[str]:
        return [found.idempotency_key for found in records.operations(**wanted)]  # type: ignore[arg-type]

    assert keys() == ["other", "2", "1", "0"]
    assert keys(limit=1) == ["other"]
    assert keys(state=State.UNKNOWN) == ["1"]
    assert keys(state=[State.UNKNOWN, State.SUCCEEDED], oldest_first=True) == ["1", "2"]
    assert keys(bot_id="growth:other") == keys(bot_id="stripe:growth:other") == ["other"]
    assert keys(created_before_ms=1) == ["0"]


def test_a_charge_costs_two_commits(records: Records) -> None:
    records.begin(operation("warm up"))
    commits: list[None] = []
    engine = records._storage.database._engine
    event.listen(engine, "commit", lambda _connection: commits.append(None))
    new = operation()
    records.begin(new, refuse_if=lambda _found: True)
    records.save(succeeded(new), rows=[row()])
    assert len(commits) == 2


def test_of_many_processes_that_begin_one_key_one_is_first(url: str, folder: Path) -> None:
    keys = [f"order-{number}" for number in range(10)]
    with pool_at_once(4) as pool:
        jobs = [pool.submit(begin_each, url, str(folder), keys) for _ in range(4)]
        answers = [job.result() for job in jobs]
    assert [sum(firsts) for firsts in zip(*answers, strict=True)] == [1] * len(keys)


def test_of_many_threads_that_begin_one_key_one_is_first(records: Records) -> None:
    barrier = threading.Barrier(16)

    def begin(number: int) -> bool:
        barrier.wait()
        records.begin(operation(f"own-{number}"))
        return records.begin(operation("shared")) is None

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(begin, range(16))) == 1
    assert len(records.operations()) == 17


def test_after_a_fork_the_child_has_connections_of_its_own(url: str, folder: Path) -> None:
    records = open_records(url, folder)
    records.begin(operation("before"))
    child = os.fork()
    if child == 0:
        failed = records.begin(operation("child")) is not None
        os._exit(failed or records.find(operation("before").operation_id) is None)
    assert records.begin(operation("parent")) is None
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(records.operations()) == 3
    records.close()


def commit_then_lose_the_reply(engine: sa.Engine, hang_up: Callable[[], None]) -> list[None]:
    """Let the next commit happen, and the connection die before its reply is read."""
    lost: list[None] = []

    def on_commit(connection: sa.Connection) -> None:
        if not lost:
            lost.append(None)
            connection.connection.dbapi_connection.commit()  # type: ignore[union-attr]
            hang_up()

    event.listen(engine, "commit", on_commit)
    return lost


def test_a_lost_reply_to_a_commit_is_not_taken_for_someone_elses_work(
    postgres: Server, postgres_url: str, folder: Path
) -> None:
    for act in ("begin", "save"):
        records = open_records(postgres_url, folder)
        new = operation(act)
        if act == "save":
            records.begin(new)
        records.freezes()
        engine = records._storage.database._engine
        lost = commit_then_lose_the_reply(engine, lambda: postgres.hang_up(postgres_url))
        if act == "begin":
            assert records.begin(new) is None
        else:
            assert records.save(new, rows=[row()]).version == 1
            assert len(list(records.ledger())) == 1
        assert lost
        assert records.operations(limit=1)[0].idempotency_key == act
        records.close()


def test_a_connection_that_died_in_the_pool_is_replaced(
    postgres: Server, postgres_url: str, folder: Path
) -> None:
    records = open_records(postgres_url, folder)
    records.begin(operation("before"))
    postgres.hang_up(postgres_url)
    assert records.begin(operation("after")) is None
    assert not records.degraded
    records.close()


@pytest.mark.parametrize("key", ["half a pair \ud800", "nul \0"])
def test_a_key_that_cannot_be_stored_begins_nothing(
    postgres_url: str, folder: Path, key: str
) -> None:
    records = open_records(postgres_url, folder)
    with pytest.raises(LedgerUnavailableError):
        records.begin(operation(key))
    assert records.operations() == []
    assert not records.degraded
    records.close()


def test_a_number_that_cannot_be_stored_begins_nothing(records: Records) -> None:
    with pytest.raises(LedgerUnavailableError):
        records.begin(operation(created_ms=2**70))
    assert records.operations() == []
