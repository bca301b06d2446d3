# ruff: noqa: S608 (the parts are constants of this file)
"""The one statement behind every principal: who is it, and what may it do in this workspace?

`TOKEN`, `JOB` (built by `of_claim`), `IDENTITY` and `VIRTUAL` differ in how they find the subject; the rest is shared.
Parameters only. Indexes: primary keys, `membership_user`, `membership_username`, `folder_name`, `group_name`.
"""

_SUBJECT_COLUMNS = """user_id, email, is_superadmin, group_name, kind, prefix, scopes, is_read_only, bound_to,
    expires_at, job_id, end_user_email"""

# `all` holds every member and has no rows of its own. A group as identity (`g/x`) has the rights of that group alone.
_RIGHTS = """
SELECT s.*, w.id AS workspace_id, w.name AS workspace_name, w.color AS workspace_color,
    w.archived_at AS workspace_archived_at, m.username, m.is_admin, m.is_operator, g.names AS groups, f.folders
FROM subject s
LEFT JOIN workspaces_workspace w ON w.id = %(workspace)s::text
LEFT JOIN workspaces_membership m ON m.workspace_id = w.id AND m.user_id = s.user_id AND NOT m.is_disabled
    AND s.group_name IS NULL
LEFT JOIN LATERAL (
    SELECT array_agg(found.name::text) AS names FROM (
        SELECT 'all' AS name WHERE m.id IS NOT NULL
        UNION SELECT s.group_name WHERE s.group_name IS NOT NULL AND w.id IS NOT NULL
        UNION SELECT own.name FROM workspaces_group_members gm JOIN workspaces_group own ON own.id = gm.group_id
            WHERE gm.membership_id = m.id
    ) found
) g ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(
        folder.name,
        EXISTS (SELECT 1 FROM jsonb_each(folder.extra_perms) p WHERE p.key = ANY (k.keys) AND p.value = 'true'),
        folder.owners && k.keys::varchar[]))::text AS folders
    FROM (SELECT ARRAY(SELECT 'g/' || unnest(g.names)) || ARRAY['u/' || coalesce(m.username, '')] AS keys) k
    JOIN workspaces_folder folder ON folder.workspace_id = w.id
        AND (folder.extra_perms ?| k.keys OR folder.owners && k.keys::varchar[])
) f ON true
"""

# Use is noted once a minute, which also carries a login on; an API token keeps its own end.
TOKEN = f"""
WITH live AS (
    SELECT t.* FROM workspaces_token t
    WHERE t.hash = %(hash)s AND (t.expires_at IS NULL OR t.expires_at > %(now)s)
), touched AS (
    UPDATE workspaces_token t
    SET last_used_at = %(now)s,
        expires_at = CASE WHEN t.kind = 'session'
            THEN least(t.created_at + %(login_limit)s, %(now)s + %(login_idle)s) ELSE t.expires_at END
    FROM live WHERE t.hash = live.hash AND t.last_used_at < %(now)s - interval '1 minute'
), subject ({_SUBJECT_COLUMNS}) AS (
    SELECT u.id, u.email, u.is_superadmin, NULL::text, CASE WHEN t.kind = 'session' THEN 'session' ELSE 'token' END,
        t.prefix, t.scopes, t.is_read_only, t.workspace_id, t.expires_at, NULL::uuid, ''
    FROM live t JOIN workspaces_user u ON u.id = t.user_id AND u.is_active
){_RIGHTS}"""

# `u/<name>` needs an enabled membership, a bare e-mail an active account: neither known here means no principal.
_SUBJECT_OF_CLAIM = f"""
subject ({_SUBJECT_COLUMNS}) AS (
    SELECT u.id, coalesce(u.email, c.email),
        coalesce(u.is_superadmin, c.permissioned_as = %(virtual_email)s::text, false),
        CASE WHEN c.permissioned_as LIKE 'g/%%' THEN substr(c.permissioned_as, 3) END,
        c.kind, '', NULL::varchar[], false, c.workspace_id, NULL::timestamptz, c.job_id, c.end_user_email
    FROM claimed c
    LEFT JOIN workspaces_membership m ON c.permissioned_as LIKE 'u/%%' AND m.workspace_id = c.workspace_id
        AND m.username = substr(c.permissioned_as, 3) AND NOT m.is_disabled
    LEFT JOIN workspaces_user u ON u.is_active AND u.id = CASE
        WHEN c.permissioned_as LIKE 'u/%%' THEN m.user_id
        WHEN c.permissioned_as NOT LIKE 'g/%%'
            THEN (SELECT named.id FROM workspaces_user named WHERE named.email = lower(c.permissioned_as)) END
    WHERE c.permissioned_as LIKE 'g/%%' OR u.id IS NOT NULL
        OR (c.permissioned_as = c.email AND c.email = %(virtual_email)s::text)
)"""

IDENTITY = f"""
WITH claimed AS (
    SELECT %(workspace)s::text AS workspace_id, %(permissioned_as)s::text AS permissioned_as, %(email)s::text AS email,
        %(job_id)s::uuid AS job_id, ''::text AS end_user_email, %(kind)s::text AS kind
), {_SUBJECT_OF_CLAIM}{_RIGHTS}"""

VIRTUAL = f"""
WITH subject ({_SUBJECT_COLUMNS}) AS (
    SELECT NULL::bigint, %(virtual_email)s::text, true, NULL::text, 'token', '', NULL::varchar[], false, NULL::text,
        NULL::timestamptz, NULL::uuid, ''
){_RIGHTS}"""


def of_claim(claim: str) -> str:
    """The statement for a credential whose `claim` is a SELECT of workspace_id, permissioned_as, email, job_id,
    end_user_email."""
    return f"""
WITH claim AS ({claim}), claimed AS (SELECT c.*, 'job'::text AS kind FROM claim c), {_SUBJECT_OF_CLAIM}{_RIGHTS}"""
