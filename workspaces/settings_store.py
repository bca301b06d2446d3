"""Instance settings: one row a name, named as Windmill names them."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from workspaces import audit
from workspaces.models import Setting
from workspaces.principal import Principal

# What every account may read; anything else is for superadmins.
PUBLIC = frozenset({"automate_username_creation", "base_url", "default_tags_per_workspace", "disable_password_login"})


def get(name: str, default: Any = None) -> Any:
    """The value, `default` if it was never set."""
    found = Setting.objects.filter(name=name).values_list("value", flat=True).first()
    return default if found is None else found


@transaction.atomic
def put(name: str, value: Any, *, by: Principal) -> None:
    """Set it; None removes it."""
    if value is None:
        Setting.objects.filter(name=name).delete()
    else:
        Setting.objects.update_or_create(name=name, defaults={"value": value})
    audit.record(by, "settings.update", name)
