"""The embedded Postgres: who may connect, what a crash or another version leaves."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.live_site import ROOT
from tests.postgres_server import PostgresServer, temporary_data_dir
from tests.processes import running
from tests.waiting import eventually
from windmill_site import postgres
from windmill_site.children import fork_call
from windmill_site.os_user import Owner, become


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that is not started yet."""
    server = PostgresServer(temporary_data_dir())
    yield server
    server.remove()


def test_our_role_is_an_ordinary_one_that_owns_its_database(own_postgres):
    with psycopg.connect(own_postgres.url("windmill")) as connection:
        row = connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (False, False)


def test_nobody_connects_by_network(own_postgres):
    with psycopg.connect(own_postgres.url("windmill")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_kernel_says_who_connects_and_only_the_owner_and_root_may(own_postgres):
    with psycopg.connect(own_postgres.url("postgres").replace("//windmill@", "//postgres@")) as connection:
        people = connection.execute("SELECT DISTINCT sys_name FROM pg_ident_file_mappings").fetchall()
        methods = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    assert {name for (name,) in people} == {own_postgres.cluster.owner.name, "root"}
    assert methods == [("local", "peer")]


def test_somebody_else_may_not_connect_even_with_the_way_open(own_postgres):
    own_postgres.data_dir.chmod(0o711)
    (own_postgres.data_dir / "run").chmod(0o777)
    (own_postgres.data_dir / "run" / ".s.PGSQL.5432").chmod(0o777)
    url = own_postgres.url("windmill")
    entry = pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
    else:
        url = url.replace("//windmill@", "//somebody@")  # all this test can be without root: a role it has not

    def connect() -> None:
        become(Owner(entry.pw_name, entry.pw_uid, entry.pw_gid))
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(url, connect_timeout=5)

    pid = fork_call(connect, None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_what_was_committed_survives_a_crash(own_postgres):
    with psycopg.connect(own_postgres.url("windmill"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    own_postgres.restart_immediately()
    with psycopg.connect(own_postgres.url("windmill")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_lock_file_of_a_dead_server_does_not_keep_it_from_starting(server):
    server.start()
    lock = server.data_dir / "postgres" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    server.stop()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # the pid belongs to somebody else now
    server.start()


def test_a_server_that_outlived_its_supervisor_is_ended_first(server):
    server.start()
    orphan = server.pid
    server.start()
    assert server.pid != orphan
    os.waitpid(orphan, 0)


def test_it_ends_with_the_process_that_started_it(server):
    program = f"""
import os, signal
from pathlib import Path
from tests.postgres_server import PostgresServer
server = PostgresServer(Path({str(server.data_dir)!r}))
server.start()
print(server.pid, flush=True)
signal.pause()
"""
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    eventually(lambda: pid not in {each.pid for each in running()}, within_s=10)


def test_data_of_another_version_is_refused_and_left_alone(server):
    server.start()
    server.stop()
    version = server.data_dir / "postgres" / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(postgres.PostgresError, match="written by Postgres 14, this release brings 18: dump it"):
        postgres.prepare(server.cluster)
    assert version.read_text() == "14\n"


def test_an_interrupted_making_of_files_is_begun_again(server):
    (server.data_dir / "postgres.new").mkdir()
    (server.data_dir / "postgres.new" / "half").write_text("")
    (server.data_dir / "postgres").mkdir()
    server.start()


def test_a_data_directory_with_a_long_name_works():
    base = temporary_data_dir()
    long = base / ("d" * 100)
    long.mkdir()
    entry = base.stat()
    os.chown(long, entry.st_uid, entry.st_gid)
    server = PostgresServer(long)
    server.start()
    with psycopg.connect(server.url("windmill")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.remove()
    base.rmdir()


def test_a_socket_directory_of_somebody_else_is_refused(server, monkeypatch):
    foreign = Path("/usr")
    monkeypatch.setattr(postgres, "socket_directory", lambda _data_dir: foreign)
    if os.geteuid() == 0:
        other = temporary_data_dir()
        os.chown(other, 12345, 12345)
        monkeypatch.setattr(postgres, "socket_directory", lambda _data_dir: other)
    with pytest.raises(postgres.PostgresError, match="belongs to another user"):
        postgres.prepare(server.cluster)
