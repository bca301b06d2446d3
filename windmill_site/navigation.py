"""What the sidebar and the bottom bar lead to: only pages that exist."""

from dataclasses import dataclass, replace

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Item:
    """A page: `key` is what pages set as `nav_active`, `route` the name of its URL, `shortcut` its letter after `g`."""

    key: str
    label: str | Promise
    icon: str
    route: str
    shortcut: str
    in_bottom_bar: bool = False
    url: str = ""


@dataclass(frozen=True)
class Group:
    """Pages under one heading; the first group has none."""

    label: str | Promise
    items: tuple[Item, ...]


GROUPS = (
    Group(
        "",
        (
            Item("home", _("Home"), "house", "home", "h", in_bottom_bar=True),
            Item("runs", _("Runs"), "play", "runs", "r", in_bottom_bar=True),
        ),
    ),
    Group(_("Build"), (Item("scripts", _("Scripts"), "code-xml", "scripts", "s", in_bottom_bar=True),)),
    Group(
        _("Data"),
        (
            Item("variables", _("Variables"), "variable", "variables", "v"),
            Item("resources", _("Resources"), "boxes", "resources", "e"),
        ),
    ),
    Group(
        _("Admin"),
        (
            Item("folders", _("Folders"), "folder", "folders", "f"),
            Item("workers", _("Workers"), "server", "workers", "w"),
        ),
    ),
)


def groups(workspace_id: str | None) -> list[Group]:
    """The groups with the items whose URL resolves, with or without the workspace in it; empty groups are left out."""
    found = (Group(group.label, tuple(_existing(group.items, workspace_id))) for group in GROUPS)
    return [group for group in found if group.items]


def _existing(items: tuple[Item, ...], workspace_id: str | None) -> list[Item]:
    placed = (replace(item, url=_url(item.route, workspace_id)) for item in items)
    return [item for item in placed if item.url]


def _url(route: str, workspace_id: str | None) -> str:
    """The address of a route, "" when no such page exists."""
    for kwargs in [{}, {"workspace": workspace_id}]:
        try:
            return reverse(route, kwargs=kwargs)
        except NoReverseMatch:
            continue
    return ""
