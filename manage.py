#!/usr/bin/env python
"""Entry point: `up` and `dev` before Django looks at anything, every other command through Django."""

import os
import sys


def main() -> None:
    """Run the command; a wrong environment variable is one line and exit status 2."""
    from windmill_site.environment import BadSetting, load

    try:
        load(os.environ)
    except BadSetting as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "windmill_site.settings")
    if sys.argv[1:2] == ["up"] or sys.argv[1:2] == ["dev"]:
        # They prepare the user, the data directory and Postgres that settings and apps rely on.
        from windmill_site.up import main as up

        sys.exit(up(sys.argv[1:]))
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from windmill_site.roles import no_database

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        print(no_database(error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
