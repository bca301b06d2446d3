"""Indexes of lists by creation time instead of by id.

Previously lists were ordered by id, which is time for the ids we make; an id that a caller chose (any UUID) would have
stayed at the top for ever. The same number of indexes, so a push costs the same.
"""

from django.db import migrations

FORWARD = """
SET LOCAL lock_timeout = '5s';
DROP INDEX job_by_workspace, job_by_path, job_by_creator;
CREATE INDEX job_by_time ON job (workspace_id, created_at DESC, id DESC);
CREATE INDEX job_by_path_time ON job (workspace_id, runnable_path text_pattern_ops, created_at DESC, id DESC);
CREATE INDEX job_by_creator_time ON job (workspace_id, created_by, created_at DESC, id DESC);
"""
BACKWARD = """
DROP INDEX job_by_time, job_by_path_time, job_by_creator_time;
CREATE INDEX job_by_workspace ON job (workspace_id, id DESC);
CREATE INDEX job_by_path ON job (workspace_id, runnable_path, id DESC);
CREATE INDEX job_by_creator ON job (workspace_id, created_by, id DESC);
"""


class Migration(migrations.Migration):
    dependencies = (("workers", "0003_stream"),)
    operations = (migrations.RunSQL(FORWARD, BACKWARD),)
