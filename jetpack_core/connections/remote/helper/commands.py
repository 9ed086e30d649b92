# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands: own session, killed as a whole, output bounded. Python 3.6.

Processes are started by fork and exec here, because loading `subprocess` takes longer than all else a helper does.
"""

import _signal as signal  # type: ignore[import-not-found]
import os
import select
import time

from jetpack_core.connections.remote.helper.failures import Fail, from_os_error
from jetpack_core.connections.remote.helper.files import to_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT_LIMIT = 64 << 20
"""Bytes of standard output, and of standard error, that a command may write."""
LINGER = 0.1
"""Seconds without output after which a command that ended counts as silent, though a child still holds its pipes."""
LINGER_AT_MOST = 2.0
GUARDED_AFTER = 0.5
"""Seconds after which somebody watches for a command that the helper is still there."""
# Nothing is ever written to it: what it reads ends with the helper.
_GUARD = b'read x;kill -9 "-$1"'
_LOCALE = (b"LC_ALL", b"LANG", b"LANGUAGE")


def environment(base: "dict[bytes, bytes]", added: "dict[str, str]") -> "dict[bytes, bytes]":
    """Return the environment of a command: the login's, in the locale C.UTF-8 unless `added` chooses one."""
    env = {name: value for name, value in base.items() if not (name in _LOCALE or name.startswith(b"LC_"))}
    env[b"LANG"] = b"C.UTF-8"
    more = {to_bytes(name): to_bytes(value) for name, value in added.items()}
    if not any(name == b"LANG" or name.startswith(b"LC_") for name in more):
        env[b"LC_ALL"] = b"C.UTF-8"
    env.update(more)
    return env


def start(
    argv: "list[bytes]",
    env: "dict[bytes, bytes]",
    cwd: "bytes | None",
    stdin: int,
    stdout: int,
    stderr: int,
    terminal: bool = False,
) -> int:
    """Start a program in a session of its own and return its process number.

    Raises OSError; its `filename` is the directory when that was at fault. With `terminal`, stdin becomes the
    controlling terminal.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_program(argv, env, cwd, (stdin, stdout, stderr), tell, terminal)
    os.close(tell)
    try:
        said = os.read(told, 64)
    finally:
        os.close(told)
    if said:
        os.waitpid(pid, 0)
        where, number = said.split(b" ")
        raise OSError(int(number), os.strerror(int(number)), cwd if where == b"d" else argv[0])
    return pid


def _become_program(
    argv: "list[bytes]",
    env: "dict[bytes, bytes]",
    cwd: "bytes | None",
    streams: "tuple[int, int, int]",
    tell: int,
    terminal: bool,
) -> None:
    where = b"d"
    try:
        os.setsid()
        for number, fd in enumerate([os.dup(fd) if fd < 3 else fd for fd in streams]):
            os.dup2(fd, number)
        if terminal:
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        if cwd is not None:
            os.chdir(cwd)
        where = b"p"
        os.execvpe(argv[0], argv, env)  # noqa: S606 - an argv, as the operation is defined
    except OSError as error:
        os.write(tell, where + b" %d" % (error.errno or 0))
    finally:
        os._exit(127)


def kill(pid: int) -> None:
    """Kill a process and all that shares its group; never raises."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        # Nothing of it is left.
        return


class Command:
    """A command that runs, its streams and its end."""

    def __init__(self, argv: "list[str]", env: "dict[str, str]", cwd: "str | None", stdin: bytes) -> None:
        if not argv:
            raise Fail("OTHER", "command", "there is no command to run")
        self.name = argv[0]
        self._stdin = memoryview(stdin)
        self.output = {}  # type: dict[int, tuple[str, list[bytes]]]
        self._sizes = {}  # type: dict[int, int]
        self.status = None  # type: int | None
        self._started = time.monotonic()
        self._ended = 0.0
        self._guard = self._watched = -1
        self._start([to_bytes(one) for one in argv], environment(dict(os.environb), env), cwd)

    def _start(self, argv: "list[bytes]", env: "dict[bytes, bytes]", cwd: "str | None") -> None:
        give, self._input = os.pipe()
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        try:
            # Close-on-exec is the default of every descriptor made here, so the child sees only its three.
            self.pid = start(argv, env, None if cwd is None else to_bytes(cwd), give, out, err)
        except OSError as error:
            for fd in (self._input, self.out, self.err):
                os.close(fd)
            raise from_os_error(error, str(cwd) if cwd and error.filename == to_bytes(cwd) else self.name)
        finally:
            for fd in (give, out, err):
                os.close(fd)
        for fd, name in ((self.out, "stdout"), (self.err, "stderr")):
            self.output[fd] = (name, [])
            self._sizes[fd] = 0
        self.open = [self.out, self.err]
        os.set_blocking(self._input, False)
        if not self._stdin:
            self._close_input()

    def _close_input(self) -> None:
        os.close(self._input)
        self._input = -1

    def step(self, timeout: float, also: "list[int]", show: "Callable[[str, bytes], None] | None") -> bool:
        """Wait for something to happen, any of `also` becoming readable included; return whether all is over."""
        writers = [self._input] if self._input >= 0 else []
        if self.status is not None:
            timeout = LINGER
        elif self._guard < 0:
            wait = self._started + GUARDED_AFTER - time.monotonic()
            timeout = min(timeout, max(wait, 0.0))
            if wait <= 0:
                self._be_guarded()
        ready, writable, _ = select.select(self.open + also, writers, [], timeout)
        if writable:
            self._feed()
        read = [fd for fd in ready if fd in self.open]
        for fd in read:
            self._take(fd, show)
        self._reap()
        if self.status is None:
            return False
        waited = time.monotonic() - self._ended
        return not self.open or waited > LINGER_AT_MOST or (not read and waited > LINGER)

    def _reap(self) -> None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                self._ended = time.monotonic()
                self._dismiss_guard()

    def _be_guarded(self) -> None:
        """Have a process kill the command when this one is killed, which leaves it no time to do so itself."""
        hear, self._watched = os.pipe()
        nothing = os.open(os.devnull, os.O_WRONLY)
        argv = [b"/bin/sh", b"-c", _GUARD, b"sh", b"%d" % self.pid]
        try:
            self._guard = start(argv, dict(os.environb), b"/", hear, nothing, nothing)
        except OSError:
            # A host that can start no more has no guard to spare; it is not tried again for this command.
            self._guard = 0
            os.close(self._watched)
            self._watched = -1
        finally:
            os.close(hear)
            os.close(nothing)

    def _dismiss_guard(self) -> None:
        if self._watched < 0:
            return
        kill(self._guard)
        os.waitpid(self._guard, 0)
        os.close(self._watched)
        self._watched = -1

    def _feed(self) -> None:
        try:
            self._stdin = self._stdin[os.write(self._input, self._stdin[:65536]) :]
        except BlockingIOError:
            return
        except OSError:
            # The command does not read its input to the end, which is its right.
            self._stdin = memoryview(b"")
        if not self._stdin:
            self._close_input()

    def _take(self, fd: int, show: "Callable[[str, bytes], None] | None") -> None:
        data = os.read(fd, 65536)
        if not data:
            self.open.remove(fd)
            return
        name, parts = self.output[fd]
        self._sizes[fd] += len(data)
        if self._sizes[fd] <= OUTPUT_LIMIT:
            parts.append(data)
        if show is not None:
            show(name, data)

    def result(self) -> "tuple[int, bytes, bytes]":
        """Return exit code, stdout and stderr; raises Fail TOO_LARGE when either was over the limit."""
        for fd, size in self._sizes.items():
            if size > OUTPUT_LIMIT:
                detail = "wrote more than {} MiB to {}".format(OUTPUT_LIMIT >> 20, self.output[fd][0])
                raise Fail("TOO_LARGE", self.name, detail)
        status = self.status or 0
        rc = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        return rc, b"".join(self.output[self.out][1]), b"".join(self.output[self.err][1])

    def close(self) -> None:
        """Kill what is left of it when it has not ended, and let go of its streams."""
        if self.status is None:
            kill(self.pid)
            os.waitpid(self.pid, 0)
            self._dismiss_guard()
        for fd in (self.out, self.err, self._input):
            if fd >= 0:
                os.close(fd)
