"""`page` and `per_page` of the API's lists: from 1 (0 is 1), 1,000 rows unless said, at most 10,000, no envelope."""

from __future__ import annotations

from django.db.models import Model, QuerySet
from ninja import Schema
from pydantic import field_validator

MAX_PER_PAGE = 10_000


class Page(Schema):
    page: int = 1
    per_page: int = 1000

    @field_validator("page")
    @classmethod
    def _from_one(cls, value: int) -> int:
        return min(max(value, 1), 1_000_000)

    @field_validator("per_page")
    @classmethod
    def _within(cls, value: int) -> int:
        return min(max(value, 1), MAX_PER_PAGE)

    def of[M: Model](self, rows: QuerySet[M, M]) -> QuerySet[M, M]:
        """The rows of this page."""
        start = (self.page - 1) * self.per_page
        return rows[start : start + self.per_page]
