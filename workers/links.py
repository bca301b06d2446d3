"""The database connections of a worker process, each for one thing, so that none waits for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workers.connections import Connection
from workers.notify import Notifier
from workers.worker_settings import WorkerSettings


@dataclass(frozen=True)
class Links:
    """`claims`: claims and renewals; `side`: what running jobs read, and the sweep; `endings`: completions; `logs`."""

    claims: Connection
    side: Connection
    endings: Connection
    logs: Connection
    notifier: Notifier

    async def close(self, *, within_s: float) -> None:
        """Send what is still to be told, then close all."""
        await self.notifier.close(within_s=within_s)
        for connection in (self.claims, self.side, self.endings, self.logs):
            await connection.close()


def open_links(settings: WorkerSettings, *, on_claims_reconnect: Callable[[], None]) -> Links:
    """Connections are made when first used; the notifier starts now."""
    url, name = settings.database_url, settings.name
    notifier = Notifier(url)
    notifier.start()
    return Links(
        claims=Connection(url, f"{name} claims", on_reconnect=on_claims_reconnect),
        side=Connection(url, f"{name} side"),
        endings=Connection(url, f"{name} completions"),
        logs=Connection(url, f"{name} logs"),
        notifier=notifier,
    )
