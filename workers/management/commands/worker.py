"""`manage.py worker`: run jobs until SIGTERM; a second signal does not wait for them."""

from __future__ import annotations

import asyncio
import socket
from argparse import ArgumentParser
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workers.probe import probe
from workers.processes import Processes
from workers.worker import Worker
from workers.worker_settings import WorkerSettings, make_settings


class Command(BaseCommand):
    """Pulls and runs jobs."""

    help = "Runs jobs of the given tags. SIGTERM: finish or give back what runs, then leave; again: leave at once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what differs between workers of one host; everything else is a setting."""
        env = settings.ENV
        parser.add_argument("--slots", type=int, default=env.num_workers, help="jobs a process runs at the same time")
        parser.add_argument(
            "--tags", default=",".join(env.worker_tags), help="comma-separated; all usual ones if left out"
        )
        parser.add_argument("--group", default=env.worker_group, help="worker group")
        parser.add_argument("--processes", type=int, default=1, help="processes of so many slots each")
        parser.add_argument("--name", default="", help="begin of the worker's name; wk-<group>-<host> if left out")
        parser.add_argument(
            "--probe", action="store_true", help="tell which sandbox level works here and why, then leave"
        )

    def handle(self, *, slots: int, tags: str, group: str, processes: int, name: str, **options: Any) -> None:
        """Run until told to stop."""
        if options["probe"]:
            self._probe()
            return
        if slots < 1 or processes < 1:
            raise CommandError("--slots and --processes must be 1 or more.")

        def run(_number: int) -> None:
            listed = tuple(filter(None, (each.strip() for each in tags.split(","))))
            self._work(make_settings(slots=slots, tags=listed, group=group, name=name, host=socket.gethostname()))

        if processes == 1:
            run(0)
        else:
            Processes(processes, run).watch()

    def _work(self, worker_settings: WorkerSettings) -> None:
        try:
            asyncio.run(Worker(worker_settings).run())
        except psycopg.OperationalError as error:
            raise CommandError(f"The database does not answer ({type(error).__name__}); check DATABASE_URL.") from error

    def _probe(self) -> None:

        self.stdout.write(str(probe()))
