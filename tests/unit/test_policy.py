"""The item rule and the order of roles."""

import pytest

from workspaces import policy
from workspaces.errors import Forbidden, NotAuthorized
from workspaces.policy import Role
from workspaces.principal import ANONYMOUS, Principal


def person(**rights) -> Principal:
    given = {"kind": "session", "email": "ana@x.io", "username": "ana", "workspace_id": "w", "is_member": True}
    return Principal(**{**given, "groups": frozenset({"all", "crew"}), **rights})


DEVELOPER = person()
OPERATOR = person(is_operator=True)
ADMIN = person(is_admin=True, username="boss")
OUTSIDER = person(is_member=False, groups=frozenset())
SUPERADMIN = person(is_member=False, is_superadmin=True, groups=frozenset())
READER = person(folders_read=frozenset({"etl"}))
WRITER = person(folders_read=frozenset({"etl"}), folders_write=frozenset({"etl"}))
OWNER = person(folders_write=frozenset({"etl"}), folders_owned=frozenset({"etl"}))

CASES = [
    # principal, path, extra_perms, what it may
    (DEVELOPER, "u/ana/x", {}, "read write run own"),
    (DEVELOPER, "u/anabel/x", {}, ""),
    (DEVELOPER, "u/bob/x", {}, ""),
    (DEVELOPER, "u/bob/x", {"u/ana": False}, "read run"),
    (DEVELOPER, "u/bob/x", {"u/ana": True}, "read run write"),
    (DEVELOPER, "u/bob/x", {"g/crew": True}, "read run write"),
    (DEVELOPER, "u/bob/x", {"g/all": False}, "read run"),
    (DEVELOPER, "u/bob/x", {"u/an": True, "g/cre": True, "ana": True}, ""),
    (DEVELOPER, "u/bob/x", {"u/ana": False, "g/crew": True}, "read run write"),
    (DEVELOPER, "g/crew/x", {}, "read write run own"),
    (DEVELOPER, "g/other/x", {}, ""),
    (DEVELOPER, "f/etl/x", {}, ""),
    (READER, "f/etl/x", {}, "read run"),
    (READER, "f/etl2/x", {}, ""),
    (READER, "f/etl/x", {"u/ana": True}, "read run write"),
    (WRITER, "f/etl/x", {}, "read run write"),
    (OWNER, "f/etl/x", {}, "read run write own"),
    (OWNER, "f/etl/../x", {}, ""),
    (OWNER, "f/etl", {}, ""),
    (OPERATOR, "u/ana/x", {}, "read run"),
    (OPERATOR, "u/bob/x", {"u/ana": True}, "read run"),
    (ADMIN, "u/bob/x", {}, "read write run own"),
    (SUPERADMIN, "u/bob/x", {}, "read write run own"),
    (OUTSIDER, "u/ana/x", {}, ""),
    (OUTSIDER, "u/bob/x", {"u/ana": True, "g/all": True}, ""),
    (ANONYMOUS, "u//x", {"u/": True}, ""),
]


@pytest.mark.parametrize(("who", "path", "perms", "allowed"), CASES)
def test_the_item_rule(who, path, perms, allowed):
    for action in ("read", "write", "run", "own"):
        assert policy.may(who, action, path, perms) is (action in allowed.split()), action


ROLES = [
    (ANONYMOUS, Role.PUBLIC),
    (OUTSIDER, Role.LOGIN),
    (OPERATOR, Role.MEMBER),
    (DEVELOPER, Role.DEVELOPER),
    (ADMIN, Role.ADMIN),
    (SUPERADMIN, Role.SUPERADMIN),
]


@pytest.mark.parametrize(("who", "role"), ROLES)
def test_roles_are_ordered(who, role):
    assert policy.role_of(who) == role
    for wanted in Role:
        if wanted <= role:
            policy.require_role(who, wanted)
        else:
            with pytest.raises(NotAuthorized if role == Role.PUBLIC else Forbidden):
                policy.require_role(who, wanted)
