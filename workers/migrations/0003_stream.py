"""The result stream of running jobs: `WM_STREAM: ` lines, taken out of the log, in order of seq.

Rows live while the job is queued; the completed job has the whole text in its result. UNLOGGED: after a crash of the
database the attempt's stream begins again, its result is not affected.
"""

from django.db import migrations

FORWARD = """
CREATE UNLOGGED TABLE job_stream (
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    start bigint NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, seq)
);
"""


class Migration(migrations.Migration):
    dependencies = (("workers", "0002_models"),)
    operations = (migrations.RunSQL(FORWARD, "DROP TABLE job_stream"),)
