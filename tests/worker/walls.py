"""What a job must not be able to do, tried from inside by a job. Run as a test, or alone as an ordinary user:

`python -m tests.worker.walls LEVEL JOBS_ROOT SECRET_DIR PACKAGES` prints the breaches as a JSON object.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from workers.runtimes.base import JobSpec
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level

SECRET = "canary-of-the-worker"

# Runs as a job. Each attempt reports what it got; refusals are the names of errors.
PROBE = '''
import ctypes, errno, json, os, resource, signal, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)

def tried(attempt, *arguments):
    try:
        return attempt(*arguments)
    except BaseException as error:
        return "refused: " + (errno.errorcode.get(getattr(error, "errno", None) or 0) or type(error).__name__)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return "done"

def read(path):
    with open(path, "rb") as file:
        return file.read(4096).decode(errors="replace")

def status(field):
    return next(line.split()[1] for line in read("/proc/self/status").splitlines() if line.startswith(field + ":"))

def everything_readable(text):
    """Places outside of the system's own directories that hold `text`."""
    found = []
    for top, directories, files in os.walk("/"):
        paths = {name: os.path.join(top, name) for name in directories}
        system = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/sys")
        directories[:] = [name for name, path in paths.items() if path not in system and not os.path.islink(path)]
        for name in files:
            path = os.path.join(top, name)
            if path.startswith("/proc/") and name not in ("environ", "cmdline"):
                continue
            if os.path.basename(top) == "probe" or not os.path.isfile(path) and not path.startswith("/proc/"):
                continue
            answer = tried(read, path)
            if text in answer:
                found.append(path)
    return found

def main(secret, secret_dir, worker_pid, jobs_root, other_job):
    return {
        "environment": sorted(os.environ),
        "worker environment": tried(read, f"/proc/{worker_pid}/environ"),
        "secret found in": everything_readable(secret) if secret else [],
        "secret dir": tried(os.listdir, secret_dir),
        "jobs root": tried(os.listdir, jobs_root),
        "jobs of the jail": tried(os.listdir, "/tmp/jobs"),
        "other job": tried(os.listdir, other_job),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "parent": os.getppid(),
        "parent environ": tried(read, "/proc/1/environ"),
        "parent memory": tried(read, "/proc/1/mem"),
        "parent descriptors": tried(os.listdir, "/proc/1/fd"),
        "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))),
        "terminal": tried(lambda: os.open("/dev/tty", os.O_RDWR)),
        "capabilities": [status(field) for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no new privileges": status("NoNewPrivs"),
        "seccomp": status("Seccomp"),
        "uid": os.getuid(),
        "set uid": tried(os.setuid, 0),
        "unshare user": tried(call, "unshare", 0x10000000),
        "unshare mounts": tried(call, "unshare", 0x20000),
        "mount": tried(call, "mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "umount": tried(call, "umount2", b"/tmp", 2),
        "ptrace parent": tried(call, "ptrace", 16, 1, 0, 0),
        "chroot": tried(os.chroot, "/tmp"),
        "write /usr": tried(open, "/usr/planted", "w"),
        "write /etc/passwd": tried(open, "/etc/passwd", "a"),
        "write /": tried(open, "/planted", "w"),
        "write packages": tried(open, "/opt/wm/packages/0/planted.py", "w"),
        "write jail code": tried(open, "/opt/wm/jail/server.py", "a"),
        "write proc": tried(open, "/proc/sys/kernel/hostname", "w"),
        "shadow": tried(read, "/etc/shadow"),
        "raw socket": tried(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1).__class__.__name__,
        "device": tried(os.mknod, "/tmp/device", 0o600 | 0o060000, os.makedev(8, 0)),
        "kill the worker": tried(os.kill, worker_pid, 0),
        "kill pid 1": tried(os.kill, 1, signal.SIGKILL),
        "still here": "yes",
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "raise limit": tried(resource.setrlimit, resource.RLIMIT_NPROC, (9999, 9999)),
        "own home": tried(lambda: open(os.environ["HOME"] + "/x", "w").close() or "done"),
        "own shared memory": tried(lambda: __import__("multiprocessing").Semaphore() and "done"),
        "setuid program": tried(lambda: subprocess.run(["su", "-c", "id"], capture_output=True, stdin=-3).returncode),
        "hosts": tried(lambda: bool(read("/etc/hosts"))),
    }
'''


async def find_breaches(level: Level, jobs_root: Path, secret_dir: Path, packages: Path) -> dict[str, Any]:
    """Everything the probe job found open at `level`, by the name of the attempt. {} = the walls stand."""
    runtime = LocalRuntime(Jail(level=level, jobs_root=jobs_root), slots=2)
    try:
        other = await runtime.start(
            _spec("import time\ndef main():\n    open('mine', 'w').write('x')\n    time.sleep(60)")
        )
        args = {
            "secret": SECRET if level is not Level.OFF else "",  # the whole disk is too much to read
            "secret_dir": str(secret_dir),
            "worker_pid": os.getpid(),
            "jobs_root": str(jobs_root / "dirs"),
            "other_job": f"/proc/{other.host_pid}/root/tmp",
        }
        job = await runtime.start(_spec(PROBE, args=json.dumps(args).encode(), package_dirs=(packages,)))
        outcome = await job.wait()
        await other.terminate("test is over", grace_s=0)
        await other.wait()
        if outcome.result is None:
            return {"the probe itself": outcome.error}
        return _judge(json.loads(outcome.result), level)
    finally:
        await runtime.close()


def _judge(seen: dict[str, Any], level: Level) -> dict[str, Any]:
    """What differs from what must be."""
    expected: dict[str, Any] = {
        "environment": ["HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR"],
        "secret found in": [],
        "processes": [1, 2],
        "parent": 1,
        "descriptors": [0, 1, 2, 3, 4],  # 3: the channel; 4: the listing itself
        "capabilities": ["0000000000000000"] * 5,
        "no new privileges": "1",
        "seccomp": "2" if level is Level.FULL else "0",
        "still here": "yes",
        "core": 0,
        "own home": "done",
        "own shared memory": "done",
        "hosts": True,
        "raw socket": "str",
        "kill pid 1": None,  # allowed to ask; pid 1 does not hear it
    }
    refused = set(seen) - set(expected) - {"uid", "jobs of the jail", "setuid program"}
    breaches = {name: seen[name] for name, wanted in expected.items() if seen[name] != wanted}
    breaches |= {name: seen[name] for name in refused if not str(seen[name]).startswith("refused")}
    if seen["uid"] == 0 or seen["setuid program"] == 0:
        breaches["root"] = (seen["uid"], seen["setuid program"])
    if level is Level.FULL:
        for name in ("unshare user", "unshare mounts", "mount", "umount", "ptrace parent"):
            if seen[name] != "refused: EPERM":
                breaches[f"{name} (filter)"] = seen[name]
    return breaches


def _spec(code: str, **fields: Any) -> JobSpec:
    return JobSpec(job_id="", workspace_id="walls", language="python3", code=code, timeout_s=30, **fields)


if __name__ == "__main__":
    _level, _jobs_root, _secret_dir, _packages = sys.argv[1:]
    print(json.dumps(asyncio.run(find_breaches(Level(_level), Path(_jobs_root), Path(_secret_dir), Path(_packages)))))
