# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper's main loop: segments of requests in, replies out, and everything else while they run. Python 3.6."""

import _signal as signal  # type: ignore[import-not-found]
import collections
import os
import select
import time

from jetpack_core.connections.remote.helper import failures, requests, wire
from jetpack_core.connections.remote.helper.text import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from jetpack_core.connections.remote.helper.become import Child  # noqa: F401 - in type comments
    from jetpack_core.connections.remote.helper.following import Followed  # noqa: F401 - in type comments
    from jetpack_core.connections.remote.helper.holding import RunLock  # noqa: F401 - in type comments
    from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories  # noqa: F401 - in type comments

SILENCE = 60.0
"""Seconds without a message after which the control side counts as dead."""
FLUSH = 4 << 20
"""Bytes of replies that are held back to travel together."""


class Helper(requests.Work):
    """One helper: it answers on `output` what comes in on `input`."""

    def __init__(self, source: int, sink: int, payload: bytes) -> None:
        super().__init__()
        self.source = source
        self.sink = sink
        self.payload = payload
        self.parser = wire.Parser()
        self.waiting = collections.deque()  # type: collections.deque[Any]
        self.data = collections.deque()  # type: collections.deque[Any]
        self.heard = time.monotonic()
        self.frame = -1
        self.cancelled = None  # type: int | None
        self.stopped = -1
        self.blob = b""
        self.attached = []  # type: list[bytes]
        self.attached_size = 0
        self.showing = set()  # type: set[int]
        self.children = {}  # type: dict[int, Child]
        self.directories = None  # type: TemporaryDirectories | None
        self.lock = None  # type: RunLock | None
        self.followed = None  # type: Followed | None
        self.wake, waker = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)

    # Receiving.

    def receive(self, timeout: float) -> None:
        """Take in what has come, waiting up to `timeout` seconds for it; raises Gone, and Cancelled."""
        ready, _, _ = select.select([self.source, self.wake], [], [], timeout)
        if self.wake in ready:
            os.read(self.wake, 4096)
        if self.source in ready:
            try:
                data = os.read(self.source, 1 << 17)
            except OSError as error:
                raise wire.Gone(str(error))
            if not data:
                raise wire.Gone("end of input")
            self.heard = time.monotonic()
            if self.lock is not None:
                self.lock.renew()
            self.parser.feed(data)
            self._sort()
        elif time.monotonic() - self.heard > SILENCE:
            raise wire.Gone("silence")
        if self.cancelled is not None and self.cancelled == self.frame:
            raise failures.Cancelled

    def _sort(self) -> None:
        while True:
            message = self.parser.message()
            if message is None:
                return
            kind, _, _, frame = message[:4]
            if kind == wire.PING:
                self.send(wire.PONG, b"")
                for child in self.children.values():
                    child.ping()
            elif kind == wire.CANCEL:
                self.cancelled = frame
            elif kind == wire.DATA:
                self.data.append(message)
            else:
                self.waiting.append(message)

    def tick(self) -> None:
        """Look whether something has come, without waiting; raises Gone, and Cancelled."""
        self.receive(0)

    def next_message(self) -> "Any":
        """Return the next message that starts something; raises Gone."""
        while not self.waiting:
            self.receive(SILENCE)
        return self.waiting.popleft()

    # Sending.

    def send(self, kind: int, body: bytes, blob: bytes = b"", flags: int = 0) -> None:
        """Send one message about the current frame; raises Gone."""
        wire.write_all(self.sink, wire.encode(kind, max(self.frame, 0), body, blob, flags))

    def attach(self, data: bytes) -> "list[int]":
        """Add bytes to the replies that are held back."""
        offset = self.attached_size
        self.attached.append(data)
        self.attached_size += len(data)
        return [offset, len(data)]

    def _flush(self, replies: "list[object]", flags: int = 0) -> None:
        blob = b"".join(self.attached)
        self.attached, self.attached_size = [], 0
        self.send(wire.REPLIES, dump(replies), blob, flags)
        del replies[:]

    # Working.

    def serve(self) -> None:
        """Serve until the control side is gone."""
        try:
            while True:
                self.frame = -1
                message = self.next_message()
                if message[0] == wire.REQUESTS:
                    self._segment(message)
                elif message[0] == wire.BECOME:
                    self._become(message)
                elif message[0] == wire.FOLLOW:
                    from jetpack_core.connections.remote.helper.following import Followed

                    self.followed = Followed(*load(message[4]))
        except wire.Gone:
            return

    def _become(self, message: "Any") -> None:
        from jetpack_core.connections.remote.helper.become import Child

        old = self.children.pop(message[2], None)
        if old is not None:
            old.close()
        self.children[message[2]] = Child(load(message[4]), self.payload)

    def _segment(self, message: "Any") -> None:
        _, _, user, frame, body, blob = message
        while self.data and self.data[0][3] != frame:
            self.data.popleft()
        self.frame = frame
        if frame in (self.stopped, self.cancelled):
            self.stopped = frame
            self.send(wire.REPLIES, b"[]", b"", wire.LAST | wire.STOPPED)
            return
        replies = []  # type: list[object]
        taken = self._taken()
        if taken is not None:
            self.stopped = frame
            self._flush([taken], wire.LAST | wire.STOPPED)
            return
        try:
            if user:
                goes_on = self.children[user].relay(self, message, replies)
            else:
                goes_on = self._work_off(load(body), blob, replies)
        except failures.Cancelled:
            self.cancelled, goes_on = None, False
            del replies[:]
            self.attached, self.attached_size = [], 0
        if goes_on is None:
            # The child has answered by itself.
            return
        if not goes_on:
            self.stopped = frame
        self._flush(replies, wire.LAST if goes_on else wire.LAST | wire.STOPPED)

    def _work_off(self, body: "Any", blob: bytes, replies: "list[object]") -> bool:
        self.accounts.forget()
        self.blob = blob
        self.showing = set(body[1])
        for index, request in enumerate(body[0]):
            # Between any two of them this process may have been stopped for long.
            taken = self._taken()
            reply, goes_on = requests.carry_out(self, index, request) if taken is None else (taken, False)
            replies.append(reply)
            if not goes_on:
                return False
            if self.attached_size > FLUSH:
                self._flush(replies)
        return True

    def _taken(self) -> "list[object] | None":
        """Return the reply to whatever is asked once the lock is not ours any more, or None."""
        held = self.lock or self.followed
        path = held.lost() if held is not None else ""
        if not path:
            return None
        from jetpack_core.connections.remote.helper.holding import TAKEN

        return [0, "OTHER", path, TAKEN]

    # What operations use.

    def part(self, reference: "list[int]") -> bytes:
        """Return bytes of the segment."""
        return self.blob[reference[0] : reference[0] + reference[1]]

    def incoming(self, index: int) -> "Iterator[bytes]":
        """Yield the bytes streamed for a request, telling the sender what was taken; raises Fail."""
        while True:
            while not self.data:
                self.receive(SILENCE)
            _, flags, user, frame, body, blob = self.data.popleft()
            # What is left over from a child that did not want all of it must not end up in our file.
            if user or frame != self.frame or load(body)[0] != index:
                continue
            if flags & wire.BROKEN:
                raise failures.Fail(*load(body)[1:])
            if blob:
                yield blob
                self.send(wire.ACK, dump(len(blob)))
            if flags & wire.LAST:
                return

    def outgoing(self, index: int, data: bytes) -> None:
        """Send bytes of a file."""
        self.send(wire.CONTENT, dump(index), data)

    def temporary(self, prefix: str) -> str:
        """Make a temporary directory."""
        if self.directories is None:
            from jetpack_core.connections.remote.helper.temporary import TemporaryDirectories

            self.directories = TemporaryDirectories()
        return self.directories.make(prefix)

    def hold(self, run: str, owner: str) -> str:
        """Hold the host for a run; raises Fail."""
        if self.lock is None:
            from jetpack_core.connections.remote.helper.holding import RunLock

            self.lock = RunLock()
        return self.lock.take(run, owner)

    def run(self, index: int, *arguments: "Any") -> object:
        """Run a command, showing its output meanwhile where asked; raises Fail."""
        from jetpack_core.connections.remote.helper.commands import Command

        argv, stdin, env, cwd, timeout = arguments
        command = Command(argv, env, cwd, self.part(stdin))
        show = None
        if index in self.showing:
            show = lambda name, data: self.send(wire.OUTPUT, dump([index, name]), data)  # noqa: E731
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not command.step(5.0 if end is None else end - time.monotonic(), [self.source, self.wake], show):
                self.tick()
                if end is not None and command.status is None and time.monotonic() >= end:
                    raise failures.Fail("TIMEOUT", command.name, "still running after {:g} s".format(timeout))
            rc, out, err = command.result()
        finally:
            command.close()
        return [rc, self.attach(out), self.attach(err)]

    def close(self) -> None:
        """End the become helpers, remove temporary directories and give the host free."""
        for child in self.children.values():
            child.close()
        if self.directories is not None:
            self.directories.close()
        if self.lock is not None:
            self.lock.release()


def _note(_: int, __: object) -> None:
    """Let a signal interrupt what waits, by the wake-up descriptor."""


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def main(payload: bytes, source: int = 0, sink: int = 1) -> None:
    """Serve on standard input and output until the control side is gone."""
    signal.signal(signal.SIGCHLD, _note)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    helper = Helper(source, sink, payload)
    try:
        helper.frame = 0
        helper.send(wire.HELLO, dump([helper.accounts.user(os.geteuid()), os.geteuid()]))
        helper.serve()
    finally:
        helper.close()
