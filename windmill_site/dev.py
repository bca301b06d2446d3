"""`manage.py dev`: the site's parts in a process of their own that is started afresh when a source changes.

The outer process keeps Postgres, the port and the lock; it has not imported any app, so a new inner one sees
the new code. Changes to `up` itself need a restart by hand.
"""

import sys
from collections.abc import Callable

from windmill_site.children import fork_call
from windmill_site.host import ROOT, HostError
from windmill_site.site_parts import Site, start_site
from windmill_site.supervisor import Part, StopRequested, Supervisor

_SOURCES = (".py", ".html", ".js", ".ts", ".css", ".json")
_NOT_SOURCES = {"node_modules", "dist", "__pycache__", "tests", "docs"}


def keep_fresh(site: Site, supervisor: Supervisor, build_assets: Callable[[], None]) -> None:
    """Run the site until a signal to stop; after a change build what is stale and start the parts again."""
    inner = _inner(site)
    supervisor.add(inner)

    def again(_status: int) -> None:
        nonlocal inner
        print("A source changed: starting again …", flush=True)
        supervisor.parts.remove(watcher)
        supervisor.stop_part(inner)
        supervisor.add(watcher)  # before the build, so that a change meanwhile is seen
        try:
            build_assets()
        except HostError as error:
            print(error, file=sys.stderr)
        inner = _inner(site)
        supervisor.add(inner)

    watcher = Part("watcher", lambda: fork_call(_wait_for_change, None), stage=4, on_exit=again)
    supervisor.add(watcher)
    supervisor.watch()


def _inner(site: Site) -> Part:
    return Part("site", lambda: fork_call(lambda: _run(site), None), stage=2, patience_s=15, on_exit=_wait_for_repair)


def _run(site: Site) -> None:
    supervisor = Supervisor()
    try:
        start_site(site, supervisor)
        supervisor.watch()
    except HostError as error:
        print(error, file=sys.stderr)
    except StopRequested:
        pass
    finally:
        supervisor.stop()


def _wait_for_repair(_status: int) -> None:
    print("The site stopped: it starts again after the next change.", file=sys.stderr, flush=True)


def _wait_for_change() -> None:
    from watchfiles import watch

    roots = [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name not in _NOT_SOURCES]
    next(iter(watch(*roots, watch_filter=lambda _change, path: _is_source(path), raise_interrupt=False)), None)


def _is_source(path: str) -> bool:
    return path.endswith(_SOURCES) and not _NOT_SOURCES & set(path.split("/"))
