"""Which scripts a list shows: the filters of `scripts/list` and of the home page, as one value and one query."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from scripts_app.models import Draft, Script, ScriptVersion
from workspaces.principal import Principal


@dataclass(frozen=True)
class ScriptFilter:
    """None and empty mean: do not care. `text` is looked for in path and summary, all its words."""

    text: str = ""
    created_by: str = ""
    path_start: str = ""
    path_exact: str = ""
    first_parent_hash: int | None = None
    last_parent_hash: int | None = None
    parent_hash: int | None = None
    show_archived: bool = False
    include_libraries: bool = False
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    is_template: bool | None = None
    without_description: bool = False
    label: str = ""
    oldest_first: bool = False


def list_scripts(by: Principal, wanted: ScriptFilter) -> QuerySet[Script, Script]:
    """The scripts `by` may read, with `head` loaded but for its long texts, and `has_draft` of `by`'s own drafts."""
    rows = Script.objects.visible_to(by).filter(head__isnull=False)
    rows = rows.exclude(archived_at=None) if wanted.show_archived else rows.filter(archived_at=None)
    for condition in _conditions(wanted):
        rows = rows.filter(condition)
    drafts = Draft.objects.filter(
        workspace_id=OuterRef("workspace_id"), kind="script", path=OuterRef("path"), username=by.username or by.email
    )
    rows = rows.select_related("head").defer("head__content", "head__schema", "head__lock", "head__lock_error")
    order = "edited_at" if wanted.oldest_first else "-edited_at"
    return rows.annotate(has_draft=Exists(drafts)).order_by(order, "id").fetch_mode(models.FETCH_RAISE)


def _conditions(wanted: ScriptFilter) -> list[Q]:
    conditions = [Q(path__icontains=word) | Q(summary__icontains=word) for word in wanted.text.split()[:10]]
    simple = {
        "created_by": wanted.created_by,
        "path__startswith": wanted.path_start,
        "path": wanted.path_exact,
        "kind__in": wanted.kinds,
        "language__in": wanted.languages,
        "head__parent_hash": wanted.parent_hash,
    }
    conditions += [Q(**{name: value}) for name, value in simple.items() if value not in (None, "", ())]
    if not wanted.include_libraries:
        conditions.append(Q(has_main=True))
    if wanted.is_template is not None:
        conditions.append(Q(is_template=wanted.is_template))
    if wanted.without_description:
        conditions.append(Q(head__description=""))
    if wanted.label:
        conditions.append(Q(labels__contains=[wanted.label]))
    if wanted.first_parent_hash is not None:
        first = ScriptVersion.objects.filter(script=OuterRef("pk"), number=1, hash=wanted.first_parent_hash)
        conditions.append(Q(Exists(first)))
    if wanted.last_parent_hash is not None:
        conditions.append(Q(head__parent_hash=wanted.last_parent_hash))
    return conditions
