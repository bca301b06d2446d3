"""A process that a fork server made for one job: its descriptors, its signals, its end."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from workers.limits import JobLimits
from workers.runtimes.jail.mini_init import KILL_ALL
from workers.sandbox import Jail, Level

_NEWS_DELAY_S = 0.05


class Parent(Protocol):
    """What a child needs of its server."""

    jail: Jail

    def read_events(self) -> None: ...
    def release(self, child: "Child") -> None: ...
    def forget(self, child: "Child") -> None: ...


@dataclass(frozen=True)
class ExitReport:
    """What the mini-init said when the job's main process had ended."""

    status: int  # as from wait()
    peak_kb: int
    json_fd: int | None  # result.json, opened for us; ours to close
    text_fd: int | None


class Child:
    """One prepared process and its descriptors. `on_exit` and `on_gone` are set by whoever runs a job in it."""

    def __init__(self, server: Parent, slot: int, directory: str, limits: JobLimits | None) -> None:
        self.slot = slot
        self.limits = limits
        self.directory = directory
        self.pidfd: int | None = None
        self.failure: str | None = None
        self.report: ExitReport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # sealed, or never will be
        self.is_sealed = False
        self.on_exit: Callable[[], None] | None = None
        self.server = server
        self._killed = self._kill_wanted = False
        self.channel, self._their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.setblocking(False)
        self.output, self._their_output = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.fcntl(self._their_output, fcntl.F_SETFL, 0)  # the job's end blocks, as programs expect

    @property
    def host_pid(self) -> int | None:
        """Process id of the mini-init, as the host sees it; None before it exists and once it is gone."""
        return _read_host_pid(self.pidfd) if self.pidfd is not None else None

    def request_fds(self) -> list[int]:
        return [self._their_channel.fileno(), self._their_output, *(self.limits.procs_fds if self.limits else ())]

    def release_theirs(self) -> None:
        self._their_channel.close()
        os.close(self._their_output)

    def started(self, pidfd: int) -> None:
        self.pidfd = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._on_gone)
        if self._kill_wanted:
            self.kill()

    def sealed(self) -> None:
        self.is_sealed = True
        self._settle()

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)

    def exited(self, report: ExitReport) -> None:
        self.report = report
        if self.on_exit:
            self.on_exit()

    def failed(self, text: str) -> None:
        self.failure = text
        self._settle()
        if self.pidfd is None:
            self.vanish()
        elif self.on_exit:
            self.on_exit()

    def signal(self, number: int) -> None:
        """Signal the mini-init, which passes TERM and INT on to the job."""
        if self.pidfd is None:
            self._kill_wanted = self._kill_wanted or not self.gone.done()
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def kill(self) -> None:
        """End every process of the job. Death shows by `gone`."""
        self._killed = True
        if self.server.jail.level is not Level.OFF:
            self.signal(signal.SIGKILL)
            return
        self.signal(KILL_ALL)
        asyncio.get_running_loop().call_later(1.0, self.signal, signal.SIGKILL)

    def _on_gone(self) -> None:
        pidfd, self.pidfd = self.pidfd, None
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
        # the report was sent before the death; it may still wait in the control socket
        self.server.read_events()
        if self.report is None and not self._killed and self.failure is None:
            # killed by something else, perhaps together with its server: that news is about to come
            asyncio.get_running_loop().call_later(_NEWS_DELAY_S, self.vanish)
        else:
            self.vanish()

    def vanish(self) -> None:
        """No process is left."""
        if self.gone.done():
            return
        self.gone.set_result(None)
        self._settle()
        self.server.forget(self)
        if self.on_exit:
            self.on_exit()

    def close(self) -> None:
        """Release the channel and the result files: the job is over. The output goes by `close_output`."""
        self.channel.close()
        if self.report:
            for fd in (self.report.json_fd, self.report.text_fd):
                if fd is not None:
                    os.close(fd)
            self.report = replace(self.report, json_fd=None, text_fd=None)

    def __del__(self) -> None:  # a job whose task was given up in the middle
        with contextlib.suppress(AttributeError):  # not even made
            self.close()
            self.close_output()

    def close_output(self) -> None:
        if self.output >= 0:
            os.close(self.output)
            self.output = -1


def _read_host_pid(pidfd: int) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return None
