"""Model fields of our own."""

from typing import Any

from django.db import models


class JsonField(models.JSONField):
    """A column of type `json`: the text is kept (key order, number spelling), which `jsonb` does not do."""

    def db_type(self, connection: Any) -> str:
        return "json"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        # Read as text: psycopg would parse `json` itself, and Django would then parse a parsed string again.
        return f"({sql})::text", params
