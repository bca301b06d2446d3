"""The Django half of `up`: import the site once, then fork its parts off that one import."""

import gc
import importlib
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from windmill_site import roles
from windmill_site.children import fork_call, name_this_process
from windmill_site.environment import Environment
from windmill_site.host import HostError
from windmill_site.os_user import Owner
from windmill_site.supervisor import Part, Supervisor

_SHARED = ("windmill_site.urls", "workers.worker", "django_q.cluster", "django.core.management.commands.migrate")


@dataclass(frozen=True)
class Site:
    """What the parts are started with."""

    environment: Environment
    owner: Owner
    listener: socket.socket


def start_site(site: Site, supervisor: Supervisor) -> None:
    """Migrate, then start web, worker and chores. Raises HostError, and StopRequested if a signal comes first."""
    _import_once()
    if supervisor.run_once(_as(site.owner, "migrate", roles.migrate)) != 0:
        raise HostError("The database is not at this release: see the error above; nothing was started.")
    environment = site.environment
    if supervisor.run_once(_as(site.owner, "first admin", lambda: roles.ensure_first_admin(environment))) != 0:
        raise HostError("The first admin could not be made: see the error above; check ADMIN_EMAIL and ADMIN_PASSWORD.")
    supervisor.add(Part("web", _as(site.owner, "web", lambda: roles.web(site.listener)), stage=2))
    # The worker keeps root when it has it, to mount the sandbox; jobs never do.
    worker = _as(None, "worker", lambda: roles.worker(environment.num_workers))
    supervisor.add(Part("worker", worker, stage=3, patience_s=8))
    # The cluster sleeps ten seconds after an error; a chore cut short is taken up again at the next start.
    ends = (signal.SIGTERM, signal.SIGKILL)
    supervisor.add(Part("chores", _as(site.owner, "chores", roles.chores), stage=2, patience_s=2, stop_signals=ends))
    supervisor.add(Part("greeter", _as(site.owner, "greeter", lambda: roles.greet(environment)), 4, on_exit=_leave_be))


def _import_once() -> None:
    import django

    django.setup()
    for name in _SHARED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is imported stays shared: the collector of a fork does not touch its pages


def _as(owner: Owner | None, name: str, run: Callable[[], object]) -> Callable[[], int]:
    def named() -> None:
        name_this_process(f"wm-{name}")
        run()

    return lambda: fork_call(named, owner)


def _leave_be(status: int) -> None:
    """The greeter has said what it had to say."""
