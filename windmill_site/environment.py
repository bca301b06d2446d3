"""The environment variables this site reads: one typed list, read once, wrong values told in one line.

`Environment` is the list: a field is a variable in lower case, its metadata says the unit, the default
and the sentence that `docs/settings.md` is generated from. Nothing else reads `os.environ`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from windmill_site import readers
from windmill_site.database import embedded_url, parse_url


class BadSetting(ValueError):
    """An environment variable has a value that cannot be used; `str()` is one line for the operator."""


@dataclass(frozen=True)
class Setting:
    """What the documentation and the reader know of one variable."""

    name: str
    default: Any
    sentence: str
    unit: str
    expects: str
    read: Callable[[str], Any]
    is_secret: bool


def _setting(
    default: Any,
    sentence: str,
    read: Callable[[str], Any],
    *,
    unit: str = "",
    is_secret: bool = False,
) -> Any:
    about = {"sentence": sentence, "read": read, "unit": unit, "is_secret": is_secret}
    return field(default=default, metadata=about, repr=not is_secret)


@dataclass(frozen=True)
class Environment:
    """Every setting of this host with its value. `SETTINGS` holds the same list with the sentences."""

    port: int = _setting(8000, "TCP port the web process listens on.", readers.whole(1, 65535))
    host: str = _setting("127.0.0.1", "Address the web process listens on; 0.0.0.0 for every interface.", readers.text)
    base_url: str = _setting(
        None, "Address under which people reach this site; without it http://HOST:PORT.", readers.web_url
    )
    base_internal_url: str | None = _setting(
        None, "Address under which jobs reach this site's API; without it BASE_URL.", readers.web_url
    )
    data_dir: Path = _setting(
        None,
        "Directory of the embedded database, caches and keys; /var/lib/windmill for root, "
        "else ~/.local/share/windmill.",
        readers.path,
    )
    database_url: str | None = _setting(
        None,
        "Postgres 15 or newer to use, as postgresql://user:password@host:port/name; without it the "
        "embedded one is started.",
        readers.database_url,
        is_secret=True,
    )
    database_direct_url: str | None = _setting(
        None,
        "The same database past a transaction pooler, for LISTEN; without it DATABASE_URL serves both.",
        readers.database_url,
        is_secret=True,
    )
    num_workers: int = _setting(
        2, "Jobs this host's worker runs at the same time.", readers.whole(1), unit="slots of this host's worker"
    )
    admin_email: str | None = _setting(
        None, "First superadmin, made at start if missing; without it a one-time set-up link is printed.", readers.email
    )
    admin_password: str | None = _setting(
        None, "Password of the first superadmin; changes nothing once the account exists.", readers.text, is_secret=True
    )
    superadmin_secret: str | None = _setting(
        None, "A bearer token with superadmin power; off when unset.", readers.text, is_secret=True
    )
    secret_key: str | None = _setting(
        None,
        "Key that signs sessions and links; without it one is made and kept in the data directory.",
        readers.text,
        is_secret=True,
    )
    instance_key: str | None = _setting(
        None,
        "Key that seals the keys of workspaces, the same on all hosts, at least 32 characters; without it one is made "
        "and kept in the data directory. Without this key no secret can be read again.",
        readers.long_text(32),
        is_secret=True,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Further host names this site answers to, comma-separated; BASE_URL, HOST and localhost always.",
        readers.names,
    )
    debug: bool = _setting(False, "Show tracebacks in pages. Never on a site others can reach.", readers.flag)
    json_fmt: bool = _setting(False, "Write the log as JSON, one object a line.", readers.flag)
    sandbox_minimum: str = _setting(
        "namespaces",
        "Lowest sandbox level at which a worker takes jobs.",
        readers.choice("off", "namespaces", "full"),
    )
    worker_group: str = _setting("default", "Worker group whose configuration this host's worker takes.", readers.text)
    worker_tags: tuple[str, ...] = _setting(
        (), "Tags this host's worker pulls, comma-separated; without it those of its worker group.", readers.names
    )
    zombie_job_timeout: int = _setting(
        30, "A running job whose worker has been silent for this long counts as lost.", readers.whole(1), unit="s"
    )
    restart_zombie_jobs: bool = _setting(True, "Start lost jobs again; if off they fail.", readers.flag)
    sleep_queue: int = _setting(
        1000, "An idle worker looks at the queue this often even without being notified.", readers.whole(10), unit="ms"
    )
    drain_grace: int = _setting(
        25,
        "A worker that is told to stop gives running jobs this long, then hands them back.",
        readers.whole(0),
        unit="s",
    )
    timeout_wait_result: int = _setting(
        20, "run_wait_result gives up waiting after this; the job goes on.", readers.whole(1), unit="s"
    )
    keep_job_dir: bool = _setting(False, "Keep the directories of finished jobs, to look into them.", readers.flag)
    job_default_timeout: int = _setting(
        604_800, "A job without a timeout of its own is stopped after this.", readers.whole(1), unit="s"
    )
    job_memory_mb: int = _setting(1024, "Memory a job may use with all its processes.", readers.whole(32), unit="MB")
    job_max_processes: int = _setting(256, "Processes and threads a job may have at once.", readers.whole(4))
    result_max_bytes: int = _setting(
        16_000_000, "A job whose result is longer than this as JSON fails.", readers.whole(1000), unit="bytes"
    )
    log_max_bytes: int = _setting(
        50_000_000, "Of a job's log only this much is kept; the log says so.", readers.whole(1000), unit="bytes"
    )

    @property
    def database(self) -> dict[str, Any]:
        """Django's DATABASES entry: DATABASE_URL, or the embedded server of the data directory."""
        return parse_url(self.database_url or embedded_url(self.data_dir)).as_django()


def _described() -> tuple[Setting, ...]:
    return tuple(
        Setting(
            name=each.name.upper(),
            default=each.default,
            sentence=each.metadata["sentence"],
            unit=each.metadata["unit"],
            expects=each.metadata["read"].__doc__ or "",
            read=each.metadata["read"],
            is_secret=each.metadata["is_secret"],
        )
        for each in fields(Environment)
    )


SETTINGS: tuple[Setting, ...] = _described()


def load(environ: Mapping[str, str]) -> Environment:
    """The values of `environ`, an empty one counting as unset. Raises BadSetting naming the variable."""
    given = {each.name: environ[each.name] for each in SETTINGS if environ.get(each.name, "").strip()}
    values = {each.name.lower(): _read(each, given[each.name]) for each in SETTINGS if each.name in given}
    values.setdefault("data_dir", default_data_dir(is_root=os.geteuid() == 0, home=Path.home()))
    loaded = Environment(**values)
    if not loaded.base_url:
        loaded = replace(loaded, base_url=_listening_url(loaded.host, loaded.port))
    if loaded.admin_password and not loaded.admin_email:
        raise BadSetting("ADMIN_PASSWORD is set but ADMIN_EMAIL is not; set both, or neither for a set-up link.")
    if loaded.admin_email and not loaded.admin_password:
        raise BadSetting("ADMIN_EMAIL is set but ADMIN_PASSWORD is not; set both, or neither for a set-up link.")
    return loaded


def own_hosts(environment: Environment) -> tuple[str, ...]:
    """Host names this site always answers to: BASE_URL's, HOST's and this machine's."""
    named = urlsplit(environment.base_url).hostname or ""
    return ("localhost", "127.0.0.1", "[::1]", named, environment.host)


def default_data_dir(*, is_root: bool, home: Path) -> Path:
    """Where data is kept when DATA_DIR does not say."""
    return Path("/var/lib/windmill") if is_root else home / ".local/share/windmill"


def _listening_url(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::", "127.0.0.1"):  # noqa: S104 (compared, not bound)
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _read(setting: Setting, value: str) -> Any:
    try:
        return setting.read(value.strip())
    except ValueError as error:
        shown = "has a value that cannot be used" if setting.is_secret else f'is "{_one_line(value)}"'
        unit = f" ({setting.unit})" if setting.unit else ""
        raise BadSetting(f"{setting.name} {shown}; it must be {error}{unit}.") from None


def _one_line(value: str) -> str:
    kept = "".join(each if each.isprintable() else "?" for each in value)
    return kept if len(kept) <= 80 else kept[:79] + "…"
