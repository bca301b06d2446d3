"""How durations, sizes, times and states read on a page. Pure, apart from the translations."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext


@dataclass(frozen=True)
class State:
    """A state as people see it: word, icon and tone (ok, bad, run, wait, draft, idle)."""

    word: str | Promise
    icon: str
    tone: str


STATES = {
    # jobs
    "success": State(gettext_lazy("Success"), "circle-check", "ok"),
    "failure": State(gettext_lazy("Failed"), "circle-x", "bad"),
    "canceled": State(gettext_lazy("Cancelled"), "circle-slash", "idle"),
    "skipped": State(gettext_lazy("Skipped"), "skip-forward", "idle"),
    "running": State(gettext_lazy("Running"), "loader-circle", "run"),
    "queued": State(gettext_lazy("Queued"), "clock", "idle"),
    "waiting": State(gettext_lazy("Queued"), "clock", "idle"),
    "scheduled": State(gettext_lazy("Planned"), "calendar-clock", "idle"),
    "suspended": State(gettext_lazy("Waiting for approval"), "hourglass", "wait"),
    # versions
    "deployed": State(gettext_lazy("Deployed"), "circle-check", "ok"),
    "deploying": State(gettext_lazy("Deploying"), "loader-circle", "run"),
    "deploy_failed": State(gettext_lazy("Deployment failed"), "circle-x", "bad"),
    "draft": State(gettext_lazy("Draft"), "pencil-line", "draft"),
    "archived": State(gettext_lazy("Archived"), "archive", "idle"),
    # workers
    "alive": State(gettext_lazy("Alive"), "wifi", "ok"),
    "gone": State(gettext_lazy("Gone"), "wifi-off", "bad"),
    "draining": State(gettext_lazy("Draining"), "hourglass", "wait"),
}
UNKNOWN = "circle-dashed"


def state(name: str) -> State:
    """The state called `name`; an unknown one shows its own name in grey."""
    return STATES.get(name) or State(str(name).replace("_", " ").capitalize(), UNKNOWN, "idle")


@dataclass(frozen=True)
class Tone:
    """How a message looks: its CSS class and its icon."""

    name: str
    icon: str


TONES = {
    "ok": Tone("ok", "circle-check"),
    "success": Tone("ok", "circle-check"),
    "bad": Tone("bad", "circle-x"),
    "error": Tone("bad", "circle-x"),
    "warn": Tone("warn", "triangle-alert"),
    "warning": Tone("warn", "triangle-alert"),
    "wait": Tone("wait", "hourglass"),
}


def tone(name: str) -> Tone:
    """The tone of a message level, ours or Django's; a neutral one otherwise."""
    return TONES.get(name, Tone("", "info"))


def duration(ms: float | None) -> str:
    """Milliseconds as `84 ms`, `1.2 s`, `2 m 10 s`, `3 h 5 m`, `2 d 4 h`; "" for None."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{round(ms)} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} m"
    return f"{minutes} m {seconds} s"


def size(count: int | None) -> str:
    """Bytes as `812 B`, `12.4 kB`, `3.1 MB`; "" for None."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def relative(then: datetime, now: datetime) -> str:
    """How far `then` is from `now`: `just now`, `4 min ago`, `in 2 h`, `12 Mar`, `12 Mar 2024`."""
    away = then - now
    past = away <= timedelta()
    seconds = abs(away.total_seconds())
    if seconds < 10:
        return _("just now")
    amount = _amount(seconds)
    if amount is None:
        return f"{then.day} {then:%b}" if then.year == now.year else f"{then.day} {then:%b} {then.year}"
    return _("%(time)s ago") % {"time": amount} if past else _("in %(time)s") % {"time": amount}


def _amount(seconds: float) -> str | None:
    if seconds < 60:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 3600:
        return _("%(count)d min") % {"count": seconds // 60}
    if seconds < 86_400:
        return _("%(count)d h") % {"count": seconds // 3600}
    if seconds < 7 * 86_400:
        days = int(seconds // 86_400)
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    return None
