"""API tokens: shown once, kept as a hash, never wider than their maker."""

import pytest

from tests.factories import bearer, make_cast, make_token

pytestmark = pytest.mark.django_db


def test_smoke(client):
    cast = make_cast()
    text = make_token(cast.developer)
    answer = client.get("/api/users/tokens/list", headers=bearer(text))
    assert answer.status_code == 200, answer.content
    assert [each["token_prefix"] for each in answer.json()][0] == text[:10]
    answer = client.get("/api/users/tokens/list")
    assert (answer.status_code, answer["Content-Type"][:10]) == (401, "text/plain")
    answer = client.get("/api/nothing")
    assert (answer.status_code, answer.content) == (404, b"Not found: nothing is at /api/nothing; check the address")
    answer = client.put("/api/users/tokens/list")
    print(answer.status_code, answer.content, answer["Content-Type"])
