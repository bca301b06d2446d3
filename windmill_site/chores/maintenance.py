"""The entries of CRONJOBS. Each may run twice or be missed without harm."""

import asyncio
from datetime import timedelta

import psycopg
from django.conf import settings
from django.core.management import call_command

from scripts_app import result_cache
from vault import variables
from windmill_site.chores.lease import once_within
from workers import partitions, push
from workspaces import clock
from workspaces.models import Lease, Token

_FORGOTTEN_AFTER = timedelta(days=1)


@once_within(50)
def forget_expired_tokens() -> None:
    """Delete tokens a day after they expired; until then the owner sees why one no longer works."""
    Token.objects.filter(expires_at__lt=clock.now() - _FORGOTTEN_AFTER).delete()


@once_within(50)
def forget_expired_sessions() -> None:
    """Delete the sessions of people who did not come back, and leases nobody holds."""
    call_command("clearsessions")
    Lease.objects.filter(expires_at__lt=clock.now() - _FORGOTTEN_AFTER).delete()


@once_within(50)
def forget_expired_variables() -> None:
    """Delete temporary variables whose time has come; nobody reads them since then."""
    variables.delete_expired()


@once_within(50)
def forget_kept_results() -> None:
    """Delete the results that no longer answer anything."""
    result_cache.drop_expired()


@once_within(50)
def forget_idempotency_keys() -> None:
    """Delete keys nobody retries any more."""
    push.forget_old_keys(clock.now() - push.KEYS_KEPT)


@once_within(50)
def make_partitions() -> None:
    """See to it that next week's jobs have a place; workers do the same, this helps a site without any."""
    asyncio.run(_make_partitions())


async def _make_partitions() -> None:
    async with await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) as connection:
        await partitions.ensure(connection, now=clock.now())
