"""Fixtures for processes and connections. Objects come from factories, not from here.

db level: mark with `django_db`; the first such test starts a Postgres of this session in a temporary directory.
worker, browser, clients level: `fresh_database` is a migrated database of one's own, `live_site` a whole `up` on one.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest

from tests import chromium
from tests.leftovers import Leftovers
from tests.live_site import LiveSite, free_port
from tests.postgres_server import PostgresServer, temporary_data_dir
from windmill_site.environment import SETTINGS

TEST_DATABASE = "test_windmill"
TEMPLATE_DATABASE = "template_windmill"

# Before pytest-django imports the settings, and instead of whatever this shell has set.
for _each in SETTINGS:
    os.environ.pop(_each.name, None)
_DATA_DIR = temporary_data_dir()
_SERVER = PostgresServer(_DATA_DIR)
_LEFT: list[Leftovers] = []  # one, once the test database is made
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "windmill_site.settings",
    "DATA_DIR": str(_DATA_DIR),
    "DATABASE_URL": _SERVER.url(TEST_DATABASE),
    "SECRET_KEY": "a key for tests",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright's loop runs in the thread of the tests
}


def pytest_configure() -> None:
    """Load settings and apps now: pytest-django looks for settings before this file is read."""
    django.setup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-django makes a database only if a test is marked for it; copies of it need it as well."""
    for item in items:
        if "migrated_template" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.django_db)
    # Browser tests last: Playwright leaves a running loop in this thread, and then no test can start one of its own.
    items.sort(key=lambda item: "browser" in item.path.parts)


def pytest_unconfigure() -> None:
    """Leave neither a server nor its files."""
    _SERVER.remove()


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """The Postgres of this session, running."""
    if not _SERVER.pid:
        _SERVER.start()
    return _SERVER


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_server: PostgresServer) -> None:
    """Have Django's test database be the one DATABASE_URL names, so that plain SQL and the ORM see the same rows."""
    from django.conf import settings

    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = TEST_DATABASE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[None]:
    """Migrate the test database, and copy it before a test leaves something in it or flushes what migrations made."""
    from django.db import connections

    with django_db_blocker.unblock():
        connections.close_all()
        pool = getattr(connections["default"], "close_pool", None)
        if pool is not None:
            pool()
    postgres_server.run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", TEMPLATE_DATABASE, TEST_DATABASE)
    with django_db_blocker.unblock():
        managed = set(connections["default"].introspection.django_table_names())
    _LEFT.append(Leftovers(postgres_server.url(TEST_DATABASE), managed))
    yield
    _LEFT.pop().close()


@pytest.fixture(autouse=True)
def _nothing_left() -> None:
    """Before a test, not after one: pytest-django flushes after every fixture of ours when the mark asks for it."""
    for leftovers in _LEFT:
        leftovers.remove()


@pytest.fixture(scope="session")
def migrated_template(django_db_setup: None) -> str:
    """A database with all migrations and nothing else, to copy from; nobody connects to it."""
    return TEMPLATE_DATABASE


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """Address of the test database for other processes; rows are committed and truncated after the test."""
    return _SERVER.url(TEST_DATABASE)


@pytest.fixture
def fresh_database(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """Address of a migrated, empty database that only this test uses."""
    name = postgres_server.copy_of(migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    """A Postgres for one test that may be killed."""
    server = PostgresServer(temporary_data_dir())
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def live_site(postgres_server: PostgresServer, migrated_template: str) -> Iterator[LiveSite]:
    """A running `up`: web, worker and chores against a database of its own. Once for the session."""
    name = postgres_server.copy_of(migrated_template)
    site = LiveSite(database_url=postgres_server.url(name), port=free_port())
    site.start()
    yield site
    site.stop()
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """pytest-playwright's `page` drives the Chromium of this machine."""
    arguments = [*browser_type_launch_args.get("args", []), *chromium.launch_arguments()]
    return browser_type_launch_args | {"executable_path": chromium.executable(), "args": arguments}
