"""`manage.py crontab add|show|remove`: CRONJOBS in the host's own cron, where no `up` runs them in-process."""

import os
import shlex
import shutil
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django_crontab.management.commands.crontab import Command as Upstream

from windmill_site.environment import SETTINGS
from windmill_site.host import ROOT


class Command(Upstream):
    """django-crontab's command, told where cron is and which environment the entries need."""

    help = "Puts the periodic chores into the host's cron (add), lists them (show) or takes them out (remove)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check for cron and hand over. Raises CommandError."""
        if options["subcommand"] != "run":
            settings.CRONTAB_EXECUTABLE = _crontab()
            settings.CRONTAB_COMMAND_PREFIX = _environment()
            settings.CRONTAB_DJANGO_MANAGE_PATH = str(ROOT / "manage.py")
        super().handle(*args, **options)


def _crontab() -> str:
    found = shutil.which("crontab")
    if found is None:
        raise CommandError(
            "This host has no crontab program: install cron (on Debian: apt-get install cron), or let `manage.py up` "
            "run the same list."
        )
    return found


def _environment() -> str:
    """`env NAME=value …`: cron starts with an empty environment. Secrets are left out: everybody may read a crontab."""
    secret = [each.name for each in SETTINGS if each.is_secret and os.environ.get(each.name)]
    if secret:
        raise CommandError(
            f"{', '.join(secret)} would be readable in the crontab: put them where cron's user finds them, "
            "or let `manage.py up` run the list."
        )
    given = {each.name: os.environ[each.name] for each in SETTINGS if os.environ.get(each.name)}
    given["DJANGO_SETTINGS_MODULE"] = "windmill_site.settings"
    # % is a line end to cron unless escaped
    return " ".join(["env", *(f"{name}={shlex.quote(value)}".replace("%", r"\%") for name, value in given.items())])
