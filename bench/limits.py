"""Physical limits: what a bare fork and the bare statements cost here, with nothing of ours around them."""

import os
import re
import subprocess
import time
from pathlib import Path

from bench.report import Report
from bench.site import Site
from windmill_site.postgres import programs

FORK = "bare fork, exit, wait"
CYCLE = "pgbench: push, claim, complete (1 client)"
CYCLES = "pgbench: push, claim, complete (4 clients)"

# The statements of workers/queue.py with nothing but their rows.
_CYCLE = """
WITH new AS (
    INSERT INTO job (id, workspace_id, kind, created_by, permissioned_as, permissioned_as_email, tag,
        scheduled_for)
    VALUES (gen_random_uuid(), 'bench', 'noop', 'b', 'u/b', 'b@b.b', 'pgbench-:client_id', now())
    RETURNING id, workspace_id, tag, scheduled_for
)
INSERT INTO job_queue (id, workspace_id, tag, scheduled_for, ready)
SELECT id, workspace_id, tag, scheduled_for, true FROM new;
WITH best AS (
    SELECT id FROM job_queue WHERE ready AND tag = 'pgbench-:client_id'
    ORDER BY rank, scheduled_for, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE job_queue q SET ready = false, running = true, lease_id = gen_random_uuid(), attempt = 1, started_at = now(),
    last_ping = now()
FROM best, job j WHERE q.id = best.id AND j.id = q.id RETURNING q.id AS job \\gset
WITH mine AS (DELETE FROM job_queue WHERE id = ':job' RETURNING *)
INSERT INTO job_completed (id, workspace_id, status, result, started_at, attempt)
SELECT id, workspace_id, 'success', '1', started_at, attempt FROM mine;
"""


def measure(site: Site, report: Report) -> None:
    report.latency(FORK, [_fork() for _ in range(300)])
    for name, clients in ((CYCLE, 1), (CYCLES, 4)):
        report.rate(name, _pgbench(site, clients))
    site.sql("DELETE FROM job_completed WHERE worker IS NULL")
    site.sql("DELETE FROM job WHERE tag LIKE %s", ("pgbench-%",))


def _fork() -> float:
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return (time.perf_counter() - began) * 1000


def _pgbench(site: Site, clients: int) -> float:
    script = Path(site.live.data_dir) / "cycle.sql"
    script.write_text(_CYCLE.replace("'pgbench-:client_id'", "'pgbench-' || :client_id"))
    command = [
        str(programs() / "pgbench"),
        "-n",
        "-M",
        "simple",
        "-T",
        "4",
        "-c",
        str(clients),
        "-j",
        "2",
        "-f",
        str(script),
    ]
    done = subprocess.run([*command, site.database_url], capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])
