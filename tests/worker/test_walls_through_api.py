"""The walls as a user of a running site meets them: by jobs started through the API, with their tokens and secrets."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.live_site import ADMIN_EMAIL, ADMIN_PASSWORD, SUPERADMIN_SECRET, LiveSite
from tests.postgres_server import PostgresServer
from tests.waiting import eventually
from tests.worker.site_kit import Caller, workspace_of

SENTINEL = f"sentinel-{random.SystemRandom().getrandbits(96):x}"


@pytest.fixture(scope="module")
def api(live_site: LiveSite) -> Iterator[Caller]:
    with workspace_of(live_site, "walls") as caller:
        assert caller.is_healthy()
        yield caller


@pytest.fixture(scope="module")
def member(api: Caller) -> Caller:
    """The admin of the site by a token of its own, so that jobs belong to a person."""
    body = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    token = api.client.post("/api/auth/login", json=body)
    assert token.status_code == 200, token.text
    api.client.cookies.clear()
    new = {"id": "walled", "name": "walled", "username": "admin"}
    caller = Caller(api.site, "walled", token.text, api.client)
    assert caller.post("/api/workspaces/create", new).status_code == 201
    return caller


LOOK_AROUND = """
import os, socket, stat

def readable(path):
    try:
        with open(path, "rb") as file:
            return file.read(100_000)
    except OSError:
        return b""

def main(words):
    found, sockets, seen = [], [], 0
    for top, directories, files in os.walk("/"):
        if top == "/":
            directories[:] = [each for each in directories if each not in ("usr", "bin", "sbin", "lib", "lib64")]
        for name in files + directories:
            path = os.path.join(top, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            seen += 1
            if stat.S_ISSOCK(mode):
                sockets.append(path)
            if not stat.S_ISREG(mode) or path.startswith("/proc/self/task") or "/task/" in path:
                continue
            content = readable(path)
            found += [[path, number] for number, word in enumerate(words) if word.encode() in content]
    own = {str(os.getpid()), "self", "thread-self"}
    return {"found": [each for each in found if each[0].split("/")[2] not in own], "sockets": sockets, "seen": seen}
"""


def test_nothing_of_the_site_is_in_sight(api: Caller) -> None:  # SEC-B1, B2, B3
    """Neither the environment of a process of the site, nor its keys, nor a database socket."""
    site = api.site
    words = [SUPERADMIN_SECRET, ADMIN_PASSWORD, (site.data_dir / "secret_key").read_text().strip()]
    words.append((site.data_dir / "instance_key").read_text().strip())
    words.append("def readable(path)")  # its own code: the search does find what is there
    job = api.ran(LOOK_AROUND, args={"words": words}, timeout=60)
    assert job["success"], job["result"]
    assert job["result"]["seen"] > 500
    assert {number for _, number in job["result"]["found"]} == {len(words) - 1}, job["result"]["found"]
    assert job["result"]["sockets"] == []


TRY_THE_DATABASE = '''
import os, socket

def main(sockets, ports, paths):
    reached = []
    for path in sockets:
        for name in (path, "\\0" + path):
            try:
                socket.socket(socket.AF_UNIX).connect(name)
                reached.append(name)
            except OSError:
                pass
    for port in ports:
        for host in ("127.0.0.1", "::1", "localhost"):
            try:
                socket.create_connection((host, port), timeout=1).close()
                reached.append(f"{host}:{port}")
            except OSError:
                pass
    listed = []
    for path in paths:
        try:
            listed.append([path, os.listdir(path)[:3]])
        except OSError:
            pass
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            for part in ("root", "cwd", "fd", "environ", "mem"):
                try:
                    path = f"/proc/{name}/{part}"
                    os.listdir(path) if part in ("root", "fd") else open(path).read(1)
                    reached.append(path)
                except OSError:
                    pass
    return {"reached": reached, "listed": listed, "environment": dict(os.environ)}
'''  # fmt: skip


def test_the_database_is_out_of_reach(api: Caller, postgres_server: PostgresServer) -> None:  # SEC-B11
    data_dir, site_dir = postgres_server.data_dir, api.site.data_dir
    sockets = [str(path) for directory in (data_dir, site_dir) for path in directory.rglob(".s.PGSQL.*")]
    sockets += [f"{directory}/.s.PGSQL.5432" for directory in ("/tmp", "/var/run/postgresql", "/run/postgresql")]
    assert any((data_dir).rglob(".s.PGSQL.*")), "this test knows no socket to try"
    paths = [str(data_dir), str(site_dir), str(site_dir / "workers"), "/home", "/var/lib", "/run", "/proc/1/root"]
    args = {"sockets": sockets, "ports": [5432, 5433, 6432], "paths": paths}
    job = api.ran(TRY_THE_DATABASE, args=args, timeout=60)
    assert job["success"], job["result"]
    assert job["result"]["reached"] == []
    assert job["result"]["listed"] == []
    environment = job["result"]["environment"]
    assert not {"DATABASE_URL", "SECRET_KEY", "SUPERADMIN_SECRET", "ADMIN_PASSWORD", "DATA_DIR"} & set(environment)
    assert SUPERADMIN_SECRET not in json.dumps(environment)


def test_two_jobs_do_not_see_each_other(api: Caller) -> None:  # SEC-B1, B15
    secret = "known-to-the-first-job"
    first = api.run(
        "import os, time\ndef main(word):\n    open('/tmp/mine', 'w').write(word)\n    os.environ['MINE'] = word\n"
        "    print('ready', os.getpid(), flush=True)\n    time.sleep(60)",
        args={"word": secret},
    )
    api.started(first, "ready")
    look = (
        "import os\ndef main():\n    pids = [int(each) for each in os.listdir('/proc') if each.isdigit()]\n"
        "    files = [os.path.join(top, each) for top, _, names in os.walk('/tmp') for each in names]\n"
        "    shared = os.listdir('/dev/shm') if os.path.exists('/dev/shm') else []\n"
        "    return {'pids': sorted(pids), 'files': files + shared}"
    )
    try:
        seen = api.ran(look)["result"]
    finally:
        assert api.post(f"jobs_u/queue/cancel/{first}", {}).status_code == 200
    assert seen["pids"] == [1, 2]
    assert not [each for each in seen["files"] if "mine" in each]
    api.ended(first)


ASK_AS_JOB = '''
import os, httpx
def main(paths):
    token = os.environ["WM_TOKEN"]
    api = httpx.Client(base_url=os.environ["BASE_INTERNAL_URL"] + "/api", headers={"Authorization": "Bearer " + token})
    return {path: api.get(path).status_code for path in paths} | {"token": token}
'''  # fmt: skip


def test_a_jobs_token_lives_as_long_as_the_job_and_in_its_workspace_only(api: Caller, member: Caller) -> None:  # SEC-T4
    mine, other = "/w/walled/users/whoami", "/w/walls/users/whoami"
    paths = [mine, other, "/w/walls/jobs/list", "/w/walls/variables/list", "/w/admins/users/list", "/workspaces/list"]
    paths += ["/users/tokens/list", "/settings/global/x", "/workers/list"]
    answers = member.ran(ASK_AS_JOB, args={"paths": paths}, timeout=30)["result"]
    token = answers.pop("token")
    assert token.startswith("wmj_")
    assert answers[mine] == 200
    for path in (other, "/w/walls/jobs/list", "/w/walls/variables/list", "/w/admins/users/list"):
        assert answers[path] in (401, 403, 404), path
    # The token is dead now, on the fast lane, in Django and as `?token=`.
    dead = member.as_token(token)
    for path in ("users/whoami", "jobs/list", "scripts/list", "variables/list", "/api/users/whoami"):
        assert dead.get(path).status_code == 401, path
    assert dead.post("jobs/run/preview", {"content": "def main(): pass", "language": "python3"}).status_code == 401
    assert member.client.get(f"/api/w/walled/jobs/list?token={token}").status_code == 401


def test_a_token_dies_with_a_canceled_job(member: Caller) -> None:
    job_id = member.run(
        "import os, time\ndef main():\n    t = os.environ['WM_TOKEN']\n"
        "    print('token', t[:50], t[50:], flush=True)\n    time.sleep(60)"
    )
    member.started(job_id, "token")
    line = next(each for each in member.get(f"jobs_u/get_logs/{job_id}").text.splitlines() if each.startswith("token"))
    token = "".join(line.split()[1:])
    assert member.as_token(token).get("users/whoami").status_code == 200
    assert member.post(f"jobs_u/queue/cancel/{job_id}", {}).status_code == 200
    member.ended(job_id)
    assert member.as_token(token).get("users/whoami").status_code == 401
    assert member.as_token(token).get("jobs/list").status_code == 401


SPOIL = """
import builtins, json, os, random, sys, threading, time, atexit, signal, locale, decimal, gc, warnings, logging, socket
import httpx, wmill

def main():
    json.dumps = json.loads = lambda *given, **more: "spoiled"
    builtins.print = builtins.sum = lambda *given: -1
    builtins.spoiled = True
    httpx.get = httpx.Client.get = None
    wmill.get_variable = None
    sys.path.insert(0, "/tmp/spoiled")
    sys.modules["spoiled"] = sys
    sys.setrecursionlimit(5000)
    os.environ["SPOILED"] = "yes"
    os.environ["PATH"] = "/nowhere"
    os.makedirs("/tmp/spoiled", exist_ok=True)
    os.chdir("/tmp/spoiled")
    os.umask(0)
    random.seed(1)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    decimal.getcontext().prec = 3
    socket.setdefaulttimeout(1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    gc.disable()
    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    open("/tmp/left", "w").write("x")
    return None
"""
LOOK = """
import builtins, json, os, random, sys, threading, signal, decimal, socket, logging, gc
import httpx, wmill

def main():
    left = [name for name, is_so in {
        "json": json.loads(json.dumps({"a": 1})) != {"a": 1},
        "builtins": hasattr(builtins, "spoiled") or sum([1, 1]) != 2,
        "httpx": httpx.get is None or httpx.Client.get is None,
        "wmill": wmill.get_variable is None,
        "path": "/tmp/spoiled" in sys.path,
        "modules": "spoiled" in sys.modules,
        "recursion": sys.getrecursionlimit() == 5000,
        "environment": "SPOILED" in os.environ or os.environ["PATH"] == "/nowhere",
        "directory": os.getcwd() == "/tmp/spoiled",
        "umask": os.umask(0o77) == 0,
        "signals": signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL,
        "decimal": decimal.getcontext().prec == 3,
        "socket": socket.getdefaulttimeout() is not None,
        "logging": logging.root.manager.disable != 0,
        "gc": not gc.isenabled(),
        "threads": threading.active_count() != 1,
        "files": os.path.exists("/tmp/left"),
    }.items() if is_so]
    return {"left": left, "random": random.getrandbits(64), "urandom": os.urandom(8).hex()}
"""


def test_state_of_one_job_is_not_seen_by_the_next(api: Caller) -> None:
    spoiled = api.ran(SPOIL, timeout=20)
    assert spoiled["success"], spoiled["result"]
    after = [api.ran(LOOK)["result"] for _ in range(4)]
    assert [each["left"] for each in after] == [[]] * 4
    assert len({each["random"] for each in after}) == 4
    assert len({each["urandom"] for each in after}) == 4


USES_SECRET = """
import sys, wmill
def main(given: str, res: dict):
    own = wmill.get_variable("u/admin/sentinel")
    assert own == given == res["password"], "not resolved"
    print("in the log", given)
    print("halves", given[:20], file=sys.stderr)
    sys.stderr.flush()
    return len(own)
"""


def test_a_secret_is_nowhere_but_sealed(member: Caller, postgres_server: PostgresServer) -> None:  # SEC-V1..V6, A16
    """Every text and json column of every table, the logs, lists, pages and the site's own log, after it was used."""
    new = {"path": "u/admin/sentinel", "value": SENTINEL, "is_secret": True, "description": "d"}
    assert member.post("variables/create", new).status_code == 201
    resource = {"path": "u/admin/db", "resource_type": "postgresql", "value": {"password": "$var:u/admin/sentinel"}}
    assert member.post("resources/create", resource).status_code == 201
    script = {"path": "u/admin/uses", "content": USES_SECRET, "language": "python3", "summary": "", "lock": ""}
    assert member.post("scripts/create", script).status_code == 201
    args = {"given": "$var:u/admin/sentinel", "res": "$res:u/admin/db"}
    job_id = member.post("jobs/run/p/u/admin/uses", args).text
    job = member.ended(job_id)
    assert job["success"], job["result"]
    assert job["result"] == len(SENTINEL)
    failing = member.ran("def main(given): raise ValueError('no')", args={"given": "$var:u/admin/sentinel"})
    shown = [
        member.get(path).text
        for path in (
            "variables/list", "variables/get/u/admin/sentinel?decrypt_secret=false", "resources/list", "jobs/list",
            "resources/get/u/admin/db", f"jobs_u/get/{job_id}", f"jobs_u/get/{failing['id']}",
            f"jobs_u/get_logs/{job_id}", f"jobs_u/getupdate/{job_id}", f"jobs_u/get_args/{job_id}",
            "audit/list", "jobs/list?include_args=true",
        )
    ]  # fmt: skip
    member.client.cookies.set("token", member.token)
    for page in (
        "",
        "runs",
        f"runs/{job_id}",
        f"runs/{failing['id']}",
        "scripts/u/admin/uses",
        "scripts/edit/u/admin/uses",
    ):
        answer = member.client.get(f"/w/walled/{page}", follow_redirects=True)
        assert answer.status_code == 200, page
        shown.append(answer.text)
    member.client.cookies.clear()
    assert not [text[:200] for text in shown if SENTINEL in text]
    assert SENTINEL not in member.site.output()
    assert tables_with(member.site.environ["DATABASE_URL"], SENTINEL) == {}
    # and the search finds what is there
    assert "scripts_app_scriptversion.content" in tables_with(member.site.environ["DATABASE_URL"], "not resolved")


def test_a_printed_secret_is_masked(member: Caller) -> None:
    job_id = member.post("jobs/run/p/u/admin/uses", {"given": "$var:u/admin/sentinel", "res": "$res:u/admin/db"}).text
    member.ended(job_id)
    assert "in the log ********" in member.get(f"jobs_u/get_logs/{job_id}").text


def test_tokens_are_stored_as_hashes(member: Caller) -> None:
    token = member.post("/api/users/tokens/create", {"label": "walls"}).text
    assert eventually(lambda: member.as_token(token).get("users/whoami").status_code == 200)
    assert tables_with(member.site.environ["DATABASE_URL"], token[12:]) == {}
    assert token not in member.site.output()


def tables_with(database_url: str, word: str) -> dict[str, int]:
    """Columns of the database that hold `word`, as text of any type: `table.column` → rows."""
    columns = """
    SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
    AND c.data_type NOT IN ('integer', 'bigint', 'boolean', 'smallint', 'double precision', 'uuid')
    """
    found = {}
    with psycopg.connect(database_url) as conn:
        for schema, table, column in conn.execute(columns).fetchall():
            statement = sql.SQL(
                "SELECT count(*) FROM {} WHERE position({} IN CASE WHEN pg_typeof({c})::text = 'bytea'"
                " THEN encode({c}::text::bytea, 'escape') ELSE {c}::text END) > 0"
            ).format(sql.Identifier(schema, table), sql.Literal(word), c=sql.Identifier(column))
            row = conn.execute(statement).fetchone()
            if row and row[0]:
                found[f"{table}.{column}"] = row[0]
    return found
