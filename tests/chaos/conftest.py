"""Databases with a recorded history, data directories for workers, the outside ledger."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.chaos.history import READ, TRIGGERS, Change
from tests.chaos.ledger import Ledger
from tests.postgres_server import PostgresServer, temporary_data_dir
from tests.worker.worker_kit import Jobs
from windmill_site.postgres import programs
from workers.languages.package_sets import remove_tree

type NewDataDir = Callable[[], Path]


@pytest.fixture
def recorded(fresh_database: str) -> Jobs:
    """Jobs whose every change is recorded."""
    return record(Jobs(fresh_database))


@pytest.fixture
def recorded_own(own_postgres: PostgresServer, postgres_server: PostgresServer, migrated_template: str) -> Jobs:
    """The same on a Postgres that this test may kill."""
    dump = subprocess.run(
        [str(programs() / "pg_dump"), "--schema-only", "--no-owner", postgres_server.url(migrated_template)],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    url = own_postgres.url("windmill")
    command = [str(programs() / "psql"), "--quiet", "--no-psqlrc", "--output", "/dev/null", url]
    subprocess.run(command, input=dump, text=True, check=True)
    return record(Jobs(url))


def record(jobs: Jobs) -> Jobs:
    """Install the triggers."""
    with psycopg.connect(jobs.database_url, autocommit=True) as conn:
        conn.execute(TRIGGERS)
    return jobs


def changes(jobs: Jobs) -> list[Change]:
    """The history so far."""
    return [Change(*row) for row in jobs.sql(READ)]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    kept = Ledger()
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def chaos_cache() -> Iterator[Path]:
    directory = temporary_data_dir()
    directory.chmod(0o755)
    yield directory
    remove_tree(directory)


@pytest.fixture
def new_data_dir(chaos_cache: Path) -> Iterator[NewDataDir]:
    """Makes data directories of workers, one a pretended host."""
    made: list[Path] = []

    def make() -> Path:
        directory = temporary_data_dir()
        directory.chmod(0o711)
        (directory / "cache").symlink_to(chaos_cache)
        made.append(directory)
        return directory

    yield make
    for directory in made:
        shutil.rmtree(directory, ignore_errors=True)
