"""`/w/{workspace}/folders`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Query, Schema

from workspaces import folders
from workspaces.models import Folder
from workspaces.paging import Page
from workspaces.routes import ApiRouter, PageRequest, Role, text

router = ApiRouter(tags=["folders"])


class EditFolder(Schema):
    owners: list[str] | None = None
    extra_perms: dict[str, bool] | None = None
    summary: str | None = None
    display_name: str | None = None
    labels: list[str] | None = None

    def as_fields(self) -> folders.FolderFields:
        return folders.FolderFields(self.owners, self.extra_perms, self.summary, self.display_name, self.labels)


class NewFolder(EditFolder):
    name: str


class Owner(Schema):
    owner: str
    write: bool | None = None


@router.get("/list", role=Role.MEMBER, scope="folders:read")
def list_folders(request: PageRequest, workspace: str, page: Query[Page]) -> list[dict[str, Any]]:
    """The folders one may see, by name."""
    start = (page.page - 1) * page.per_page
    return [_shape(each) for each in folders.visible_folders(request.principal)[start : start + page.per_page]]


@router.get("/listnames", role=Role.MEMBER, scope="folders:read")
def list_names(request: PageRequest, workspace: str, only_member_of: bool = False) -> list[str]:
    """The names of those one may see; `only_member_of`: of those one has rights in."""
    by = request.principal
    names = [each.name for each in folders.visible_folders(by)]
    return [name for name in names if not only_member_of or name in by.folders_read | by.folders_write]


@router.get("/get/{name}", role=Role.MEMBER, scope="folders:read")
def get(request: PageRequest, workspace: str, name: str) -> dict[str, Any]:
    """A folder with its owners and rights."""
    return _shape(folders.find_folder(name, by=request.principal))


@router.get("/exists/{name}", role=Role.MEMBER, scope="folders:read")
def exists(request: PageRequest, workspace: str, name: str) -> bool:
    """Is the name taken? Also of folders one cannot see: a name is taken all the same."""
    return Folder.objects.filter(workspace_id=workspace, name=name).exists()


@router.get("/is_owner/{name}", role=Role.MEMBER, scope="folders:read")
def is_owner(request: PageRequest, workspace: str, name: str) -> bool:
    """Does the caller own the folder?"""
    return request.principal.may_all or name in request.principal.folders_owned


@router.post("/create", role=Role.DEVELOPER, scope="folders:write")
def create(request: PageRequest, workspace: str, payload: NewFolder) -> HttpResponse:
    """Make a folder; the caller owns it."""
    folders.create_folder(payload.name, payload.as_fields(), by=request.principal)
    return text(f"Created folder {payload.name}")


@router.post("/update/{name}", role=Role.DEVELOPER, scope="folders:write")
def update(request: PageRequest, workspace: str, name: str, payload: EditFolder) -> HttpResponse:
    """Change a folder's texts, owners and rights."""
    folders.update_folder(name, payload.as_fields(), by=request.principal)
    return text(f"Updated folder {name}")


@router.delete("/delete/{name}", role=Role.DEVELOPER, scope="folders:write")
def delete(request: PageRequest, workspace: str, name: str) -> HttpResponse:
    """Remove a folder; what lies in it stays, for admins alone."""
    folders.delete_folder(name, by=request.principal)
    return text(f"Deleted folder {name}")


@router.post("/addowner/{name}", role=Role.DEVELOPER, scope="folders:write")
def add_owner(request: PageRequest, workspace: str, name: str, payload: Owner) -> HttpResponse:
    """Make a person or a group an owner."""
    folders.add_owner(name, payload.owner, by=request.principal)
    return text(f"Added {payload.owner} to the owners of folder {name}")


@router.post("/removeowner/{name}", role=Role.DEVELOPER, scope="folders:write")
def remove_owner(request: PageRequest, workspace: str, name: str, payload: Owner) -> HttpResponse:
    """Take the ownership back."""
    folders.remove_owner(name, payload.owner, by=request.principal, write=payload.write)
    return text(f"Removed {payload.owner} from the owners of folder {name}")


def _shape(folder: Folder) -> dict[str, Any]:
    shape = {
        "workspace_id": folder.workspace_id,  # type: ignore[attr-defined]
        "name": folder.name,
        "display_name": folder.display_name or folder.name,
        "owners": folder.owners,
        "extra_perms": folder.extra_perms,
        "summary": folder.summary or None,
        "labels": folder.labels or None,
        "created_by": folder.created_by,
        "edited_at": folder.edited_at,
    }
    return {name: value for name, value in shape.items() if value is not None}
