"""Whole processes with planted secrets: bots that die in every way, commands, debuggers, git."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stripe_billing_router.core.secret import Secret
from stripe_billing_router.keys.baked import write_baked_keys
from stripe_billing_router.testing import StripeSandbox
from stripe_billing_router.testing.server import SandboxServer
from support.commands import Forking
from support.loopback import Answer, LoopbackServer, loopback_server
from support.nobody import ALERT_URL, ALL, PUBLIC_KEY, SECRET_ID, SECRET_KEY, WEBHOOK_SECRET
from support.planted import holds_secrets, masked
from support.platform import BOT
from support.vault import VaultStub

ROLE_ID = "role-of-nobody"


@pytest.fixture(scope="module")
def stripe_url() -> Iterator[str]:
    sandbox = StripeSandbox()
    sandbox.add_customer("cus_finance_default", payment_method="pm_card_visa")
    server = SandboxServer(sandbox)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def alerted() -> Iterator[LoopbackServer]:
    with loopback_server(lambda _request: Answer()) as server:
        yield server


@pytest.fixture
def environment(
    stripe_url: str, alerted: LoopbackServer, routes: Path, tmp_path: Path
) -> dict[str, str]:
    """A bot's environment with every secret in its own place; the keys are in it as well."""
    port = alerted.url.rpartition(":")[2]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_PUBLIC_KEY": PUBLIC_KEY,
        "STRIPE_MASTER_ACCOUNT_ID": StripeSandbox().account_id,
        "STRIPE_ROUTING_CONFIG": str(routes),
        "STRIPE_LEDGER_DIR": str(tmp_path / "finance_logs"),
        "STRIPE_API_BASE": stripe_url,
        "STRIPE_ALERT_URLS": ALERT_URL.replace(":9/", f":{port}/"),
        "STRIPE_LOG": "debug",
        # Apprise warns of what Python deprecates.
        "PYTHONWARNINGS": "default",
    }


def run(
    *command: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def shows(result: subprocess.CompletedProcess[str]) -> list[str]:
    text = result.stdout + result.stderr
    found = [name for name, part in ALL.items() if part in text]
    return [*found, *(["one by its form"] if masked(text)[1] else [])]


BOT_PROGRAM = f"""
import asyncio, copy, faulthandler, http.client, logging, sys, threading, traceback
logging.basicConfig(level=logging.DEBUG)
way = sys.argv[1]
if "debuglevel" in sys.argv:
    http.client.HTTPConnection.debuglevel = 1
from stripe_billing_router import charge, freeze, get_router

def told(kind, error, frames):
    whole = traceback.TracebackException(kind, error, frames, capture_locals=True)
    print("".join(whole.format()), file=sys.stderr)

if way == "locals":
    sys.excepthook = told
elif way == "rich":
    import rich.traceback
    rich.traceback.install(show_locals=True, locals_max_string=9999, locals_max_length=9999)

def work():
    router = get_router()
    keys, settings = router._parts.keyring.keys, router.settings
    paid = charge({BOT!r}, 10, idempotency_key="order-1")
    open_ = charge({BOT!r}, 11, customer_id="cus_finance_default", idempotency_key="order-2")
    held = [router, keys, settings, vars(router), paid, open_]
    freeze("other:bot", reason="incident")
    faulthandler.dump_traceback(all_threads=True)
    print(held, paid, f"{{paid}}", settings, keys)
    logging.error("%s %r", held, settings, extra={{"held": held}}, stack_info=True)
    try:
        charge({BOT!r}, 12, idempotency_key="order-1")
    except Exception:
        logging.exception("refused")
    raise RuntimeError(*held)

async def main():
    await asyncio.gather(asyncio.to_thread(work))

if way == "thread":
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
elif way == "asyncio":
    asyncio.run(main(), debug=True)
else:
    work()
"""


@pytest.mark.parametrize("way", ["plain", "locals", "rich", "thread", "asyncio"])
def test_a_bot_that_dies_shows_no_secret(
    environment: dict[str, str], tmp_path: Path, way: str
) -> None:
    options: tuple[str, ...] = ("-X", "dev", "-X", "faulthandler")
    if way != "rich":
        # It would print Apprise's requests as well, which are not ours to quiet.
        del environment["STRIPE_ALERT_URLS"]
        options = (*options, "-c", BOT_PROGRAM, way, "debuglevel")
    else:
        options = (*options, "-c", BOT_PROGRAM, way)
    result = run(*options, folder=tmp_path, environment=environment)
    assert "RuntimeError" in result.stderr
    assert "idempotency_conflict" in result.stderr or "IdempotencyConflictError" in result.stderr
    assert shows(result) == []


def test_a_bot_with_keys_from_vault_shows_no_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    account = environment["STRIPE_MASTER_ACCOUNT_ID"]
    fields = {"secret_key": SECRET_KEY, "public_key": PUBLIC_KEY, "master_account_id": account}
    login = {"role_id": ROLE_ID, "secret_id": SECRET_ID}
    stub = VaultStub(fields=fields, logins={"/v1/auth/approle/login": login})
    with loopback_server(stub) as vault:
        environment |= {
            "STRIPE_SECRET_KEY": "", "STRIPE_PUBLIC_KEY": "", "STRIPE_ALERT_URLS": "",
            "VAULT_ADDR": vault.url, "VAULT_ROLE_ID": ROLE_ID, "VAULT_SECRET_ID": SECRET_ID,
        }  # fmt: skip
        environment = {name: value for name, value in environment.items() if value}
        options = ("-c", BOT_PROGRAM, "locals", "debuglevel")
        result = run(*options, folder=tmp_path, environment=environment)
    assert "RuntimeError" in result.stderr
    assert vault.requests
    assert shows(result) == []


BAKED_PROGRAM = f"""
import gc, sys
from stripe_billing_router import charge, configure
router = configure(baked_keys_file=sys.argv[1])
assert charge({BOT!r}, 10, idempotency_key="order-1").paid
part = sys.argv[2].encode()  # Backwards, so that it is not found in itself.
found = []
for one in gc.get_objects():
    held = list(one.items()) if type(one) is dict else one
    if type(held) in (list, tuple, set, frozenset):
        texts = [x for pair in held for x in (pair if type(pair) is tuple else (pair,))]
        for text in texts:
            if type(text) in (str, bytes, bytearray):
                raw = text.encode("utf-8", "replace") if type(text) is str else bytes(text)
                if part[::-1] in raw:
                    found.append(type(one).__name__)
print("found", found)
"""


def test_no_object_of_the_sdk_holds_the_key(environment: dict[str, str], tmp_path: Path) -> None:
    """After a charge, no container in the whole process holds the key, save what masks it."""
    keys = {"secret_key": Secret(SECRET_KEY), "public_key": Secret(PUBLIC_KEY)}
    account = environment["STRIPE_MASTER_ACCOUNT_ID"]
    file = tmp_path / "baked_keys.py"
    write_baked_keys(file, **keys, master_account_id=account)
    for variable in ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "STRIPE_ALERT_URLS"):
        del environment[variable]
    part = ALL["secret key"][::-1]
    result = run("-c", BAKED_PROGRAM, str(file), part, folder=tmp_path, environment=environment)
    assert result.stdout.splitlines()[-1:] == ["found []"], masked(result.stderr)[0]


BOTS_TEST = f"""
from stripe_billing_router import charge, get_router

def test_my_bot():
    router = get_router()
    settings, keys = router.settings, router._parts.keyring.keys
    paid = charge({BOT!r}, 10, idempotency_key="order-1")
    assert paid == keys == settings
"""


def test_a_bots_own_failing_test_shows_no_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "test_bot.py").write_text(BOTS_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ("-m", "pytest", "--showlocals", "-vv", "--log-level=DEBUG", "-p", "no:cacheprovider")
    result = run(*options, "test_bot.py", folder=tmp_path, environment=environment)
    assert "settings   = " in result.stdout
    assert "1 failed" in result.stdout
    assert shows(result) == []


COMMANDS = [
    ("--help",),
    ("ledger",),
    ("recover",),
    ("resolve", SECRET_KEY),
    ("resolve", BOT, "--override", f"region={WEBHOOK_SECRET}"),
    ("freeze", BOT, "--reason", WEBHOOK_SECRET),
    ("bake-keys", "--from", "environment", "--output", "baked_keys.py"),
    (SECRET_KEY,),
    ("doctor",),
    ("doctor", "--json"),
]


@pytest.fixture
def commands(environment: dict[str, str]) -> Iterator[Forking]:
    # Stripe's SDK looks at it once.
    started = Forking("-X", "dev", "-W", "ignore", STRIPE_LOG=environment["STRIPE_LOG"])
    yield started
    started.close()


def test_no_command_shows_a_secret(
    environment: dict[str, str], commands: Forking, tmp_path: Path
) -> None:
    """Each in a process of its own, also where it is used wrongly."""
    first = run("-c", BOT_PROGRAM, "plain", folder=tmp_path, environment=environment)
    assert "RuntimeError" in first.stderr
    for arguments in COMMANDS:
        result = commands.run(*arguments, cwd=tmp_path, env=environment)
        told = masked(result.stdout + result.stderr)[0]
        assert told, arguments[0]
        assert "Traceback" not in told, told
        assert shows(result) == []


def test_git_is_started_without_the_environment(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """The one program that the package starts."""
    (tmp_path / ".git").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    git = programs / "git"
    git.write_text(f"#!/bin/sh\n/usr/bin/env >> {tmp_path}/given\ncat /proc/$$/environ\nexit 0\n")
    git.chmod(0o755)
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    output = holds_secrets(tmp_path / "x" / "keys.py")
    output.parent.mkdir()
    arguments = ("bake-keys", "--from", "environment", "--output", str(output))
    run("-m", "stripe_billing_router", *arguments, folder=tmp_path, environment=environment)
    given = (tmp_path / "given").read_text()
    assert {line.partition("=")[0] for line in given.splitlines()} <= {
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }
