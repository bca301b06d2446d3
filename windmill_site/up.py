"""`manage.py up`: everything in one command. `manage.py dev`: the same, started again when a source changes.

Order: user and data directory, lock, port, assets, embedded Postgres, migrations, web, worker, chores.
As root the parts run as the user `windmill`; Postgres refuses root, and a worker needs it to mount the sandbox.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from windmill_site import assets, host, postgres, roles
from windmill_site.children import fork_call
from windmill_site.dev import keep_fresh
from windmill_site.environment import Environment, load
from windmill_site.os_user import NoUser, Owner, owner_of_parts
from windmill_site.reachable import Unreachable, make_reachable
from windmill_site.site_parts import Site, start_site
from windmill_site.supervisor import Part, StopRequested, Supervisor

_REFUSALS = (host.HostError, NoUser, Unreachable, postgres.PostgresError, assets.AssetError)

_LONGEST_RECOVERY_S = 1800


def main(arguments: list[str]) -> int:
    """Run until stopped; the exit status. What prevents a start is told in one line."""
    options = _parsed(arguments)
    if options.data_dir:
        os.environ["DATA_DIR"] = str(Path(options.data_dir).absolute())
    if options.command == "dev":
        os.environ.setdefault("DEBUG", "true")
    environment = load(os.environ)
    os.environ["DATA_DIR"] = str(environment.data_dir)
    supervisor = Supervisor()
    try:
        owner = owner_of_parts(environment.data_dir)
        host.prepare_data_dir(environment.data_dir, owner)
        with host.lock(environment.data_dir):
            try:
                _run(environment, owner, supervisor, reloads=options.command == "dev")
            finally:
                supervisor.stop()
    except _REFUSALS as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except StopRequested:
        pass  # while something was being started
    return 0


def _run(environment: Environment, owner: Owner, supervisor: Supervisor, *, reloads: bool) -> None:
    listener = host.listen(environment.host, environment.port)
    _build_assets(supervisor)
    make_reachable(host.needed_trees(environment.data_dir), owner)
    if environment.database_url is None:
        _start_postgres(environment, owner, supervisor)
    site = Site(environment, owner, listener)
    if reloads:
        keep_fresh(site, supervisor, lambda: _build_assets(supervisor))
    else:
        start_site(site, supervisor)
        supervisor.watch()
    print("Stopping …", flush=True)


def _build_assets(supervisor: Supervisor) -> None:
    """In a child, as whoever started us: it writes into the checkout, which the site's user may not."""
    if supervisor.run_once(lambda: fork_call(roles.build_assets, None)) != 0:
        raise host.HostError("The front end could not be built: see the error above; nothing was started.")


def _start_postgres(environment: Environment, owner: Owner, supervisor: Supervisor) -> None:
    cluster = postgres.Cluster(environment.data_dir, owner)
    postgres.prepare(cluster)
    part = Part(
        "postgres",
        lambda: postgres.spawn(cluster),
        stage=1,
        patience_s=15,
        stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then at once
    )
    supervisor.add(part)
    # After a crash it replays its log first, which may take minutes.
    postgres.wait_ready(cluster, part.pid, within_s=_LONGEST_RECOVERY_S, meanwhile=supervisor.check_stop)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py", description=__doc__)
    parser.add_argument("command", choices=["up", "dev"])
    parser.add_argument("--data-dir", help="directory of the embedded database, caches and keys; instead of DATA_DIR")
    return parser.parse_args(arguments)
