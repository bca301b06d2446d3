"""Bodies of webhooks as arguments, query arguments as options, results as HTTP answers."""

import json
from datetime import UTC, datetime

import pytest

from workers.answers import Call, parse_query
from workers.results import sync_answer
from workers.run_request import read_args, read_options
from workspaces.errors import BadRequest, Internal, TooLarge, UnsupportedMedia
from workspaces.principal import ANONYMOUS

MULTIPART = b'--b\r\nContent-Disposition: form-data; name="day"\r\n\r\nmonday\r\n--b--\r\n'
WITH_FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nx\r\n--b--\r\n'


def a_call(body=b"", content_type="application/json", *, method="POST", query="", **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type:
        given["content-type"] = content_type
    return Call(method, "f/a/b", "test", ANONYMOUS, query=parse_query(query), headers=given, body=body)


@pytest.mark.parametrize(
    ("body", "content_type", "query", "args"),
    [
        (b"", "", "", {}),
        (b"", "application/json", "", {}),
        (b'{"a": 1}', "", "", {"a": 1}),
        (b'{"a": 1}', "application/json; charset=utf-8", "", {"a": 1}),
        (b"[1, 2]", "application/json", "", {"body": [1, 2]}),
        (b"null", "application/json", "", {"body": None}),
        (b'{"a": 1}', "application/json", "wrap_body=true", {"body": {"a": 1}}),
        (b'{"a": 1}', "application/json", "raw=true", {"a": 1, "raw_string": '{"a": 1}'}),
        (b"a=1&b=%C3%A9&a=2&empty=", "application/x-www-form-urlencoded", "", {"a": "2", "b": "é", "empty": ""}),
        ("grüße".encode(), "text/plain", "", {"raw_string": "grüße"}),
        (b"<a/>", "text/xml", "", {"raw_string": "<a/>"}),
        (MULTIPART, "multipart/form-data; boundary=b", "", {"day": "monday"}),
        (
            b'{"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": {"a": 1}}',
            "application/cloudevents+json",
            "",
            {"a": 1, "WEBHOOK__METADATA__": {"id": "1", "source": "s", "type": "t", "specversion": "1.0"}},
        ),
        (b"{}", "application/json", "include_query=day,none&day=1&day=2", {"day": "2"}),
    ],
)
def test_bodies_become_arguments(body, content_type, query, args):
    assert json.loads(read_args(a_call(body, content_type, query=query))) == args


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"x", "image/png", UnsupportedMedia),
        (b"[]", "application/cloudevents-batch+json", BadRequest),
        (WITH_FILE, "multipart/form-data; boundary=b", BadRequest),
        (b"--b", "multipart/form-data", BadRequest),
        (b"\xff", "application/x-www-form-urlencoded", BadRequest),
        (b"a=1&" * 10_001, "application/x-www-form-urlencoded", BadRequest),
        (b"{", "application/json", BadRequest),
        (b'"' + b"x" * (8 * 1024 * 1024) + b'"', "application/json", TooLarge),
    ],
)
def test_bodies_that_make_no_arguments_say_why(body, content_type, error):
    with pytest.raises(error):
        read_args(a_call(body, content_type))


def test_members_that_are_added_win_and_the_rest_keeps_its_spelling():
    call = a_call(b'{ "x_day" : 1.10, "n": 1e5 }', query="include_header=X-Day", x_day="monday")
    text = read_args(call)
    assert text == '{"x_day" : 1.10, "n": 1e5,"x_day":"monday"}'
    assert json.loads(text)["x_day"] == "monday"


def test_options_are_read():
    options = read_options(
        a_call(query="scheduled_for=2026-01-02T03:04:05%2B01:00&timeout=5&queue_limit=3&invisible_to_owner=true")
    )
    assert options.scheduled_for == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (options.timeout_s, options.queue_limit, options.is_invisible_to_owner) == (5, 3, True)
    assert read_options(a_call(query="scheduled_for=2026-01-02T03:04:05Z")).scheduled_for.tzinfo is not None
    assert read_options(a_call(idempotency_key="k")).idempotency_key == "k"


@pytest.mark.parametrize("wrong", ["timeout=0", "timeout=1e3", "timeout=٣", "scheduled_in_secs=-1", "parent_job=x"])
def test_wrong_options_raise(wrong):
    with pytest.raises(BadRequest):
        read_options(a_call(query=wrong))


@pytest.mark.parametrize(
    ("status", "result", "answer"),
    [
        ("success", "1.0", (200, b"1.0", "application/json")),
        ("success", None, (200, b"null", "application/json")),
        ("skipped", "null", (200, b"null", "application/json")),
        ("failure", '{"error": {}}', (422, b'{"error": {}}', "application/json")),
        ("canceled", '{"error": {}}', (422, b'{"error": {}}', "application/json")),
        ("success", '{"windmill_status_code": 202, "result": {"a": 1}}', (202, b'{"a":1}', "application/json")),
        ("success", '{"windmill_content_type": "text/html", "result": "<p>"}', (200, b"<p>", "text/html")),
        ("success", '{"windmill_content_type": "a/json", "result": [1]}', (200, b"[1]", "a/json")),
        ("success", '{"windmill_headers": {}}', (204, b"", "application/json")),
        ("failure", '{"windmill_headers": {}, "result": 1}', (422, b"1", "application/json")),
        ("success", '{"note": "windmill_status_code"}', (200, b'{"note": "windmill_status_code"}', "application/json")),
    ],
)
def test_results_become_answers(status, result, answer):
    found = sync_answer(status, result)
    assert (found.status, found.body, found.content_type) == answer


@pytest.mark.parametrize(
    "result",
    [
        {"windmill_status_code": 99},
        {"windmill_status_code": "200"},
        {"windmill_status_code": True},
        {"windmill_content_type": "a\nb"},
        {"windmill_headers": ["a"]},
        {"windmill_headers": {"A B": "c"}},
        {"windmill_headers": {"A": "c\r\nSet-Cookie: x"}},
    ],
)
def test_answers_http_does_not_have_are_refused(result):
    with pytest.raises(Internal):
        sync_answer("success", json.dumps(result))


def test_a_script_cannot_speak_in_the_name_of_the_site():
    headers = {"Set-Cookie": "a", "Location": "//evil", "Content-Security-Policy": "none", "X-Fine": "1"}
    found = dict(sync_answer("success", json.dumps({"windmill_headers": headers, "result": 1})).headers)
    assert found == {"X-Fine": "1", "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
