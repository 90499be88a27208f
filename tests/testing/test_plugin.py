"""The pytest plugin gives a test a sandbox with the default router on top, and cleans up."""

import os
import subprocess
import sys
from pathlib import Path

ROUTES = """
stripe:
  default:
    finance:
      bot:
        product_id: prod_finance
        price_id: price_finance
        customer_id: cus_finance
"""
TESTS = """
import stripe_billing_router as router

def test_a_bot_charges(stripe_sandbox):
    receipt = router.charge("finance:bot", amount=10, idempotency_key="order-1")
    again = router.charge("finance:bot", amount=10, idempotency_key="order-1")
    assert receipt.paid and again.id == receipt.id
    assert stripe_sandbox.captured_minor() == 1000

def test_nothing_is_left_of_the_test_before(stripe_sandbox):
    assert stripe_sandbox.captured_minor() == 0
    assert router.charge("finance:bot", amount=1, idempotency_key="order-1").paid
    assert router.charge("finance:bot", price_id="price_finance").paid

def test_a_fault(stripe_sandbox):
    stripe_sandbox.faults.lose_reply(path="/v1/payment_intents")
    assert router.charge("finance:bot", amount=1, idempotency_key="order-2").paid
    assert stripe_sandbox.captured_minor() == 100
"""
WITHOUT_ROUTES = """
import stripe_billing_router as router

def test_there_is_one_bot_to_begin_with(stripe_sandbox):
    assert router.charge("sandbox:bot", amount=1).paid

def test_routes_may_be_registered_by_the_test(stripe_sandbox):
    router.register_route("finance", "bot", {
        "product_id": "prod_x", "price_id": "price_x", "customer_id": "cus_x"})
    stripe_sandbox.seed_routes(router.ROUTING_TABLE.values())
    assert router.charge("finance:bot", amount=1).paid
"""


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder of its own, with only our plugin."""
    environment = {name: value for name, value in os.environ.items() if "STRIPE" not in name}
    environment |= {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "STRIPE_SECRET_KEY": "sk_test_of_the_environment",
        "VAULT_ADDR": "http://127.0.0.1:1",
    }
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "-p", "stripe_billing_router.testing.pytest_plugin",
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_a_bots_tests_run_against_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "stripe_billing_router.yaml").write_text(ROUTES)
    (tmp_path / "test_bot.py").write_text(TESTS)
    result = run_pytest(tmp_path)
    assert "3 passed" in result.stdout, result.stdout
    assert not (tmp_path / "finance_logs").exists()


def test_a_project_without_a_routing_file_registers_routes(tmp_path: Path) -> None:
    (tmp_path / "test_bot.py").write_text(WITHOUT_ROUTES)
    result = run_pytest(tmp_path)
    assert "2 passed" in result.stdout, result.stdout


def test_loading_the_plugin_loads_neither_the_sdk_nor_the_sandbox() -> None:
    program = (
        "import sys, pytest\n"
        "import stripe_billing_router.testing.pytest_plugin\n"
        "print([name for name in sys.modules if name.startswith('stripe.') or name == 'stripe'\n"
        "       or name.startswith('stripe_billing_router.testing.') and 'plugin' not in name])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
