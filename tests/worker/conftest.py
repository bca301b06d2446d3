"""Workers and jobs for the tests of this directory."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer, temporary_data_dir
from tests.worker.worker_kit import Jobs, WorkerProcess, running_worker
from windmill_site.postgres import programs
from workers.languages.package_sets import remove_tree


@pytest.fixture(scope="session")
def package_cache() -> Iterator[Path]:
    """Downloads and installed packages of all workers of the session."""
    directory = temporary_data_dir()
    directory.chmod(0o755)
    yield directory
    remove_tree(directory)


@pytest.fixture
def worker_dir(package_cache: Path) -> Iterator[Path]:
    """The data directory of a worker."""
    yield from _data_dir(package_cache)


@pytest.fixture
def other_dir(package_cache: Path) -> Iterator[Path]:
    """The data directory of a worker on another host."""
    yield from _data_dir(package_cache)


def _data_dir(cache: Path) -> Iterator[Path]:
    directory = temporary_data_dir()
    directory.chmod(0o711)
    (directory / "cache").symlink_to(cache)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def jobs(fresh_database: str) -> Jobs:
    return Jobs(fresh_database)


@pytest.fixture(scope="module")
def shared_jobs(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Jobs]:
    """Jobs on a database that the tests of a module share."""
    name = postgres_server.copy_of(migrated_template)
    yield Jobs(postgres_server.url(name))
    postgres_server.drop(name)


@pytest.fixture(scope="module")
def shared_worker(shared_jobs: Jobs, package_cache: Path) -> Iterator[WorkerProcess]:
    """A worker of three slots for tests that leave it as they found it."""
    directories = _data_dir(package_cache)
    with running_worker(shared_jobs.database_url, next(directories), "--slots", "3") as worker:
        yield worker
    next(directories, None)


@pytest.fixture
def migrated_copy(own_postgres: PostgresServer, postgres_server: PostgresServer, migrated_template: str) -> str:
    """Address of a migrated database on the Postgres of this test alone."""
    dump = subprocess.run(
        [str(programs() / "pg_dump"), "--schema-only", "--no-owner", postgres_server.url(migrated_template)],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    url = own_postgres.url("windmill")
    subprocess.run([str(programs() / "psql"), "--quiet", "--no-psqlrc", url], input=dump, text=True, check=True)
    return url
