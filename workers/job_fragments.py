"""HTML that the websocket of a job's page sends: new log lines, and the parts that follow the job's state."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from workers import job_page, log_chunks
from workers.job_logs import Segment

LOG_ID = "job-log"
_PARTS = {"state": "#job-state", "actions": "#job-actions", "facts": "#job-facts", "notice": "#job-notice"}
_PARTS_AT_END = {**_PARTS, "outcome": "#job-outcome", "code": "#job-code"}


def log_lines(segment: Segment, place: log_chunks.Position) -> tuple[str, log_chunks.Position]:
    """The lines of one segment, and the place after it."""
    chunks, place = log_chunks.chunks(segment.text, segment.seq, place)
    return render_to_string("ui/log_lines.html", {"chunks": chunks}), place


def skipped(lines: int) -> str:
    """A note in the log where a slow reader was skipped ahead."""
    text = ngettext(
        "%(count)s line is not shown here. Download the log to see all of it.",
        "%(count)s lines are not shown here. Download the log to see all of it.",
        lines,
    ) % {"count": f"{lines:,}"}
    return format_html('<p class="log-note">{}</p>', text)


def appended(lines: str) -> str:
    """`lines` (escaped HTML) as a swap at the end of the log."""
    return _partial(f"#{LOG_ID}-lines", "beforeend", SafeString(lines))


def state(page: job_page.JobPage, principal: Any) -> str:
    """Everything on the page that follows the state."""
    parts = _PARTS_AT_END if page.row.is_completed else _PARTS
    context = {"page": page, "principal": principal}
    return "".join(
        _partial(target, "outerHTML", SafeString(render_to_string(f"workers/job.html#{name}", context)))
        for name, target in parts.items()
    )


def _partial(target: str, swap: str, html: SafeString) -> str:
    return format_html('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>', target, swap, html)
