"""Importing the package costs little and does nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src" / "stripe_billing_router"

HEAVY = {
    "alembic", "apprise", "asyncio", "httpx", "hvac", "pydantic", "requests", "sqlalchemy", "ssl",
    "stripe", "urllib3", "yaml",
}  # fmt: skip

STATEMENTS = ["import stripe_billing_router"]
if (SRC / "api.py").exists():
    STATEMENTS.append("from stripe_billing_router import charge")

# Reading its own source is what an import is; all else would be an effect.
WATCHED = """
import sys
effects = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.", "sqlite3.", "shutil.", "tempfile.")):
        if event not in {"os.listdir", "os.scandir"}:
            effects.append(event)
    elif event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so")):
        if ".pyc." not in str(arguments[0]):
            effects.append(f"open {arguments[0]}")
sys.dont_write_bytecode = True
sys.addaudithook(watch)
"""


def run(program: str) -> list[str]:
    """Run a program in a fresh interpreter, and return the words that it prints."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return result.stdout.decode().split()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_import_loads_none_of_the_heavy_packages(statement: str) -> None:
    loaded = run(f"{statement}\nimport sys\nprint(*sys.modules)")
    assert "stripe_billing_router" in loaded
    assert {name.split(".", maxsplit=1)[0] for name in loaded} & HEAVY == set()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_import_touches_nothing(statement: str) -> None:
    assert run(f"{WATCHED}\n{statement}\nprint(*effects)") == []


def test_the_router_imports_no_database_that_it_does_not_use() -> None:
    loaded = run("import stripe_billing_router.router, sys\nprint(*sys.modules)")
    assert "sqlalchemy" in loaded
    assert "sqlalchemy.dialects.postgresql" not in loaded
