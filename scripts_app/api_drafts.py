"""Drafts: one a person and path."""

from typing import Any

from django.http import HttpResponse
from ninja import Schema

from scripts_app.drafts import delete_draft, find_draft, save_draft
from workspaces.errors import NotFound
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["drafts"])


class NewDraft(Schema):
    path: str
    typ: str
    value: Any


@router.post("/create", role=Role.DEVELOPER, scope="drafts:write")
def create(request: PageRequest, payload: NewDraft) -> HttpResponse:
    """Keep a draft, 201; in place of the caller's earlier draft at that path."""
    save_draft(payload.path, payload.value, by=request.principal, kind=payload.typ)
    return text(f"draft {payload.path} created", 201)


@router.get("/get/{kind}/{path:path}", role=Role.DEVELOPER, scope="drafts:read")
def get(request: PageRequest, kind: str, path: str) -> dict[str, Any]:
    """The caller's own draft."""
    draft = find_draft(path, by=request.principal, kind=kind)
    if draft is None:
        raise NotFound(f"draft not found at path {path}")
    return {"path": path, "typ": kind, "value": draft.value, "created_at": draft.edited_at}


@router.delete("/delete/{kind}/{path:path}", role=Role.DEVELOPER, scope="drafts:write")
def delete(request: PageRequest, kind: str, path: str) -> HttpResponse:
    """Discard the caller's own draft."""
    delete_draft(path, by=request.principal, kind=kind)
    return text(f"draft {path} deleted")
