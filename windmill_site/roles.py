"""What the forked parts of `up` do: each function runs in a child of its own until it is told to stop."""

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import psycopg

from windmill_site import assets, children
from windmill_site.environment import Environment

_MIGRATING = 7_221_530_001  # advisory lock: hosts that start together migrate one after the other
_LONGEST_START_S = 60
_CONNECT_S = 10


def build_assets() -> None:
    """Bundle the front end if a source changed."""
    os.umask(0o022)  # the web process, another user, reads what we write
    try:
        if assets.is_stale():
            print("Building the front end …", flush=True)
            assets.build()
    except (assets.AssetError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def migrate() -> None:
    """Bring the database to this release, one host at a time."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    try:
        # not through Django's pool, which tries for ten seconds and hides the reason
        psycopg.connect(settings.DATABASE_URL, connect_timeout=_CONNECT_S).close()
    except psycopg.OperationalError as error:
        print(no_database(error), file=sys.stderr)
        sys.exit(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            if _has_work(connection):
                print("Bringing the database to this release …", flush=True)
                call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
    connection.close()


def no_database(error: Exception) -> str:
    """One line for a database that does not answer; libpq names host and user, never the password."""
    told = " ".join(str(error).split())
    return f"The database does not answer ({told}): check DATABASE_URL, or unset it and start `make up`."


def _has_work(connection: object) -> bool:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)  # type: ignore[arg-type]
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def web(listener: socket.socket) -> None:
    """Serve pages, API and websockets on a socket that is listening already, so a restart refuses nobody."""
    # imported here: daphne makes an event loop on import, and forks must not share one
    from windmill_site.asgi import application
    from windmill_site.server import serve

    serve(application, listener)


def worker(slots: int) -> None:
    """Pull and run jobs."""
    from django.core.management import call_command

    call_command("worker", slots=slots)


def chores() -> None:
    """The site's own chores: django-q2's cluster, and CRONJOBS in a thread beside it."""
    from django_q.cluster import Cluster

    from windmill_site.chores.cron import run_forever

    children.pass_on_death()
    cluster = Cluster()
    cluster.start()
    threading.Thread(target=run_forever, name="cron", daemon=True).start()  # after the fork of the cluster
    sentinel: Any = cluster.sentinel
    while sentinel.is_alive():  # its handler of SIGTERM ends it; the command would leave the waiting to atexit
        sentinel.join(1)


def greet(environment: Environment) -> None:
    """Wait until pages are served, then print where, and how to log in first."""
    limit = time.monotonic() + _LONGEST_START_S
    while not _answers(environment):
        if time.monotonic() > limit:
            print(
                f"The site did not answer within {_LONGEST_START_S} s: see the log above.", file=sys.stderr, flush=True
            )
            return
        time.sleep(0.05)
    print(
        f"\n  Windmill on Django runs at {environment.base_url}\n  {_first_login(environment)}\n  Ctrl-C stops it.\n",
        flush=True,
    )


def ensure_first_admin(environment: Environment) -> None:
    """Make the superadmin that ADMIN_EMAIL and ADMIN_PASSWORD name, unless there is one with that address."""
    from workspaces import setup

    if environment.admin_email and environment.admin_password:
        setup.ensure_first_admin(environment.admin_email, environment.admin_password)


def _first_login(environment: Environment) -> str:
    from workspaces import setup

    if environment.admin_email:
        return f"First login: {environment.admin_email} with ADMIN_PASSWORD."
    link = setup.setup_link(environment.base_url)
    return f"First login, choose a password at {link}" if link else "Log in with your account."


def _answers(environment: Environment) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(environment.host, environment.host)  # noqa: S104
    address = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(f"http://{address}:{environment.port}/api/version")
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 (http by construction)
            return True
    except urllib.error.HTTPError:
        return True  # it answers; with what is not our question
    except OSError:
        return False
