"""`manage.py build_assets`: bundle the front end when its sources changed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from windmill_site import assets


class Command(BaseCommand):
    """Bundle scripts, styles, icons and fonts into static/dist."""

    help = "Builds static/dist with Bun when a source changed since the last build."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --force and --watch."""
        parser.add_argument("--force", action="store_true", help="build even if nothing changed")
        parser.add_argument("--watch", action="store_true", help="build again whenever a source changes, until Ctrl-C")

    def handle(self, *, force: bool, watch: bool, **options: Any) -> None:
        """Build once; with --watch go on, and report a failing build instead of stopping."""
        try:
            self._report(assets.build(force=force))
        except assets.AssetError as error:
            if not watch:
                raise CommandError(str(error)) from error
            self.stderr.write(str(error))
        if watch:
            self._watch()

    def _watch(self) -> None:
        from watchfiles import watch

        paths = [assets.STATIC / "src", assets.ROOT / "templates", assets.ROOT / "package.json"]
        for _changes in watch(*paths, raise_interrupt=False):
            try:
                self._report(assets.build())
            except assets.AssetError as error:
                self.stderr.write(str(error))

    def _report(self, report: str | None) -> None:
        if report is not None:
            self.stdout.write(report)
