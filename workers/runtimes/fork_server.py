"""The worker's end of one fork server: start it, ask it for children, hear how they end.

A child is forked, sealed and waits on its channel (or is about to); handing a job over is one message.
"""

import asyncio
import contextlib
import itertools
import json
import os
import socket
import time
import uuid
from collections import deque
from pathlib import Path

from workers import sandbox
from workers.limits import JobLimits, Limiter
from workers.runtimes.child import Child, ExitReport
from workers.runtimes.jail import wire
from workers.runtimes.job_dirs import make_job_dir, remove_job_dir
from workers.sandbox import Jail, Level, SandboxError

PRELOADED_PACKAGES = ("wmill", "httpx")
_START_LIMIT_S = 30.0
_REFILL_DELAY_S = 0.004
_PASSING = "passing-"  # job directories that end with their job


class ForkServer:
    """A jailed server process for one interpreter and one set of packages."""

    def __init__(
        self,
        *,
        jail: Jail,
        interpreter: Path,
        package_dirs: tuple[Path, ...] = (),
        language: str = "python3",
        prepared: int = 1,
        limiter: Limiter | None = None,
        preload: tuple[str, ...] = PRELOADED_PACKAGES,
    ) -> None:
        self.jail = jail
        self.language = language
        self.alive = False
        self.preload_problems: list[str] = []
        self.last_used = time.monotonic()
        self.busy = 0  # children that run a job
        self._interpreter = Path(os.path.realpath(interpreter))  # a virtual environment leads to its base
        self._package_dirs, self._preload = package_dirs, preload
        self._wanted = prepared
        self._limiter = limiter
        self._slots = itertools.count(1)
        self._children: dict[int, Child] = {}
        self._prepared: deque[Child] = deque()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._stderr = -1
        self._removals: set[asyncio.Future[None]] = set()
        self._refill_timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the server and its first prepared children; raises SandboxError naming what failed."""
        loop = asyncio.get_running_loop()
        try:
            sandbox.make_directories(self.jail)
        except OSError as error:
            raise SandboxError(
                f"The job area {self.jail.jobs_root} cannot be made: {error}. Check its rights."
            ) from error
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._control, self._ready = ours, loop.create_future()
        self._stderr = os.memfd_create("fork-server-stderr", os.MFD_CLOEXEC)
        try:
            self._process = await self._spawn(theirs.fileno())
        except OSError as error:
            ours.close()
            raise SandboxError(f"The fork server cannot be started: {error}. Reinstall the platform.") from error
        finally:
            theirs.close()
        self.alive = True
        loop.add_reader(ours, self.read_events)
        try:
            await asyncio.wait_for(self._ready, _START_LIMIT_S)
        except (TimeoutError, ConnectionError) as error:
            explained = self._explain_start(error)
            await self.close()
            raise SandboxError(explained) from error
        await self._prove()

    async def _prove(self) -> None:
        """The first child gets through every step of the sandbox, or the server is no use."""
        child = self._prepare("")
        self._prepared.append(child)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(child.settled), _START_LIMIT_S)
        if child.is_sealed:
            self._top_up()
            return
        await self.close()
        why = child.failure or "the child does not answer"
        raise SandboxError(
            f"No job can be isolated at sandbox level {self.jail.level}: {why}. "
            "Run `manage.py worker --probe` to see every step and what to do."
        )

    async def _spawn(self, control_fd: int) -> asyncio.subprocess.Process:
        python = self.language == "python3"
        settings = {"language": self.language, "preload": list(self._preload) if python else []}
        command = sandbox.server_command(self.jail, self._interpreter, self._package_dirs, settings, control_fd)
        drop: dict = {}
        if self.jail.level is Level.OFF and self.jail.drops_user:
            drop = {"user": self.jail.uid, "group": self.jail.gid, "extra_groups": []}
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=(control_fd,),
            env={"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
            cwd="/",
            **drop,
        )

    def take(self, *, directory: str = "") -> Child:
        """A child to hand one job to: a prepared one if there is one, else one that is being made.

        With `directory` (a folder of jail.directories) the child is made for that folder.
        """
        if not self.alive:
            raise SandboxError("The fork server has ended. Start the job again; a new server will be made.")
        child = None
        while self._prepared and not directory and child is None:
            child = self._prepared.popleft()
            if child.gone.done() or child.failure is not None:
                child = None
        child = child or self._prepare(directory)
        self.busy += 1
        self.last_used = time.monotonic()
        return child

    def want(self, prepared: int) -> None:
        """Keep so many children prepared from now on."""
        self._wanted = prepared
        self.refill()

    def refill(self) -> None:
        """Prepare what `take` took, a moment later, so that a short job need not share its cores."""
        if self._refill_timer is None:
            self._refill_timer = asyncio.get_running_loop().call_later(_REFILL_DELAY_S, self._top_up)

    def release(self, child: Child) -> None:
        """The job in `child` is over."""
        self.busy -= 1
        self.last_used = time.monotonic()
        loop = asyncio.get_running_loop()
        loop.call_soon(self._top_up)
        if not child.gone.done():
            loop.call_later(1.0, self._kill_if_left, child)

    def forget(self, child: Child) -> None:
        """All processes of `child` are gone."""
        self._children.pop(child.slot, None)
        with contextlib.suppress(ValueError):
            self._prepared.remove(child)
            child.close()  # nobody else will
            child.close_output()
        if child.limits:
            child.limits.close()
        if child.directory.startswith(_PASSING):
            path = self.jail.directories / child.directory
            removal = asyncio.get_running_loop().run_in_executor(None, remove_job_dir, path)
            self._removals.add(removal)
            removal.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """End the server and every job in it."""
        self.alive = False
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()  # the server ends when it reads the end of file
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), 2.0)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._lose_children("The fork server was closed.")
        gone = [child.gone for child in self._children.values()]
        if gone:
            await asyncio.wait(gone, timeout=2.0)
        if self._removals:
            await asyncio.wait(self._removals, timeout=10.0)
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1

    def memory_kb(self) -> int:
        """Resident memory of the server process itself, for the pool's cap."""
        child = next(iter(self._children.values()), None)
        if child is None or child.host_pid is None:
            return 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{child.host_pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") // 1024
        return 0

    # --- children ---

    def _top_up(self) -> None:
        if self._refill_timer is not None:
            self._refill_timer.cancel()
            self._refill_timer = None
        while self.alive and len(self._prepared) < self._wanted:
            self._prepared.append(self._prepare(""))

    def _prepare(self, directory: str) -> Child:
        assert self._control is not None
        slot = next(self._slots)
        if self.jail.level is Level.OFF and not directory:
            directory = f"{_PASSING}{uuid.uuid4()}"
            make_job_dir(self.jail, directory)
        child = Child(self, slot, directory, self._open_limits(slot))
        self._children[slot] = child
        where = str(self.jail.directories / directory) if self.jail.level is Level.OFF else directory
        try:
            socket.send_fds(self._control, [wire.PREPARE.pack(slot) + where.encode()], child.request_fds())
        except OSError as error:
            child.failure = f"the fork server does not answer: {error}"
            asyncio.get_running_loop().call_soon(child.vanish)
        finally:
            child.release_theirs()
        return child

    def _open_limits(self, slot: int) -> JobLimits | None:
        """None, also when a group cannot be made just now: then the watchdog looks after the job."""
        with contextlib.suppress(OSError):
            return self._limiter.open(slot) if self._limiter else None
        return None

    def _kill_if_left(self, child: Child) -> None:
        if not child.gone.done():
            child.kill()

    # --- events of the control socket ---

    def read_events(self) -> None:
        """Handle what the server and the mini-inits have sent."""
        while self._control is not None and self._control.fileno() >= 0:
            try:
                message, fds = wire.receive(self._control, max_fds=2)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            if not message:
                self._lost()
                return
            self._on_event(message, fds)

    def _on_event(self, message: bytes, fds: list[int]) -> None:
        kind, slot = wire.EVENT.unpack_from(message)
        rest = message[wire.EVENT.size :]
        child = self._children.get(slot)
        if kind == wire.READY and self._ready is not None and not self._ready.done():
            self.preload_problems = json.loads(rest)
            self._ready.set_result(None)
        elif child is None:
            pass
        elif kind == wire.STARTED:
            child.started(fds.pop())
        elif kind == wire.SEALED:
            child.sealed()
        elif kind == wire.FAILED:
            child.failed(rest.decode(errors="replace"))
        elif kind == wire.EXITED:
            status, peak_kb, flags = wire.EXIT.unpack(rest)
            json_fd = fds.pop(0) if flags & wire.HAS_JSON and fds else None
            text_fd = fds.pop(0) if flags & wire.HAS_TEXT and fds else None
            child.exited(ExitReport(status, peak_kb, json_fd, text_fd))
        for fd in fds:
            os.close(fd)

    def _lost(self) -> None:
        """The server has ended: so has, by the kernel, everything below it."""
        if not self.alive:
            return
        self.alive = False
        assert self._control is not None and self._ready is not None
        asyncio.get_running_loop().remove_reader(self._control)
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("it ended before it was ready"))
        self._lose_children("The fork server ended unexpectedly.")

    def _lose_children(self, text: str) -> None:
        for child in list(self._children.values()):
            child.failure = child.failure or text
            if child.pidfd is None:
                child.vanish()

    def _explain_start(self, error: Exception) -> str:
        said = ""
        with contextlib.suppress(OSError):
            said = os.pread(self._stderr, 4000, 0).decode(errors="replace").strip()
        return (
            f"The fork server for {self._interpreter} did not start at sandbox level {self.jail.level}: "
            f"{error or type(error).__name__}. It said: {said or 'nothing'}. Run `manage.py worker --probe` to see "
            "which step of the sandbox this machine refuses."
        )
