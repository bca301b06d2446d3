"""HTML that the websocket of a job's page sends: new log lines, and the parts that follow the job's state."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from workers import job_page, log_chunks

LOG_ID = "job-log"
_PARTS = {"state": "#job-state", "actions": "#job-actions", "facts": "#job-facts", "notice": "#job-notice"}
_PARTS_AT_END = {**_PARTS, "outcome": "#job-outcome", "code": "#job-code"}


def log_lines(text: str, end: int, place: log_chunks.Position) -> tuple[str, log_chunks.Position]:
    """The next piece of the log, which ends at offset `end`, as a swap, and the place after it."""
    chunks, place = log_chunks.chunks(text, end, place)
    return _appended(render_to_string("ui/log_lines.html", {"chunks": chunks})), place


def skipped(lines: int) -> str:
    """A note in the log where a slow reader was skipped ahead, as a swap."""
    text = ngettext(
        "%(count)s line is not shown here. Download the log to see all of it.",
        "%(count)s lines are not shown here. Download the log to see all of it.",
        lines,
    ) % {"count": f"{lines:,}"}
    return _appended(format_html('<p class="log-note">{}</p>', text))


def _appended(lines: str) -> str:
    return _partial(f"#{LOG_ID}-lines", "beforeend", SafeString(lines))


def state(page: job_page.JobPage, principal: Any) -> str:
    """Everything on the page that follows the state."""
    parts = _PARTS_AT_END if page.row.is_completed else _PARTS
    return "".join(_part(name, page, principal) for name in parts)


def notice(page: job_page.JobPage) -> str:
    """The reason why the job waits, as it is now."""
    return _part("notice", page, None)


def _part(name: str, page: job_page.JobPage, principal: Any) -> str:
    html = render_to_string(f"workers/job.html#{name}", {"page": page, "principal": principal})
    return _partial(_PARTS_AT_END[name], "outerHTML", SafeString(html))


def _partial(target: str, swap: str, html: SafeString) -> str:
    return format_html('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>', target, swap, html)
