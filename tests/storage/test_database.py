"""Schema, connections and what errors mean."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from stripe_billing_router import ConfigurationError, LedgerUnavailableError
from stripe_billing_router.storage import schema
from stripe_billing_router.storage.database import Connection, Database
from stripe_billing_router.storage.errors import DatabaseRefusedError, DatabaseUnavailableError
from stripe_billing_router.storage.records import Records
from support.postgres import Server
from support.processes import pool_at_once
from support.records import begin_each, freeze, open_records, operation, row


def run(records: Records, work: Callable[[Connection], Any], *, write: bool = False) -> Any:
    return records._storage.database.run(work, write=write)


def scalar(records: Records, statement: str) -> Any:
    return run(records, lambda connection: connection.exec_driver_sql(statement).scalar())


# --- schema ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_migrations_make_the_tables_that_statements_are_built_from(records: Records) -> None:
    def differences(connection: Connection) -> list[Any]:
        found = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        return list(compare_metadata(found, schema.metadata))

    # The indexes with an expression or a condition stand in the migration alone.
    migrated_only = ("by_object", "one_money_row", "_unsettled")
    records.freezes()
    left = [str(item) for item in run(records, differences)]
    assert [item for item in left if not any(name in item for name in migrated_only)] == []


def test_the_ledger_has_exactly_the_ten_columns(records: Records) -> None:
    records.freezes()
    columns = run(records, lambda connection: sa.inspect(connection).get_columns("stripe_ledger"))
    assert [column["name"] for column in columns] == [
        "id", "action_type", "amount", "currency", "timestamp_ms", "user_email", "bot_id",
        "destination_account", "raw_event_json", "error",
    ]  # fmt: skip
    required = {column["name"] for column in columns if not column["nullable"]}
    assert required == {"id", "action_type", "timestamp_ms", "raw_event_json", "error"}


@pytest.mark.parametrize("changes", [{"error": 2}, {"action_type": ""}, {"raw_event_json": None}])
def test_the_database_itself_refuses_broken_rows(records: Records, changes: dict[str, Any]) -> None:
    statement = sa.insert(schema.ledger).values(
        **{"id": "1", "action_type": "x", "timestamp_ms": 1, "raw_event_json": "{}", "error": 0}
        | changes
    )
    with pytest.raises(DatabaseRefusedError):
        run(records, lambda connection: connection.execute(statement), write=True)


UNSETTLED = f"bot_id = 'b' AND fingerprint = 'f' AND {schema.UNSETTLED_SQL}"


@pytest.mark.parametrize(
    ("table", "condition", "index"),
    [
        ("stripe_ledger", "{object_id} = 'pi_1'", "stripe_ledger_by_object"),
        ("stripe_ledger", "bot_id IN ('a', 'b') AND timestamp_ms > 5", "stripe_ledger_by_bot"),
        ("stripe_ledger", "timestamp_ms > 5", "stripe_ledger_by_time"),
        ("stripe_operations", UNSETTLED, "stripe_operations_unsettled"),
        (
            "stripe_operations",
            UNSETTLED.replace("fingerprint", "request_fingerprint"),
            "stripe_operations_unsettled_request",
        ),
        ("stripe_operations", "state = 'unknown'", "stripe_operations_by_state"),
    ],
)
def test_look_ups_use_their_index(records: Records, table: str, condition: str, index: str) -> None:
    records.freezes()
    dialect = records._storage.database.dialect_name
    condition = condition.format(object_id=schema.object_id_sql(dialect))

    def instruction(connection: Connection) -> str:
        explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
        if dialect == "postgresql":
            # Of an empty table a sequential scan is the better plan; ask whether it need be one.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        statement = f"{explain} SELECT * FROM {table} WHERE {condition}"  # noqa: S608
        return str(connection.execute(sa.text(statement)).all())

    assert index in run(records, instruction)


def test_the_real_look_up_by_object_uses_its_index(sqlite_url: str, folder: Path) -> None:
    records = open_records(sqlite_url, folder)
    records.log(row())
    statements: list[str] = []
    engine = records._storage.database._engine
    sa.event.listen(
        engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )
    assert len(list(records.ledger(object_id="pi_1"))) == 1
    (select,) = [statement for statement in statements if statement.startswith("SELECT")]

    def instruction(connection: Connection) -> str:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {select}", ("pi_1", 9, 0)).all())

    assert "USING INDEX stripe_ledger_by_object" in run(records, instruction)
    records.close()


def test_a_schema_of_a_newer_version_is_left_alone(opened: Callable[..., Records]) -> None:
    def make_newer(connection: Connection) -> None:
        table = schema.VERSION_TABLE
        connection.exec_driver_sql(f"UPDATE {table} SET version_num = '9999'")  # noqa: S608

    records = opened()
    run(records, make_newer, write=True)
    with pytest.raises(ConfigurationError, match="Update stripe_billing_router"):
        opened().begin(operation())


def test_alembic_is_imported_only_where_there_is_something_to_do(
    records: Records, url: str, folder: Path
) -> None:
    records.begin(operation())
    program = (
        "import sys; from pathlib import Path; from support.records import *\n"
        "records = open_records(sys.argv[1], Path(sys.argv[2]))\n"
        "assert records.begin(operation()) == operation()\n"
        "assert 'alembic' not in sys.modules\n"
        "records.close()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, url, str(folder)], check=True, env=environment)


def test_processes_that_start_at_once_make_the_schema_once(url: str, folder: Path) -> None:
    with pool_at_once(4) as pool:
        jobs = [pool.submit(begin_each, url, str(folder), [str(number)]) for number in range(4)]
        assert [job.result() for job in jobs] == [[True]] * 4
    records = open_records(url, folder)
    assert len(records.operations()) == 4
    assert not (folder / "journal.jsonl").exists(), "one of them thought the database away"
    records.close()


# --- SQLite ---------------------------------------------------------------------------------------


def test_sqlite_is_durable_and_for_its_owner_only(sqlite_url: str, folder: Path) -> None:
    records = open_records(sqlite_url, folder)
    records.begin(operation())
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}
    assert scalar(records, "PRAGMA journal_mode") == "wal"
    assert scalar(records, "PRAGMA synchronous") == 2
    assert scalar(records, "PRAGMA foreign_keys") == 1
    assert scalar(records, "SELECT typeof(amount) FROM stripe_ledger") is None
    records.log(row())
    assert scalar(records, "SELECT typeof(amount) FROM stripe_ledger") == "text"
    records.close()


def test_a_relative_path_stays_where_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = open_records("sqlite:///here/ledger.db", Path("logs"))
    monkeypatch.chdir("/")
    records.begin(operation())
    assert (tmp_path / "here" / "ledger.db").exists()
    records.close()


def test_a_lock_that_is_held_for_too_long_is_an_outage(sqlite_url: str, folder: Path) -> None:
    database = Database(sqlite_url, lock_wait_s=0.1)
    other = Database(sqlite_url, lock_wait_s=0.1)
    database.run(lambda _connection: None)
    other.run(lambda _connection: None)
    with database.transaction():
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            other.run(lambda _connection: None, write=True)
        failures: list[DatabaseUnavailableError] = []

        def wait_here() -> None:
            try:
                database.run(lambda _connection: None, write=True)
            except DatabaseUnavailableError as error:
                failures.append(error)

        thread = threading.Thread(target=wait_here)
        thread.start()
        thread.join()
        assert failures
    assert database.run(lambda _connection: 1, write=True) == 1
    database.close()
    other.close()


def test_a_database_that_vanished_is_not_made_anew(sqlite_url: str, folder: Path) -> None:
    """An empty journal would forget every business key, for this process and for the next."""
    records = open_records(sqlite_url, folder, database_away="refuse")
    records.begin(operation())
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.rename(path.with_name("elsewhere.db"))
    later = open_records(sqlite_url, folder, database_away="refuse")
    for one in (records, later):
        with pytest.raises(LedgerUnavailableError):
            one.begin(operation("new"))
        assert not path.exists()
    path.with_name("elsewhere.db").rename(path)
    for one in (records, later):
        assert one.begin(operation()) == operation()
        one.close()


def test_a_database_that_was_replaced_is_noticed(
    sqlite_url: str, tmp_path: Path, folder: Path
) -> None:
    records = open_records(sqlite_url, folder)
    records.begin(operation("old"))
    records.close()
    spare = open_records(f"sqlite:///{tmp_path}/spare.db", tmp_path / "spare")
    spare.begin(operation("new"))
    spare.close()
    (tmp_path / "spare.db").rename(sqlite_url.removeprefix("sqlite:///"))
    assert [found.idempotency_key for found in records.operations()] == ["new"]
    records.close()


@pytest.mark.parametrize("obstacle", ["a directory", "no database", "below a file"])
def test_a_path_that_cannot_be_a_database_is_an_outage(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "ledger.db"
    if obstacle == "a directory":
        path.mkdir()
    else:
        path.write_bytes(b"This is no database. " * 100)
    url = f"sqlite:///{path}{'/ledger.db' if obstacle == 'below a file' else ''}"
    records = open_records(url, tmp_path / "logs")
    assert records.begin(operation()) is None
    assert records.degraded
    assert records.is_spooled(operation().operation_id)
    records.close()


# --- PostgreSQL -----------------------------------------------------------------------------------


def test_deadlocks_are_tried_again(postgres_url: str, folder: Path) -> None:
    records = open_records(postgres_url, folder)
    for name in ("a", "b"):
        records.freeze(freeze(name, id=name))
    barrier = threading.Barrier(2)
    tries: list[str] = []

    def update_both(first: str, second: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            for number, name in enumerate((first, second)):
                if number and len(tries) <= 2:
                    barrier.wait(timeout=10)
                connection.exec_driver_sql(
                    f"UPDATE stripe_freezes SET reason = '{first}' WHERE id = '{name}'"  # noqa: S608
                )

        run(records, work, write=True)

    threads = [threading.Thread(target=update_both, args=pair) for pair in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3
    records.close()


def test_serialization_failures_are_tried_again_within_bounds(
    postgres_url: str, folder: Path
) -> None:
    records = open_records(postgres_url, folder)
    records.freezes()
    tries: list[None] = []

    def work(connection: Connection) -> None:
        tries.append(None)
        connection.exec_driver_sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(DatabaseUnavailableError):
        run(records, work, write=True)
    assert 3 < len(tries) < 20
    records.close()


def test_a_role_that_may_not_write_is_an_outage(
    postgres: Server, postgres_url: str, folder: Path
) -> None:
    open_records(postgres_url, folder).freezes()
    url = sa.make_url(postgres_url)
    place = url.query["application_name"]
    postgres._administer(f"CREATE ROLE reader_{place} LOGIN")
    postgres._administer(f"GRANT USAGE ON SCHEMA {place} TO reader_{place}")
    postgres._administer(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO reader_{place}")
    try:
        reader = open_records(
            url.set(username=f"reader_{place}").render_as_string(hide_password=False), folder
        )
        assert reader.freezes() == []
        assert reader.begin(operation()) is None
        assert reader.degraded
        reader.close()
    finally:
        postgres._administer(f"DROP OWNED BY reader_{place}")
        postgres._administer(f"DROP ROLE reader_{place}")


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no address",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://user:hunter2@host/db",
        "postgresql://user:hunter2@host:port/db",
    ],
)
def test_addresses_that_cannot_hold_a_ledger_are_refused(url: str, folder: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        open_records(url, folder)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_passwords_are_never_shown(scheme: str) -> None:
    database = Database(f"{scheme}://user:hunter2@127.0.0.1:1/db?password=hunter3")
    with pytest.raises(DatabaseUnavailableError) as error:
        database.run(lambda _connection: None)
    for text in (repr(database), database.description, str(error.value)):
        assert "hunter" not in text
        assert "127.0.0.1" in text
