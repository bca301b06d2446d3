"""A real Postgres for the tests, in a directory of its own, gone with the process that started it."""

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from windmill_site import postgres
from windmill_site.database import ROLE, embedded_url
from windmill_site.os_user import owner_of_parts
from windmill_site.reachable import make_reachable

# A test's data need not survive a power cut; everything else is as the product runs it.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


def temporary_data_dir() -> Path:
    """A new data directory that belongs to whoever Postgres runs as."""
    directory = Path(tempfile.mkdtemp(prefix="wm-test-"))
    owner = owner_of_parts(Path("/var/lib/windmill"))
    os.chown(directory, owner.uid, owner.gid)
    return directory


class PostgresServer:
    """An embedded Postgres that tests may start, kill and start again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.cluster = postgres.Cluster(data_dir, owner_of_parts(Path("/var/lib/windmill")), _FAST)
        self.pid = 0
        self._numbers = itertools.count(1)

    def url(self, name: str) -> str:
        return embedded_url(self.data_dir, name)

    def start(self) -> None:
        make_reachable([postgres.programs()], self.cluster.owner)
        postgres.prepare(self.cluster)
        self.pid = postgres.spawn(self.cluster)
        postgres.wait_ready(self.cluster, self.pid)

    def stop(self) -> None:
        if self.pid:
            postgres.stop(self.pid)
            self.pid = 0

    def restart_immediately(self) -> None:
        """As after a crash: nothing is flushed, the log is replayed."""
        os.kill(self.pid, signal.SIGQUIT)
        os.waitpid(self.pid, 0)
        self.pid = postgres.spawn(self.cluster)
        postgres.wait_ready(self.cluster, self.pid)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.data_dir)

    def run(self, statement: str, *names: str, role: str = ROLE) -> None:
        """A statement outside any transaction, {} standing for a quoted name each."""
        url = self.url("postgres").replace(f"//{ROLE}@", f"//{role}@")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))  # type: ignore[arg-type]

    def copy_of(self, template: str) -> str:
        """The name of a new database with all that `template` has; nobody may be connected to that."""
        name = f"{template}_{next(self._numbers)}"
        self.run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return name

    def drop(self, name: str) -> None:
        # as superuser, because an autovacuum worker that is in there belongs to one
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name, role="postgres")
