"""The description of the API: `/api/openapi.json`, and the same text as `/api/openapi.yaml` (JSON is YAML)."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from workspaces.jsontext import dumps
from workspaces.routes import ApiRouter, Role


def add_to(api: NinjaAPI) -> None:
    """Serve the description of everything `api` has."""
    router = ApiRouter()

    @cache
    def described() -> str:
        return dumps(api.get_openapi_schema(path_prefix="/api"))

    @router.get("/openapi.json", role=Role.PUBLIC, include_in_schema=False)
    def openapi_json(request: HttpRequest) -> HttpResponse:
        """This API as an OpenAPI description."""
        return HttpResponse(described(), content_type="application/json")

    @router.get("/openapi.yaml", role=Role.PUBLIC, include_in_schema=False)
    def openapi_yaml(request: HttpRequest) -> HttpResponse:
        """The same text for readers of YAML."""
        return HttpResponse(described(), content_type="application/yaml")

    api.add_router("", router)
