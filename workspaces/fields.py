"""Model fields of our own."""

from typing import Any

from django.db import models
from psycopg.types.json import Json

from workspaces.jsontext import dumps


class JsonField(models.JSONField):
    """A column of type `json`: the text is kept (key order, number spelling), which `jsonb` does not do."""

    def db_type(self, connection: Any) -> str:
        return "json"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        # Read as text: psycopg would parse `json` itself, and Django would then parse a parsed string again.
        return f"({sql})::text", params

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        # Django's own adapter sends `jsonb`, which sorts the keys on its way into the column.
        return Json(value if prepared else self.get_prep_value(value), dumps=dumps)
