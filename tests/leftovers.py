"""The shared test database as the migrations left it, after every test.

Django rolls back what a test did on its own connection, and after a `transaction=True` test truncates the tables of
managed models. What other connections committed into the partitioned tables of jobs would stay, and what migrations
inserted would be gone.
"""

import psycopg
from psycopg import sql

_TABLES = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_KEPT_BY_DJANGO = ("django_migrations", "django_content_type", "auth_permission")


class Leftovers:
    """What one database should hold between tests. Made right after the migrations."""

    def __init__(self, url: str, managed: set[str]) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        names = {name for (name,) in self._connection.execute(_TABLES)}
        filled = {name for name in names if self._has_rows({name})}
        self._migrated = {name: self._rows(name) for name in filled - set(_KEPT_BY_DJANGO)}
        self._foreign = names - managed - filled

    def remove(self) -> None:
        """Empty the tables Django does not, fill again those that migrations filled."""
        if self._has_rows(self._foreign):
            with self._connection.transaction():
                for name in self._foreign:
                    self._connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        with self._connection.transaction():  # one, because foreign keys are checked at its end
            for name, rows in self._migrated.items():
                if not self._has_rows({name}):
                    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                    with self._connection.cursor().copy(statement) as copy:
                        copy.write(rows)

    def close(self) -> None:
        self._connection.close()

    def _has_rows(self, names: set[str]) -> bool:
        asked = [sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(name)) for name in sorted(names)]
        row = self._connection.execute(sql.SQL("SELECT ") + sql.SQL(" OR ").join(asked)).fetchone()
        return bool(row and row[0])

    def _rows(self, name: str) -> bytes:
        with self._connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as copy:
            return b"".join(bytes(part) for part in copy)
