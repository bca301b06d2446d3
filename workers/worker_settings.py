"""What a worker process is told: names, tags, times. Everything that can be derived from the lease length is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

DEFAULT_TAGS = (
    "deno python3 go bash powershell bun php rust ansible csharp nu java ruby rlang duckdb nativets postgresql mysql "
    "mssql bigquery snowflake oracledb graphql dependency flow hub other noop"
).split()


@dataclass(frozen=True)
class WorkerSettings:
    """`name` is new for every start of a process. `lease_s`: silent for that long, its jobs count as lost."""

    name: str
    host: str
    group: str
    tags: tuple[str, ...]
    slots: int
    database_url: str
    direct_url: str
    data_dir: Path
    base_url: str
    internal_url: str
    lease_s: float = 30.0
    poll_s: float = 1.0
    grace_s: float = 25.0
    max_losses: int = 3
    default_timeout_s: int = 604_800
    memory_mb: int = 1024
    max_processes: int = 256
    result_max_bytes: int = 16_000_000
    log_max_bytes: int = 50_000_000
    keeps_job_dir: bool = False
    sandbox_minimum: str = "namespaces"
    light_slots: int = 64

    @property
    def heartbeat_s(self) -> float:
        return self.lease_s / 6

    @property
    def sweep_s(self) -> float:
        return self.lease_s / 6

    @property
    def trust_s(self) -> float:
        """Without a renewal for this long the process ends its jobs, before the lease can end (J8)."""
        return self.lease_s * 2 / 3

    @property
    def cancel_grace_s(self) -> float:
        """TERM to KILL of a job that is to go."""
        return min(2.0, self.lease_s / 3)


def make_settings(*, slots: int, tags: tuple[str, ...], group: str, name: str, host: str) -> WorkerSettings:
    """The settings of a process that starts now; its name is new each time."""
    env = settings.ENV
    begin = name or f"wk-{group}-{host}"
    return WorkerSettings(
        name=f"{begin[:80]}-{secrets.token_hex(4)}",
        host=host,
        group=group,
        tags=tags or tuple(DEFAULT_TAGS),
        slots=slots,
        database_url=settings.DATABASE_URL,
        direct_url=settings.DATABASE_DIRECT_URL,
        data_dir=settings.DATA_DIR,
        base_url=settings.BASE_URL,
        internal_url=env.base_internal_url or settings.BASE_URL,
        lease_s=float(env.zombie_job_timeout),
        poll_s=env.sleep_queue / 1000,
        grace_s=float(env.drain_grace),
        max_losses=3 if env.restart_zombie_jobs else 0,
        default_timeout_s=env.job_default_timeout,
        memory_mb=env.job_memory_mb,
        max_processes=env.job_max_processes,
        result_max_bytes=env.result_max_bytes,
        log_max_bytes=env.log_max_bytes,
        keeps_job_dir=env.keep_job_dir,
        sandbox_minimum=env.sandbox_minimum,
    )
