"""Faults in an answer: broken by the connection, or of another account."""

from __future__ import annotations

import json
from typing import Any

from .account import AccountState
from .failures import Json
from .faults import Fault
from .records import SandboxResponse
from .resources.accounts import account_object

_HTML = b"<html><body><h1>Our own gateway, not Stripe, answered this</h1></body></html>"


def tamper(response: SandboxResponse, fault: Fault, account: AccountState | None) -> None:
    """Change an answer according to the fault."""
    if fault.kind == "lose_reply":
        response.delivery = "lost"
    elif fault.kind == "truncate":
        response.delivery = "truncated"
    elif fault.kind == "not_json":
        response.status, response.body = 200, _HTML
        response.headers["Content-Type"] = "text/html"
    elif response.status == 200 and fault.kind == "foreign_account":
        _name_account(response, fault, account)
    elif response.status == 200 and fault.kind == "livemode":
        body = json.loads(response.body)
        _set_livemode(body, fault.options["value"])
        response.body = json.dumps(body).encode()


def _name_account(response: SandboxResponse, fault: Fault, account: AccountState | None) -> None:
    options = fault.options
    foreign, where = str(options["account_id"]), str(options["where"])
    if where == "header":
        response.headers["Stripe-Account"] = foreign
        return
    body = json.loads(response.body)
    value: Any = account_object(foreign) if options["expanded"] else foreign
    _put(body, where, value)
    response.body = json.dumps(body).encode()
    stored = account.by_id(str(body.get("id"))) if account and options["stored"] else None
    if stored is not None and account is not None:
        _put(stored, where, foreign)
        charge = account.by_id(str(stored.get("latest_charge")))
        if charge is not None and where != "issuer.account":
            _put(charge, where, foreign)


def _put(item: Json, where: str, value: Any) -> None:
    head, _, last = where.rpartition(".")
    if head:
        inner = item.get(head)
        item[head] = {**(inner if isinstance(inner, dict) else {}), last: value}
    else:
        item[last] = value


def _set_livemode(value: Any, live: bool) -> None:
    if isinstance(value, list):
        for item in value:
            _set_livemode(item, live)
    elif isinstance(value, dict):
        if "livemode" in value:
            value["livemode"] = live
        for item in value.values():
            _set_livemode(item, live)
