"""The database behind journal and ledger: connections, transactions, and what its errors mean.

SQLite (one host, local disk) or PostgreSQL (many hosts), through SQLAlchemy Core. A unit of work
is a function of a connection that `run` calls in one transaction. It may be called again, even
after a commit whose reply was lost, so it must recognize its own writes.
"""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc

from ..core.forks import renew_after_fork
from ..core.secret import Secret
from ..errors import ConfigurationError
from . import schema
from .errors import DatabaseRefusedError, DatabaseUnavailableError

T = TypeVar("T")
Connection = sa.Connection

# How long a statement waits for another's lock. A call gives up within 20 s in all, and commits
# twice; a process that holds the lock for this long is stuck, not busy.
LOCK_WAIT_S: Final = 8.0
CONNECT_TIMEOUT_S: Final = 5
# Deadlocks and serialization failures end within a few tries: each try lets one through.
MAX_TRIES: Final = 8
FIRST_PAUSE_S: Final = 0.005

# SQLSTATE: a retry may succeed at once.
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
# SQLSTATE: reported as a programming error, but the fault is in the server: a missing privilege,
# table or schema.
_OPERATIONAL: Final = frozenset({"42501", "42P01", "3F000"})

# Connections made before a fork belong to the parent. The child must neither use nor close them
# (closing ends the server's session, and makes SQLite drop locks), so it keeps them unused.
_of_the_parent: list[Any] = []


class Database:
    """One database. Nothing is opened before the first `run`; safe for threads and after a fork.

    `seen_file` records that a SQLite database was created. A missing one is created only where it
    was never seen: an empty journal would forget every business key.
    """

    def __init__(
        self, url: str | Secret, *, seen_file: Path | None = None, lock_wait_s: float = LOCK_WAIT_S
    ) -> None:
        self._url = parsed_url(url)
        self._seen_file = seen_file
        self._lock_wait_s = lock_wait_s
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self.dialect_name = "sqlite" if self.is_sqlite else "postgresql"
        self._file = Path(str(self._url.database)) if self.is_sqlite else None
        self._schema_is_current = False
        self._is_copied = False
        self._start()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Leave the connections to the parent; the next use opens new ones."""
        _of_the_parent.append((self._engine, self._finalizer))
        self._finalizer.detach()
        self._is_copied = True

    def __repr__(self) -> str:
        # Tracebacks with locals may show one whose address was refused.
        return f"<Database {self.description if hasattr(self, '_file') else '…'}>"

    @property
    def file(self) -> Path | None:
        """The SQLite file; None for a server."""
        return self._file

    @property
    def description(self) -> str:
        """Name the database for a person, without user, password or options."""
        if self._file is not None:
            return f"SQLite {self._file}"
        return f"PostgreSQL {self._url.database or ''} at {self._url.host or 'its default host'}"

    def run(self, work: Callable[[Connection], T], *, write: bool = True) -> T:
        """Call `work` in one transaction and commit it.

        Raises:
            DatabaseUnavailableError: the database cannot do it now.
            DatabaseRefusedError: it does not accept the statement or its values.
            ConfigurationError: its schema is newer than this package.
        """
        for tries in range(1, MAX_TRIES + 1):
            try:
                self._expect_own_and_same()
                if not self._schema_is_current:
                    self._prepare_schema()
                with self.transaction(write=write) as connection:
                    return work(connection)
            except exc.DBAPIError as error:
                if tries < MAX_TRIES and _is_worth_another_try(error, tries):
                    time.sleep(random.uniform(0.5, 1.5) * FIRST_PAUSE_S * 2**tries)  # noqa: S311
                    continue
                failure = self._given_up(error)
            except (UnicodeError, OverflowError) as error:
                # SQLite's driver raises these for text and numbers that it cannot bind.
                failure = DatabaseRefusedError(f"{self.description}: {type(error).__name__}")
            except (exc.TimeoutError, OSError) as error:
                failure = DatabaseUnavailableError(f"{self.description}: {error}")
            except (KeyboardInterrupt, SystemExit) as error:
                # It passes, but without the driver's frames: their variables hold the password.
                error.__context__ = error.__cause__ = None
                raise error.with_traceback(None) from None
            # Outside the `except`: nothing that holds the password or the row is chained to it.
            raise failure
        raise AssertionError("unreachable")

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Connection]:
        """Open one transaction; commit it at the end, or roll it back. Errors are SQLAlchemy's."""
        if not (self.is_sqlite and write):
            with self._reader.begin() as connection:
                yield connection
            return
        # SQLite has one writer. Threads queue here, in order, instead of polling its file lock.
        if not self._writing.acquire(timeout=self._lock_wait_s):
            raise DatabaseUnavailableError(
                f"{self.description}: locked for {self._lock_wait_s:g} s"
            )
        try:
            with self._engine.begin() as connection:
                yield connection
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        if not self._is_copied:
            self._engine.dispose()

    # --- inside -----------------------------------------------------------------------------------

    def _start(self) -> None:
        self._is_copied = False
        self._writing = threading.Lock()
        self._schema_is_current = False
        self._file_id: tuple[int, int] | None = None
        self._engine = self._new_engine()
        self._reader = self._engine.execution_options(sbr_reads_only=True)
        self._finalizer = weakref.finalize(self, _dispose, self._engine, os.getpid())

    def _new_engine(self) -> sa.Engine:
        options: dict[str, Any] = {"hide_parameters": True, "pool_use_lifo": True}
        if self.is_sqlite:
            options["connect_args"] = {
                "timeout": self._lock_wait_s,
                "check_same_thread": False,  # The pool hands a connection to one thread at a time.
                "isolation_level": None,  # We send BEGIN ourselves, to take the lock up front.
            }
            options |= {"pool_size": 4, "max_overflow": 28, "pool_timeout": self._lock_wait_s}
        else:
            options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S}
            options |= {"pool_size": 8, "max_overflow": 24, "pool_timeout": self._lock_wait_s}
        try:
            engine = sa.create_engine(self._url, **options)
        except ImportError as error:
            raise ConfigurationError(
                f"The ledger's database needs a driver that is not installed ({error.name})",
                "Install stripe_billing_router[postgres].",
            ) from None
        if self.is_sqlite:
            event.listen(engine, "connect", self._on_sqlite_connect)
            event.listen(engine, "begin", _on_sqlite_begin)
        else:
            event.listen(engine, "connect", self._on_postgresql_connect)
        return engine

    def _on_sqlite_connect(self, connection: Any, _record: Any) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            _switch_to_wal(connection, self._lock_wait_s)
        # A commit is on the disk when it returns, even if the power fails.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    def _on_postgresql_connect(self, connection: Any, _record: Any) -> None:
        wait_ms = int(self._lock_wait_s * 1000)
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {wait_ms}")
            cursor.execute(f"SET statement_timeout = {2 * wait_ms}")
        connection.commit()

    def _prepare_schema(self) -> None:
        if self._file is not None:
            self._create_file(self._file)
        with self.transaction(write=False) as connection:
            current = schema.is_current(connection)
        if not current:
            from . import migrate  # noqa: PLC0415 - imports Alembic, and is rarely needed

            with self.transaction() as connection:
                migrate.upgrade(connection)
        self._remember_seen()
        self._schema_is_current = True

    def _create_file(self, path: Path) -> None:
        """Create the file for its owner only, before SQLite makes it readable for others."""
        if self._file_id is not None:
            return
        if not path.exists() and self.was_seen():
            raise DatabaseUnavailableError(
                f"{self.description} is missing, though it was created before; restore it, or "
                f"remove {self._seen_file} to begin with an empty one"
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if not stat.S_ISREG(path.stat().st_mode):
                raise DatabaseUnavailableError(f"{self.description} is not a file") from None
        self._file_id = _identity(path)

    def was_seen(self) -> bool:
        """Return whether the SQLite database was created here before."""
        try:
            return self._seen_file is not None and self._seen_file.read_text() == str(self._file)
        except FileNotFoundError:
            return False

    def _remember_seen(self) -> None:
        if self._file is None or self._seen_file is None or self.was_seen():
            return
        self._seen_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._seen_file.touch(mode=0o600)
        self._seen_file.write_text(str(self._file))

    def _expect_own_and_same(self) -> None:
        """Leave the parent process's connections, and notice a file that was moved or replaced.

        Writes to the old file would be lost. A missing file is unavailable, and not recreated.
        """
        if self._is_copied:
            self._start()
        if self._file is None or self._file_id is None:
            return
        try:
            identity = _identity(self._file)
        except FileNotFoundError:
            raise DatabaseUnavailableError(f"{self.description} has vanished") from None
        if identity != self._file_id:
            self._engine.dispose()
            self._file_id = identity
            self._schema_is_current = False

    def _given_up(self, error: exc.DBAPIError) -> Exception:
        # The first line names the error; PostgreSQL's further lines show the row.
        first_line = str(error.orig).partition("\n")[0]
        message = f"{self.description}: {type(error.orig).__name__}: {first_line}"
        if _is_refusal(error):
            return DatabaseRefusedError(message)
        self._schema_is_current = False
        if not self.is_sqlite:
            self._engine.dispose()  # After a fail-over, new connections find the new server.
        return DatabaseUnavailableError(message)


def parsed_url(url: str | Secret) -> sa.URL:
    """Return the URL with a known driver; a relative SQLite path becomes absolute.

    Raises:
        ConfigurationError: no ledger can be kept there. Its frames hold nothing of the URL.
    """
    parsed, problem, remedy = _judged(url.reveal() if isinstance(url, Secret) else url)
    if parsed is None:
        raise ConfigurationError(problem, remedy)
    return parsed


def _judged(url: str) -> tuple[sa.URL | None, str, str]:
    """Return the URL, or None with what is wrong with it and the remedy."""
    try:
        parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except (exc.ArgumentError, ValueError):
        return (
            None,
            "The ledger's database URL cannot be parsed",
            "Write it like sqlite:////srv/billing/ledger.db or postgresql://user@host/database.",
        )
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        password = parsed.query.get("password")
        if isinstance(password, str):
            # There SQLAlchemy masks it when it shows the URL.
            parsed = parsed.set(password=password).difference_update_query(["password"])
        return parsed, "", ""
    if backend != "sqlite":
        return (
            None,
            f"The ledger cannot be kept in {backend!r}",
            "Use SQLite on one host, PostgreSQL for several.",
        )
    if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
        return (
            None,
            "The ledger's SQLite database is not a plain file",
            "Name a file: one in memory would lose every business key with the process.",
        )
    return parsed.set(database=str(Path(str(parsed.database)).absolute())), "", ""


def _on_sqlite_begin(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("sbr_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _switch_to_wal(connection: sqlite3.Connection, wait_s: float) -> None:
    """Switch to the write-ahead log, once in a database's life.

    When processes start at the same time, SQLite refuses all but one without waiting.
    """
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - only to get out of step


def _is_worth_another_try(error: exc.DBAPIError, tries: int) -> bool:
    # A connection that died in the pool is replaced, and the new one is tried too.
    return _sqlstate(error) in _TRY_AGAIN or (error.connection_invalidated and tries <= 2)


def _is_refusal(error: exc.DBAPIError) -> bool:
    kinds = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
    return isinstance(error, kinds) and _sqlstate(error) not in _OPERATIONAL


def _sqlstate(error: exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _dispose(engine: sa.Engine, pid: int) -> None:
    if pid == os.getpid():
        engine.dispose()
    else:
        _of_the_parent.append(engine)
