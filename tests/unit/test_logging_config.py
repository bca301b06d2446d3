"""The log: an event and its fields on one line, never what a request carried."""

import json
import logging
import sys

import pytest

from windmill_site.logging_config import JsonLines, Lines, make


def record(event: str, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "workers.worker", "levelname": "INFO", "levelno": 20, "msg": event})
    vars(made).update(fields)
    return made


def test_a_line_has_time_level_event_and_fields():
    line = Lines().format(record("job.completed", took_ms=41, job_id="a b"))
    instant, rest = line.split(" ", 1)
    assert instant.endswith("Z")
    assert rest == 'info job.completed took_ms=41 job_id="a b"'


def test_a_value_cannot_begin_a_line_of_its_own():
    assert "\n" not in Lines().format(record("job.failed", told="one\ntwo"))


def test_json_lines_are_json():
    line = json.loads(JsonLines().format(record("job.completed", took_ms=41)))
    assert (line["event"], line["level"], line["logger"], line["took_ms"]) == (
        "job.completed",
        "info",
        "workers.worker",
        41,
    )


@pytest.mark.parametrize("formatter", [Lines(), JsonLines()])
def test_the_request_django_hands_over_is_left_out(formatter):
    assert "token" not in formatter.format(record("Not Found", request="<GET /x?token=secret>"))


@pytest.mark.parametrize("formatter", [Lines(), JsonLines()])
def test_a_traceback_is_kept(formatter):
    try:
        raise ValueError("told")
    except ValueError:
        made = record("part.failed", exc_info=sys.exc_info())
    assert "ValueError: told" in formatter.format(made)


@pytest.mark.parametrize(("json_fmt", "name"), [(True, "JsonLines"), (False, "Lines")])
def test_the_setting_chooses_the_form(json_fmt, name):
    assert make(json=json_fmt, debug=False)["formatters"]["lines"]["()"].endswith(name)
