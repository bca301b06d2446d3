"""API tokens of one's own account."""

from typing import Any

from django.http import HttpResponse
from ninja import Query, Schema

from workspaces import tokens
from workspaces.errors import BadRequest
from workspaces.instants import Instant
from workspaces.models import Token
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["tokens"])


class NewToken(Schema):
    label: str | None = None
    expiration: Instant | None = None
    scopes: list[str] | None = None
    workspace_id: str | None = None
    read_only: bool | None = None


@router.post("/create", role=Role.LOGIN, scope="users:write", any_token=True)
def create(request: PageRequest, payload: NewToken) -> HttpResponse:
    """Make a token: 201 and the token's text, shown this once."""
    if payload.expiration is not None and payload.expiration.tzinfo is None:
        raise BadRequest("The expiration has no time zone; write it as 2030-01-31T12:00:00Z")
    minted = tokens.create_token(
        by=request.principal,
        label=payload.label or "",
        expires_at=payload.expiration,
        scopes_wanted=payload.scopes,
        workspace_id=payload.workspace_id or request.principal.token_workspace_id,
        is_read_only=bool(payload.read_only),
    )
    return text(minted.text, 201)


@router.get("/list", role=Role.LOGIN, scope="users:read")
def list_tokens(request: PageRequest, page: Query[Page], exclude_ephemeral: bool = False) -> list[dict[str, Any]]:
    """One's own tokens, newest first; logins are ephemeral."""
    own = Token.objects.filter(user_id=request.principal.user_id).select_related("user").order_by("-created_at")
    if exclude_ephemeral:
        own = own.exclude(kind="session")
    return [_shape(token) for token in page.of(own)]


@router.delete("/delete/{prefix}", role=Role.LOGIN, scope="users:write")
def delete(request: PageRequest, prefix: str) -> HttpResponse:
    """End one of one's own tokens, named by the first characters that lists show."""
    tokens.delete_token(prefix, by=request.principal)
    return text(f"deleted token {prefix}")


def _shape(token: Token) -> dict[str, Any]:
    shape = {
        "label": token.label or None,
        "expiration": token.expires_at,
        "token_prefix": token.prefix,
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "scopes": token.scopes,
        "email": token.user.email,
        "workspace_id": token.workspace_id,
        "read_only": token.is_read_only,
    }
    return {name: value for name, value in shape.items() if value is not None}
