"""Scopes of tokens: what they grant, what they cover, what is no scope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces import scopes

GRANTS = [
    (["scripts:read"], "scripts:read", "f/a/b", True),
    (["scripts:read"], "scripts:read", None, True),
    (["scripts:read"], "scripts:write", "f/a/b", False),
    (["scripts:write"], "scripts:read", "f/a/b", True),
    (["scripts:delete"], "scripts:write", "f/a/b", True),
    (["scripts:write"], "scripts:delete", "f/a/b", True),
    (["scripts:read"], "flows:read", None, False),
    (["scripts:read:f/a/b"], "scripts:read", "f/a/b", True),
    (["scripts:read:f/a/b"], "scripts:read", "f/a/bc", False),
    (["scripts:read:f/a/b"], "scripts:read", "f/a/b/c", False),
    (["scripts:read:f/a/b"], "scripts:read", None, False),
    (["scripts:read:f/a/*"], "scripts:read", "f/a/b/c", True),
    (["scripts:read:f/a/*"], "scripts:read", "f/ab/c", False),
    (["scripts:read:f/a/*"], "scripts:read", "F/A/b", False),
    (["scripts:read:*"], "scripts:read", None, True),
    (["scripts:read:f/x/y,f/a/*"], "scripts:read", "f/a/b", True),
    (["variables:read", "scripts:read"], "scripts:read", None, True),
    (["jobs:run"], "jobs:run:scripts", "f/a/b", True),
    (["jobs:run"], "jobs:run", None, True),
    (["jobs:run"], "jobs:read", None, True),
    (["jobs:run"], "jobs:write", None, False),
    (["jobs:run:scripts"], "jobs:run:scripts", "f/a/b", True),
    (["jobs:run:scripts"], "jobs:run:flows", "f/a/b", False),
    (["jobs:run:scripts"], "jobs:run", None, False),
    (["jobs:run:scripts:f/a/b"], "jobs:run:scripts", "f/a/b", True),
    (["jobs:run:scripts:f/a/b"], "jobs:run:scripts", "f/a/c", False),
    (["jobs:run:scripts:f/a/b"], "jobs:run:flows", "f/a/b", False),
    (["jobs:run:scripts:f/a/b"], "jobs:poll", None, True),
    (["jobs:run:scripts:f/a/b"], "jobs:read", None, False),
    (["jobs:read"], "jobs:poll", None, True),
    (["scripts:read"], "jobs:poll", None, False),
    (["jobs_u:read"], "jobs:read", None, True),
    (["if_jobs:filter_tags:gpu"], "jobs:read", None, False),
    (["if_jobs:filter_tags:gpu", "jobs:read"], "jobs:read", None, True),
    (None, "jobs:run", None, True),
    ([], "jobs:run", None, True),
]


@pytest.mark.parametrize(("have", "required", "path", "is_granted"), GRANTS)
def test_grants(have, required, path, is_granted):
    assert scopes.grants(have, required, path) is is_granted


COVERS = [
    (None, None, True),
    (None, ["scripts:read"], True),
    (["scripts:read"], None, False),
    (["scripts:read"], [], False),
    (["scripts:write"], ["scripts:read:f/a/*"], True),
    (["scripts:read:f/a/*"], ["scripts:read:f/a/b"], True),
    (["scripts:read:f/a/*"], ["scripts:read:f/a/b/*"], True),
    (["scripts:read:f/a/b"], ["scripts:read:f/a/*"], False),
    (["scripts:read:f/a/*"], ["scripts:read"], False),
    (["scripts:read:f/a/*", "scripts:read:f/b/*"], ["scripts:read:f/a/x,f/b/y"], True),
    (["jobs:run:scripts"], ["jobs:run"], False),
    (["jobs:run"], ["jobs:run:scripts:f/a/b"], True),
    (["jobs:read", "if_jobs:filter_tags:gpu"], ["jobs:read"], False),
    (["jobs:read", "if_jobs:filter_tags:gpu"], ["jobs:read", "if_jobs:filter_tags:gpu,cpu"], False),
    (["jobs:read", "if_jobs:filter_tags:gpu,cpu"], ["jobs:read", "if_jobs:filter_tags:gpu"], True),
]


@pytest.mark.parametrize(("have", "want", "is_covered"), COVERS)
def test_covers(have, want, is_covered):
    assert scopes.covers(have, want) is is_covered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "scripts",
        "scripts:fly",
        "nothing:read",
        "scripts:read:",
        "scripts:read:f/*/b",
        "scripts:read:/a",
        "scripts:read:a:b",
        "jobs:run:apps",
        "jobs:read:scripts",
        "users:read:f/a/b",
        "scripts:read:f/a b",
    ],
)
def test_what_is_no_scope_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match=r"scope|action|path|parts"):
        scopes.check([text])


_paths = st.lists(st.sampled_from(["f/a/b", "f/a/*", "f/b/c", "*", "u/x/*"]), max_size=3)
_scope = st.builds(
    lambda domain, action, paths: f"{domain}:{action}" + (":" + ",".join(paths) if paths else ""),
    st.sampled_from(["scripts", "variables"]),
    st.sampled_from(["read", "write"]),
    _paths,
)


@given(st.lists(_scope, min_size=1, max_size=3), st.lists(_scope, min_size=1, max_size=3), st.data())
def test_what_is_covered_grants_nothing_more(have, want, data):
    """Monotony: whatever the narrower token may do, the wider one may too."""
    required = data.draw(st.sampled_from(["scripts:read", "scripts:write", "variables:read"]))
    path = data.draw(st.sampled_from([None, "f/a/b", "f/a/x/y", "f/b/c", "u/x/q"]))
    if scopes.covers(have, want) and scopes.grants(want, required, path):
        assert scopes.grants(have, required, path)
