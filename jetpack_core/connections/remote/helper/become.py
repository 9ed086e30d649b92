# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers that run as another user: children of this one, their messages passed on over its own channel.

Python 3.6.
"""

import binascii
import os
import select
import sys
import time

from jetpack_core.connections.remote.helper import boot, commands, requests, wire
from jetpack_core.connections.remote.helper.failures import Cancelled
from jetpack_core.connections.remote.helper.text import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from jetpack_core.connections.remote.helper.serve import Helper

PATIENCE = 30.0
"""Seconds a program such as sudo may take to let us through."""
SAID_LIMIT = 1 << 16
"""Bytes of banners that are read before giving up, and of complaints that are kept."""


class Refused(Exception):
    """The other user's helper cannot be had, and why."""


class Child:
    """A helper that runs as another user.

    `order` holds: `argv`, where None stands for the helper's own argv and byte 1 for the same as one quoted word;
    `user`; `prompt`, the text that asks for the password ("" where the program has its own); `password`; `terminal`;
    `refused`, why it is not even tried.
    """

    def __init__(self, order: "dict[str, Any]", payload: bytes) -> None:
        self.order = order
        self.payload = payload
        self.pid = 0
        self.refused = order["refused"]
        self._forget()

    def _forget(self) -> None:
        self.listening = self.relaying = False
        self.followed = None  # type: tuple[str, int, int] | None
        self.parser = wire.Parser()
        self.outbox = bytearray()
        self.said = bytearray()
        self.input = self.output = self.error = self.slave = -1

    # Starting.

    def _argv(self, nonce: str) -> "list[bytes]":
        own = ["/bin/sh", "-c", boot.PICK, sys.executable or "python3", nonce]
        own += [boot.CODE, boot.PYTHON_MARK, str(len(self.payload))]
        line = " ".join(boot.quote(word) for word in own)
        argv = []  # type: list[str]
        for word in self.order["argv"]:
            argv.extend(own if word is None else [word.replace("\1", line)])
        return [word.encode("utf-8", "surrogateescape") for word in argv]

    def _start(self, nonce: str) -> None:
        self._forget()
        mine = []
        if self.order["terminal"]:
            self.input, self.slave = os.openpty()
            give = self.slave
        else:
            give, self.input = os.pipe()
            mine.append(give)
        self.output, out = os.pipe()
        self.error, err = os.pipe()
        mine += [out, err]
        env = dict(os.environb)
        env.update({b"LC_ALL": b"C", b"LANGUAGE": b""})
        argv = self._argv(nonce)
        try:
            self.pid = commands.start(argv, env, None, give, out, err, bool(self.order["terminal"]))
        except OSError as error:
            self._hang_up()
            raise Refused("{}: {}".format(self.order["argv"][0], os.strerror(error.errno or 0).lower()))
        finally:
            for fd in mine:
                os.close(fd)
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)

    def _ready(self, helper: "Helper") -> None:
        """Start the child if it does not run, and see it through the password; raises Refused."""
        if self.refused:
            raise Refused(self.refused)
        if self.input >= 0:
            return
        nonce = binascii.hexlify(os.urandom(12)).decode("ascii")
        try:
            self._start(nonce)
            self._log_in(helper, (nonce + boot.PYTHON_MARK).encode("ascii"))
        except Refused as refused:
            # Asking again with the same password could lock the account, so the answer is kept.
            self.refused = str(refused)
            self._hang_up()
            raise
        except BaseException:
            self._hang_up()
            raise
        if self.slave >= 0:
            import tty

            tty.setraw(self.slave)
        self.outbox += self.payload
        self.listening = True

    def _log_in(self, helper: "Helper", mark: bytes) -> None:
        end = time.monotonic() + PATIENCE
        heard, asked, given = bytearray(), bytearray(), False
        readable = {self.output: heard, self.error: asked}
        if self.slave >= 0:
            readable[self.input] = asked
        while mark not in heard:
            ready, _, _ = select.select(list(readable) + [helper.source, helper.wake], [], [], 1.0)
            for fd in [one for one in ready if one in readable]:
                if not _read_into(fd, readable[fd]):
                    del readable[fd]
            if helper.source in ready or helper.wake in ready:
                helper.tick()
            if self._asks(asked):
                given = self._answer(given)
                del asked[:]
            if self.output not in readable or len(heard) > SAID_LIMIT:
                self._drain(readable)
                raise Refused(self._complaint(asked, heard, given))
            if time.monotonic() > end:
                raise Refused(self._complaint(asked, heard, given) or "no answer for {:g} s".format(PATIENCE))
        self.parser.feed(bytes(heard[heard.index(mark) + len(mark) :]))

    def _drain(self, readable: "dict[int, bytearray]") -> None:
        """Take in what the program still says about its failure."""
        end = time.monotonic() + 0.5
        while self.error in readable and time.monotonic() < end:
            if select.select([self.error], [], [], 0.1)[0] and not _read_into(self.error, readable[self.error]):
                return

    def _asks(self, asked: bytearray) -> bool:
        prompt = self.order["prompt"]
        if prompt:
            return prompt.encode("ascii") in asked
        return bool(self.order["terminal"]) and asked.rstrip(b" ").lower().endswith((b"password:", b": \b", b"?:"))

    def _answer(self, given: bool) -> bool:
        password = self.order["password"]
        if given:
            raise Refused("the password was not accepted")
        if password is None:
            raise Refused("a password is needed")
        os.write(self.input, password.encode("utf-8", "surrogateescape") + b"\n")
        return True

    def _complaint(self, asked: bytearray, heard: bytearray, given: bool) -> str:
        text = bytes(asked[-2000:] or heard[-2000:]).decode("utf-8", "replace")
        prompt = self.order["prompt"]
        said = " ".join((text.replace(prompt, "") if prompt else text).split())
        if given and ("incorrect" in said.lower() or "failure" in said.lower() or "sorry" in said.lower()):
            return "the password was not accepted ({})".format(said)
        return said or "the program ended without a word"

    # Working.

    def ping(self) -> None:
        """Keep the child alive. One that is still logging in would take this for a password, or for its program."""
        if self.listening:
            self.outbox += wire.encode(wire.PING, 0)
        if not self.listening or self.relaying:
            # What moves the messages of a child that works must find its pipes as it was told they are.
            return
        try:
            del self.outbox[: os.write(self.input, self.outbox)]
            while True:
                data = os.read(self.output, 1 << 16)
                self.parser.feed(data)
                if not data:
                    return
        except OSError:
            # There is no more, or it is dead, which the next request finds out.
            return

    def relay(self, helper: "Helper", message: "Any", replies: "list[object]") -> "bool | None":
        """Have the child carry out a segment; None when it answered by itself, else whether the frame goes on."""
        try:
            self._ready(helper)
        except Refused as refused:
            return self._refuse(load(message[4])[0], str(refused), replies)
        self._follow(helper)
        kind, _, user, frame, body, blob = message
        self.outbox += wire.encode(kind, frame, body, blob, packing=False)
        self.relaying = True
        try:
            while not self._pass_on(helper, frame, user):
                continue
        except (OSError, wire.ProtocolError, EOFError):
            said = bytes(self.said[-500:]).decode("utf-8", "replace").strip()
            self._hang_up()
            replies.append([0, "BECOME", self.order["user"], "its helper ended unexpectedly {}".format(said).strip()])
            return False
        finally:
            self.relaying = False
        return None

    def _follow(self, helper: "Helper") -> None:
        """Tell the child what the host is held by, so that it can see between two requests that it is held no more."""
        held = helper.lock.identity() if helper.lock is not None else None
        if held is not None and held != self.followed:
            self.followed = held
            self.outbox += wire.encode(wire.FOLLOW, 0, dump(held))

    def _refuse(self, asked: "list[Any]", why: str, replies: "list[object]") -> bool:
        for request in asked:
            replies.append([0, "BECOME", self.order["user"], why])
            if request[0] not in requests.READING:
                return False
        return True

    def _pass_on(self, helper: "Helper", frame: int, user: int) -> bool:
        """Move messages in both directions; return whether the segment is done."""
        # Content may have come together with the request that it is for.
        self._pass_content(helper, frame, user)
        ready, writable, _ = select.select(
            [self.output, self.error, helper.source, helper.wake], [self.input] if self.outbox else [], [], 5.0
        )
        if helper.source in ready or helper.wake in ready:
            self._pass_down(helper, frame)
        if self.error in ready and not _read_into(self.error, self.said):
            raise EOFError
        del self.said[:-SAID_LIMIT]
        try:
            if writable:
                del self.outbox[: os.write(self.input, self.outbox[: 1 << 16])]
            if self.output in ready:
                data = os.read(self.output, 1 << 17)
                if not data:
                    raise EOFError
                self.parser.feed(data)
        except BlockingIOError:
            # Neither end of the child has anything to do just now.
            pass
        return self._pass_up(helper, frame)

    def _pass_down(self, helper: "Helper", frame: int) -> None:
        try:
            helper.tick()
        except Cancelled:
            # The child may be done with it by now, and say that the frame goes on.
            helper.cancelled, helper.stopped = None, frame
            self.outbox += wire.encode(wire.CANCEL, frame)

    def _pass_content(self, helper: "Helper", frame: int, user: int) -> None:
        """Pass on what is meant for this child; what the frame brings for other users is theirs to take."""
        if not helper.data:
            return
        waiting = list(helper.data)
        helper.data.clear()
        for message in waiting:
            kind, flags, whose, its_frame, body, blob = message
            if its_frame != frame:
                continue
            if whose != user:
                helper.data.append(message)
                continue
            flags &= ~(wire.PACKED | wire.PACKED_BODY)
            self.outbox += wire.encode(kind, its_frame, body, blob, flags, packing=False)

    def _pass_up(self, helper: "Helper", frame: int) -> bool:
        while True:
            raw = self.parser.raw()
            if raw is None:
                return False
            kind, flags, _, its_frame, _, _ = wire.HEAD.unpack_from(raw)
            if kind in (wire.PONG, wire.HELLO) or its_frame != frame:
                continue
            if kind == wire.REPLIES and flags & wire.LAST and flags & wire.STOPPED:
                helper.stopped = frame
            wire.write_all(helper.sink, raw)
            if kind == wire.REPLIES and flags & wire.LAST:
                return True

    # Ending.

    def _hang_up(self) -> None:
        for fd in (self.input, self.output, self.error, self.slave):
            if fd >= 0:
                os.close(fd)
        self.listening = False
        self.input = self.output = self.error = self.slave = -1
        if self.pid:
            pid, self.pid = self.pid, 0
            _wait_or_kill(pid)

    def close(self) -> None:
        """End the child; it removes what it made when its input ends."""
        if self.input >= 0:
            self._hang_up()


def _wait_or_kill(pid: int) -> None:
    for attempt in range(40):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.005 * (attempt + 1))
    commands.kill(pid)
    # What runs as root cannot be killed by us; it ends by itself once it finds its input closed.
    os.waitpid(pid, os.WNOHANG)


def _read_into(fd: int, buffer: bytearray) -> bool:
    """Read what there is; return False at the end."""
    try:
        data = os.read(fd, 1 << 16)
    except OSError:
        # A terminal whose other end closed.
        return False
    buffer += data
    return bool(data)
