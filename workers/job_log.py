"""The output of one attempt: decoded, cleaned, masked, cut into pieces that can be stored, bounded. No I/O.

The first HOT_BYTES of a log become rows of `job_log`, what follows gzipped rows of `job_log_blob`; beyond the cap the
head stays, and of the rest the last TAIL_BYTES, with a line between that tells how much is missing.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Iterable
from uuid import UUID

from workers.log_rows import LogBlob, LogSegment
from workspaces.jsontext import clean_text

HOT_BYTES = 1_000_000
TAIL_BYTES = 256_000
STREAM_CHARS = 1_000_000  # of a result stream: all of it is kept in memory and read at once by those who follow
ROOM_BYTES = 1_000_000  # not stored yet; above it the job's output waits
STREAM_MARK = "WM_STREAM: "
_LONGEST_STREAM_LINE = 1_000_000
_OPEN_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:?]{0,30})?\Z")
MASK = "********"
SHORTEST_SECRET = 8


class JobLog:
    """The log of one attempt. `seq` and `start` go on where an earlier attempt ended."""

    def __init__(
        self, job_id: UUID, lease_id: UUID, *, secrets: tuple[str, ...], cap_bytes: int, seq: int = 0, start: int = 0
    ) -> None:
        self.job_id, self.lease_id = job_id, lease_id
        self.stream = ""  # at most STREAM_CHARS of it: it becomes part of the result
        self.due_at: float | None = None  # when the next flush may be
        self.cold_due_at = 0.0
        self.room = asyncio.Event()
        self.room.set()
        self._secrets = secrets
        self._cap = cap_bytes
        self._tail_chars = min(TAIL_BYTES, cap_bytes // 4)
        self._seq, self._start = seq, start
        self._stream_seq = self._stream_start = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carry = ""
        self._hot: list[str] = []
        self._cold: list[str] = []
        self._tail: list[str] = []
        self._tail_size = 0
        self._seen = 0  # characters of log so far, stored or not
        self._waiting = 0  # characters in _hot and _cold
        self._left_out = 0
        self._stream_waiting = ""
        self._stream_is_full = False

    @property
    def is_cold(self) -> bool:
        return bool(self._cold)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these too. Short ones stay: they would mask half of every log, and protect nothing."""
        self._secrets += tuple(each for each in secrets if len(each) >= SHORTEST_SECRET)

    def continue_at(self, seq: int, start: int) -> None:
        """An earlier attempt wrote before us."""
        self._seq, self._start = seq, start

    def write(self, text: str) -> None:
        """Text of the platform itself (header, install output), a whole number of lines."""
        self._keep(self._masked(clean_text(text)))

    def feed(self, chunk: bytes) -> None:
        """Output of the job as it came: chunks end anywhere."""
        self._take(self._decoder.decode(chunk))

    def close(self) -> None:
        """Nothing more comes: what was held back to see its end is text now."""
        self._take(self._decoder.decode(b"", final=True), is_last=True)
        if self._tail:
            self._trim_tail()
            missing = self._left_out - self._tail_size
            if missing > 0:
                marker = f"\n[… {missing:,} characters of this log were left out: it is longer than allowed …]\n"
                self._cold.append(marker)
            self._cold += self._tail
            self._tail, self._left_out = [], 0

    def take_segments(self) -> list[LogSegment]:
        """What `job_log` is to get now."""
        if not self._hot:
            return []
        text = "".join(self._hot)
        self._hot.clear()
        self._stored(len(text))
        segment = LogSegment(self.job_id, self.lease_id, self._seq, self._start, text)
        self._advance(len(text))
        return [segment]

    def take_cold(self) -> str:
        """Text for gzipped rows; call `blob` with each part of it then."""
        text = "".join(self._cold)
        self._cold.clear()
        self._stored(len(text))
        return text

    def blob(self, text: str, content: bytes) -> LogBlob:
        made = LogBlob(self.job_id, self.lease_id, self._seq, self._start, len(text), content)
        self._advance(len(text))
        return made

    def take_stream(self) -> list[LogSegment]:
        """What `job_stream` is to get now."""
        text, self._stream_waiting = self._stream_waiting, ""
        if not text:
            return []
        segment = LogSegment(self.job_id, self.lease_id, self._stream_seq, self._stream_start, text)
        self._stream_seq += 1
        self._stream_start += len(text)
        return [segment]

    # --- text ---

    def _take(self, text: str, *, is_last: bool = False) -> None:
        text = self._carry + text.replace("\x00", "")
        cut = len(text) if is_last else len(text) - self._held_back(text)
        body, self._carry = text[:cut], text[cut:]
        if STREAM_MARK in body:
            body = self._without_stream(body)
        if body:
            self._keep(self._masked(body))

    def _held_back(self, text: str) -> int:
        """How many characters at the end may go on as something that must not be cut."""
        keep = 0
        line_start = text.rfind("\n") + 1
        line = text[line_start:]
        if STREAM_MARK.startswith(line[: len(STREAM_MARK)]) and 0 < len(line) < _LONGEST_STREAM_LINE:
            keep = len(line)
        escape = _OPEN_ESCAPE.search(text, max(0, len(text) - 40))
        if escape:
            keep = max(keep, len(text) - escape.start())
        return max([keep, *(_begun(secret, text) for secret in self._secrets)])

    def _without_stream(self, body: str) -> str:
        kept = []
        for line in re.split(r"(?<=\n)", body):  # not splitlines: U+2028 and its like end no line here
            if line.startswith(STREAM_MARK):
                kept.append(self._stream_on(line.removeprefix(STREAM_MARK)))
            else:
                kept.append(line)
        return "".join(kept)

    def _stream_on(self, line: str) -> str:
        """Take a line of the result stream; answers what to log about it."""
        if self._stream_is_full:
            return ""
        text = self._masked(line.rstrip("\r\n").replace("\\n", "\n"))[: STREAM_CHARS - len(self.stream)]
        self.stream += text
        self._stream_waiting += text
        self._stream_is_full = len(self.stream) >= STREAM_CHARS
        if not self._stream_is_full:
            return ""
        return f"[… the result stream ends here: it is longer than {STREAM_CHARS:,} characters …]\n"

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    # --- bounds ---

    def _keep(self, text: str) -> None:
        """Into the head while there is room, the rest into the tail."""
        room = max(0, self._cap - self._tail_chars - self._seen)
        head, rest = text[:room], text[room:]
        if head:
            is_hot = self._seen < HOT_BYTES and not self._cold
            (self._hot if is_hot else self._cold).append(head)
            self._waiting += len(head)
            if self._waiting > ROOM_BYTES:
                self.room.clear()
        if rest:
            self._left_out += len(rest)
            self._tail.append(rest[-self._tail_chars :])
            self._tail_size += len(self._tail[-1])
            if self._tail_size > 4 * self._tail_chars or len(self._tail) > 1000:
                self._trim_tail()
        self._seen += len(text)

    def _trim_tail(self) -> None:
        whole = "".join(self._tail)[-self._tail_chars :]
        self._tail, self._tail_size = [whole], len(whole)

    def _stored(self, length: int) -> None:
        self._waiting -= length
        if self._waiting <= ROOM_BYTES:
            self.room.set()

    def _advance(self, length: int) -> None:
        self._seq += 1
        self._start += length


def _begun(secret: str, text: str) -> int:
    """How many characters at the end of `text` are the beginning of `secret`.

    Looked for by the first characters: a secret may have 100,000, and this runs for every piece of output.
    """
    tail = text[-(len(secret) - 1) :] if len(secret) > 1 else ""
    for probe in (secret[:SHORTEST_SECRET], secret[:1]):
        at = tail.find(probe) if probe else -1
        while at >= 0:
            if secret.startswith(tail[at:]):
                return len(tail) - at
            at = tail.find(probe, at + 1)
        tail = tail[-SHORTEST_SECRET:]
    return 0
