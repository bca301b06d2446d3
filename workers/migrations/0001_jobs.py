"""The tables of jobs. SQL, because `job`, `job_completed` and `job_log` are partitioned by id.

Weekly partitions by UUIDv7 time are made by `workers.partitions`; ids that callers chose fall into the default
partitions, which are purged by row.
"""

from django.db import migrations

FORWARD = """
-- Wall time of the queue. Tests and drills move it for a session with `SET windmill.clock_offset = '1 hour'`.
CREATE FUNCTION windmill_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT clock_timestamp() + coalesce(nullif(current_setting('windmill.clock_offset', true), '')::interval, interval '0')
$$;

-- The result of a canceled job, as clients read it.
CREATE FUNCTION windmill_canceled(who text, why text) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT json_build_object('error', json_build_object(
        'name', 'Canceled',
        'message', 'Job canceled' || CASE WHEN coalesce(why, '') = '' THEN '' ELSE ': ' || why END || ' by ' || coalesce(who, 'unknown'),
        'reason', why, 'canceler', who))
$$;

-- What to run. Written once, never updated.
CREATE TABLE job (
    id uuid NOT NULL,
    workspace_id varchar(50) NOT NULL,
    kind varchar(30) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by varchar(254) NOT NULL,
    permissioned_as varchar(254) NOT NULL,
    permissioned_as_email varchar(254) NOT NULL,
    end_user_email varchar(254) NOT NULL DEFAULT '',
    item_id uuid,
    runnable_path varchar(255) NOT NULL DEFAULT '',
    runnable_hash bigint,
    language varchar(20) NOT NULL DEFAULT '',
    entrypoint varchar(100) NOT NULL DEFAULT '',
    raw_code text,
    raw_lock text,
    args json NOT NULL DEFAULT '{}',
    tag varchar(255) NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    scheduled_for timestamptz NOT NULL,
    timeout_s integer,
    cache_ttl_s integer,
    parent_id uuid,
    root_id uuid,
    step_path varchar(255) NOT NULL DEFAULT '',
    trigger_kind varchar(20) NOT NULL DEFAULT '',
    trigger_path varchar(255) NOT NULL DEFAULT '',
    visible_to_owner boolean NOT NULL DEFAULT true,
    is_repeatable boolean NOT NULL DEFAULT true,
    labels varchar(60)[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE job_default PARTITION OF job DEFAULT;
CREATE INDEX job_by_workspace ON job (workspace_id, id DESC);
CREATE INDEX job_by_path ON job (workspace_id, runnable_path, id DESC);
CREATE INDEX job_by_item ON job (item_id, id DESC) WHERE item_id IS NOT NULL;
CREATE INDEX job_by_parent ON job (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX job_by_creator ON job (workspace_id, created_by, id DESC);

-- Jobs not finished. Small and hot: room for HOT updates, vacuumed early.
CREATE TABLE job_queue (
    id uuid PRIMARY KEY,
    workspace_id varchar(50) NOT NULL,
    tag varchar(255) NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    -- ascending twin of priority: lets a claim start its scan at a row (tag, rank, scheduled_for, id) > (…)
    rank smallint NOT NULL GENERATED ALWAYS AS (-priority) STORED,
    scheduled_for timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ready boolean NOT NULL,
    running boolean NOT NULL DEFAULT false,
    suspend integer NOT NULL DEFAULT 0,
    suspend_until timestamptz,
    worker varchar(100),
    lease_id uuid,
    attempt smallint NOT NULL DEFAULT 0,
    losses smallint NOT NULL DEFAULT 0,
    started_at timestamptz,
    last_ping timestamptz,
    mem_peak_kb integer,
    canceled_by varchar(254),
    canceled_reason text,
    canceled_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_queue_ready ON job_queue (tag, rank, scheduled_for, id) WHERE ready;
CREATE INDEX job_queue_due ON job_queue (scheduled_for) WHERE NOT ready AND NOT running AND suspend = 0;
CREATE INDEX job_queue_pinged ON job_queue (last_ping) WHERE running;
CREATE INDEX job_queue_by_workspace ON job_queue (workspace_id, id DESC);

-- One row a finished job: the terminal state. Never updated but by a deletion of its contents.
CREATE TABLE job_completed (
    id uuid NOT NULL,
    workspace_id varchar(50) NOT NULL,
    status varchar(10) NOT NULL CHECK (status IN ('success', 'failure', 'canceled', 'skipped')),
    result json,
    started_at timestamptz,
    completed_at timestamptz NOT NULL DEFAULT now(),
    duration_ms bigint NOT NULL DEFAULT 0,
    mem_peak_kb integer,
    worker varchar(100),
    attempt smallint NOT NULL DEFAULT 0,
    canceled_by varchar(254),
    canceled_reason text,
    labels varchar(60)[] NOT NULL DEFAULT '{}',
    is_deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE job_completed_default PARTITION OF job_completed DEFAULT;
CREATE INDEX job_completed_by_workspace ON job_completed (workspace_id, id DESC);
CREATE INDEX job_completed_by_time ON job_completed (workspace_id, completed_at DESC);
CREATE INDEX job_completed_failed ON job_completed (workspace_id, id DESC) WHERE status = 'failure';

-- Log text in order of seq; `start` is the offset of its first character in the whole log.
CREATE TABLE job_log (
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    start bigint NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, seq)
) PARTITION BY RANGE (job_id);
CREATE TABLE job_log_default PARTITION OF job_log DEFAULT;

-- What a log holds beyond the part kept hot in job_log: gzipped text, for download.
CREATE TABLE job_log_blob (
    job_id uuid NOT NULL,
    seq integer NOT NULL,
    start bigint NOT NULL,
    length bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE job_status (
    id uuid PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    flow_status json,
    checkpoint json,
    progress smallint
) WITH (fillfactor = 70);

-- Parents whose completion hook failed: the sweep retries, then fails the parent.
CREATE TABLE job_todo (
    job_id uuid PRIMARY KEY,
    hook varchar(30) NOT NULL,
    error text NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now()
);

-- One job for one key of one caller, whatever is retried.
CREATE TABLE idempotency_key (
    workspace_id varchar(50) NOT NULL,
    owner varchar(254) NOT NULL,
    key varchar(255) NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, owner, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

CREATE TABLE worker (
    name varchar(100) PRIMARY KEY,
    host varchar(255) NOT NULL,
    worker_group varchar(60) NOT NULL,
    tags varchar(255)[] NOT NULL,
    slots smallint NOT NULL,
    version varchar(40) NOT NULL,
    sandbox_level varchar(12) NOT NULL,
    sandbox_problem text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT now(),
    last_ping timestamptz NOT NULL DEFAULT now(),
    is_draining boolean NOT NULL DEFAULT false,
    jobs_executed bigint NOT NULL DEFAULT 0,
    running_jobs smallint NOT NULL DEFAULT 0,
    memory_kb integer NOT NULL DEFAULT 0,
    occupancy real NOT NULL DEFAULT 0
);
"""

BACKWARD = """
DROP TABLE worker, idempotency_key, job_todo, job_status, job_log_blob, job_log, job_completed, job_queue, job;
DROP FUNCTION windmill_now();
DROP FUNCTION windmill_canceled(text, text);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (migrations.RunSQL(FORWARD, BACKWARD),)
