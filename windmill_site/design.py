"""The page `/design/`: every component in its states. Only with DEBUG."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from scripts_app.forms import fields
from windmill_site import display
from workers.log_chunks import chunks

CODE = '''import wmill
from datetime import date


def main(db: dict, since: date, customer: str = "", limit: int = 100):
    """Sync open invoices from the billing API."""
    token = wmill.get_variable("f/billing/api_token")
    rows = []
    for page in range(1, 5):  # the API gives 100 a page
        rows += fetch(token, page, since=since.isoformat())
        print(f"Fetching page {page}/4 ({len(rows)} invoices)")
    return {"count": len(rows[:limit]), "total": sum(float(x["amount"]) for x in rows)}
'''
LOG = (
    "job=0199f2c4 tag=python3 worker=wk-3\n"
    "resolving dependencies: \x1b[2mcached lock 6f1c2a\x1b[0m\n"
    "\x1b[36mINFO\x1b[0m  Fetching page 1/4 (100 invoices)\n"
    "\x1b[33mWARN\x1b[0m  customer 4821 has no billing e-mail, skipping\n"
    "\x1b[36mINFO\x1b[0m  Fetching page 2/4, see https://billing.example.com/api?page=2&size=100\n"
    "\x1b[1;31mERROR\x1b[0m \x1b[31mHTTP 503 from upstream\x1b[0m, retrying in 2 s\n"
    "\x1b[32m✓\x1b[0m 337 invoices, \x1b[1m40 overdue\x1b[0m, "
    "a long line that goes on and on to show how wrapping looks when it does not fit in the width of the pane at all\n"
) + "".join(f"row {number:04d} written to f/billing/ledger\n" for number in range(1, 260))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["db", "since", "mode", "amount"],
    "properties": {
        "db": {"type": "object", "format": "resource-postgresql", "description": "Where the invoices are written."},
        "since": {"type": "string", "format": "date"},
        "mode": {"type": "string", "enum": ["append", "replace", "check"]},
        "amount": {"type": "number", "min": 0, "description": "In euro."},
        "customer": {"type": "string", "placeholder": "All customers"},
        "note": {"type": "string", "minRows": 3, "default": "First line\nSecond line"},
        "secret": {"type": "string", "password": True},
        "region": {"type": "string", "enum": ["eu-central", "eu-west", "us-east", "us-west", "ap-south"]},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "dry_run": {"type": "boolean", "default": True, "description": "Do not write anything."},
        "tags": {"type": "array", "items": {"type": "string"}, "default": ["overdue", "2026"]},
        "channels": {"type": "array", "items": {"type": "string", "enum": ["e-mail", "Slack", "phone"]}},
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "zip": {"type": "integer"}},
        },
        "report": {"type": "string", "contentEncoding": "base64"},
        "extra": {"type": "object", "default": {"retries": 3, "hosts": ["a", "b"]}},
    },
}
RESULT = {
    "count": 100,
    "total": 48210.75,
    "dry_run": True,
    "customer": None,
    "invoices": [{"id": f"INV-{20931 + n}", "customer": "Bluewave GmbH", "amount": 7240.5 + n} for n in range(3)],
    "approvers": ["finance@acme.io"],
    "many": list(range(260)),
}
ROWS = [
    {"order": 10142 + 100 * n, "customer": "Bluewave GmbH", "amount": 120.5 + 100 * n, "open": n % 2 == 0}
    for n in range(5)
]
FAULT = {
    "error": {
        "name": "KeyError",
        "message": "'amount'",
        "stack": 'Traceback (most recent call last):\n  File "main.py", line 12, in main\n'
        "    total += row[\"amount\"]\nKeyError: 'amount'",
    }
}


def design(request: HttpRequest) -> HttpResponse:
    """Draw the page inside the shell; an invented workspace stands in for a missing one."""
    return render(request, "design.html", states())


def more(request: HttpRequest) -> HttpResponse:
    """The rest of a level of the JSON tree that was cut."""
    cut = {"path": json.loads(request.GET["at"]), "start": int(request.GET["from"])}
    return render(request, "ui/json_more.html", {"value": RESULT, "more_url": request.path, **cut})


def states() -> dict[str, Any]:
    """What the page shows."""
    now = timezone.now()
    log, _position = chunks(LOG, seq=1)
    acme = SimpleNamespace(id="acme", name="Acme Ops", color="")
    errors = {
        "amount": _("This is not a number. Write it like %(like)s.") % {"like": "3.14"},
        "address.zip": _("Required."),
    }
    resources = {"postgresql": ["f/billing/postgres_prod", "f/billing/postgres_test"]}
    values = {"since": "2026-11-01", "mode": "append", "channels": ["Slack"]}
    return {
        "workspace": acme,
        "workspaces": [acme, SimpleNamespace(id="staging", name="Staging", color="")],
        "nav_active": "runs",
        "all_states": list(display.STATES),
        "crumbs": [{"label": _("Runs"), "url": "#"}, {"label": "f/billing", "url": "#"}, {"label": "sync_invoices"}],
        "runs": [
            SimpleNamespace(
                id=number, status=status, path=path, ms=ms, at=now - timedelta(minutes=number * 7), by=by, tag=tag
            )
            for number, (status, path, ms, by, tag) in enumerate(
                [
                    ("running", "f/billing/sync_invoices", None, "schedule", "python3"),
                    ("success", "f/data/nightly_etl", 16_250, "ana", "bash"),
                    ("failure", "f/billing/dunning", 3550, "webhook", "python3"),
                    ("queued", "f/ops/rotate_keys", None, "ana", "gpu"),
                    ("suspended", "f/support/refund_order_with_a_rather_long_name", 130_000, "app", "flow"),
                    ("canceled", "u/ana/backfill_customers", 84, "ana", "python3"),
                ]
            )
        ],
        "fields": fields(SCHEMA, values, errors, resources=resources),
        "code": CODE,
        "log": log,
        "result": RESULT,
        "table_result": ROWS,
        "fault_result": FAULT,
        "ago": now - timedelta(minutes=4),
        "diagnostics": '[{"line": 7, "column": 13, "message": "get_variable may raise: the path is not known"}]',
    }
