"""Jobs queued while nobody serves their tag, then drained by one worker process and by four."""

import time

from bench.limits import CYCLE, CYCLES
from bench.report import Report
from bench.site import WORKSPACE, Site
from tests.waiting import eventually
from workspaces.ids import parse_hash

CODE = "def main():\n    return None\n"

_FILL = """
WITH new AS (
    INSERT INTO job (id, workspace_id, kind, created_by, permissioned_as, permissioned_as_email, item_id, runnable_path,
        runnable_hash, language, tag, scheduled_for)
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid, %(workspace)s, %(kind)s, 'bench',
        'superadmin@windmill.dev', 'superadmin@windmill.dev', %(item)s, %(path)s, %(hash)s, %(language)s, %(tag)s, now()
    FROM generate_series(1, %(count)s)
    RETURNING id, workspace_id, tag, scheduled_for
)
INSERT INTO job_queue (id, workspace_id, tag, scheduled_for, ready)
SELECT id, workspace_id, tag, scheduled_for, true FROM new
"""


def measure(site: Site, report: Report) -> None:
    for processes, limit in ((1, CYCLE), (4, CYCLES)):
        tag = f"drain{processes}"
        path = f"f/bench/drain{processes}"
        version = site.deploy(path, CODE, tag=tag)
        python = {"kind": "script", "language": "python3", "path": path, "hash": parse_hash(version)}
        rate = _drain(site, report.jobs, processes=processes, slots=2, tag=tag, **python)
        report.rate(f"drain of {report.jobs} Python no-ops, {processes} worker process(es)", rate, over=limit)
        tag = f"identity{processes}"
        identity = {"kind": "identity", "language": "", "path": "", "hash": None}
        rate = _drain(site, report.jobs, processes=processes, slots=50, tag=tag, **identity)
        report.rate(f"drain of {report.jobs} identity no-ops, {processes} worker process(es)", rate, over=limit)


def _drain(site: Site, count: int, *, processes: int, slots: int, tag: str, **job) -> float:
    item = site.sql("SELECT id FROM scripts_app_script WHERE path = %s", (job["path"],))
    values = job | {"workspace": WORKSPACE, "item": item[0][0] if item else None, "tag": tag, "count": count}
    site.sql(_FILL, values)
    left = "SELECT count(*) FROM job_queue WHERE tag = %s"
    with site.workers(processes=processes, slots=slots, tags=tag):
        began_count = site.sql(left, (tag,))[0][0]
        began = time.perf_counter()
        eventually(lambda: site.sql(left, (tag,))[0][0] == 0, within_s=600, every_s=0.05)
        return began_count / (time.perf_counter() - began)
