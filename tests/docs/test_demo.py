"""`make demo` holds what it says, anywhere: every line that it ticks is checked by itself."""

import os
import subprocess
import sys
from pathlib import Path

from stripe_billing_router.settings import VARIABLES
from support.pages import ROOT

# Whatever would open a connection ends the demo instead.
WITHOUT_NETWORK = """
import socket
def refuse(*_): raise SystemExit("the demo opened a connection")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
A_STRIPE_THAT_LIES = """
from stripe_billing_router.testing import StripeSandbox
StripeSandbox.captured_minor = lambda *_: 0
"""
RUN = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"


def run_demo(folder: Path, before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", before + RUN, str(ROOT / "scripts" / "demo.py")],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_demo_needs_no_network_and_meets_nothing_real_whatever_is_set(tmp_path: Path) -> None:
    settings = dict.fromkeys(VARIABLES.values(), "what stands on this machine")
    done = run_demo(tmp_path, WITHOUT_NETWORK, **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "All of it held" in done.stdout
    assert "_live_" not in done.stdout
    assert list(tmp_path.iterdir()) == [], "the demo left something behind"
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines), "something was cut off"


def test_a_fact_that_does_not_hold_ends_the_demo(tmp_path: Path) -> None:
    done = run_demo(tmp_path, A_STRIPE_THAT_LIES)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].strip() == "✗ not so: the customer paid once"
