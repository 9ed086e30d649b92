# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of an archive, decompressed as they are asked for, and never more than allowed. Python 3.6."""

import importlib
import os
import shutil
import subprocess

from jetpack_plugin_unpack.onhost.trouble import Trouble, damaged, reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Optional, Protocol  # novm - for type checkers only

    class Reader(Protocol):
        """Anything that yields bytes."""

        def read(self, size: int) -> bytes:
            """Return up to so many bytes, none at the end."""


CHUNK = 1 << 17
_MOST_AT_ONCE = 1 << 18
"""Bytes; only a header that lies about its size asks for more."""
_TAIL = 1024
_RATIO_FROM = 16 << 20
"""Bytes; a small archive of few bytes repeated is no bomb."""
_HEADERS_PER_FILE = 4096
_XZ_MEMORY = 512 << 20

MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)
SUFFIXES = {"gz": (".gz", ".tgz"), "bz2": (".bz2", ".tbz2"), "xz": (".xz", ".txz"), "zst": (".zst", ".tzst")}


class Limits:
    """How much an archive may hold."""

    def __init__(self, files: int, size: int, ratio: int) -> None:
        self.files = files
        self.size = size
        self.ratio = ratio

    def check_count(self, count: int) -> None:
        """Raise Trouble when there are too many members."""
        if count > self.files:
            raise _over("more than {} members".format(self.files), "max_files")

    def check_size(self, size: int, packed: int) -> None:
        """Raise Trouble when members of this total size are too large, or too large for so small an archive."""
        if size > self.size:
            raise _over("its members hold more than {} bytes".format(self.size), "max_size")
        if size > _RATIO_FROM and size > packed * self.ratio:
            raise _over("it unpacks to more than {} times its own size".format(self.ratio), "max_ratio")

    def check_stream(self, size: int, packed: int) -> None:
        """As `check_size`, for a decompressed stream with its headers."""
        if size > self.size + self.files * _HEADERS_PER_FILE:
            raise _over("it holds more than {} bytes".format(self.size), "max_size")
        self.check_size(min(size, self.size), packed)


def _over(what: str, limit: str) -> Trouble:
    hint = "if it is meant to be that large, raise limits: {{{}: ...}}".format(limit)
    return Trouble("refused", "the archive is over the limit: " + what, hint)


class Forward:
    """A stream that can be read forwards only, save for the few bytes that `tarfile` steps back.

    Keeps the limits whatever the headers say.
    """

    def __init__(self, source: "Reader", limits: Limits, packed: int) -> None:
        self._source = source
        self._limits = limits
        self._packed = packed
        self._position = 0
        self._tail = b""
        self._ahead = b""
        self._furthest = 0
        self.last = b""
        """What the last `read` returned."""

    def read(self, size: int = -1) -> bytes:
        """Return exactly `size` bytes, fewer at the end."""
        if not 0 <= size <= _MOST_AT_ONCE:
            raise damaged("a header says it is {} bytes long".format(size))
        parts = []
        left = size
        while left:
            part = self._some(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self.last = b"".join(parts)
        self._position += len(self.last)
        self._tail = (self._tail + self.last)[-_TAIL:]
        return self.last

    def _some(self, size: int) -> bytes:
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        part = self._source.read(size)
        self._furthest += len(part)
        self._limits.check_stream(self._furthest, self._packed)
        return part

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, position: int) -> None:
        """Go forward, or a few bytes back."""
        back = self._position - position
        if back > len(self._tail) or position < 0:
            raise damaged("a header points back to what was read before")
        if back > 0:
            self._ahead = self._tail[-back:] + self._ahead
            self._tail = self._tail[:-back]
            self._position = position
        while self._position < position:
            if not self.read(min(CHUNK, position - self._position)):
                return

    def drain(self) -> None:
        """Read to the end, so that the decompressor compares its checksums."""
        while self.read(CHUNK):
            pass

    def peek(self, size: int) -> bytes:
        """Return the next bytes without passing them."""
        start = self._position
        data = self.read(size)
        self.seek(start)
        return data


class Xz:
    """An .xz file; unlike `lzma.open` it does not give a hostile header gigabytes of memory."""

    def __init__(self, source: "BinaryIO") -> None:
        import lzma

        self._new = lzma.LZMADecompressor
        self._form = lzma.FORMAT_XZ
        self._source = source
        self._stream = self._new(self._form, memlimit=_XZ_MEMORY)
        self._pending = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        while True:
            if self._stream.eof and not self._next_stream():
                return b""
            if self._stream.needs_input and not self._pending:
                self._pending = self._source.read(CHUNK)
                if not self._pending:
                    raise EOFError("the stream has no end")
            data, self._pending = self._pending, b""
            out = self._stream.decompress(data, size)
            if out:
                return out

    def _next_stream(self) -> bool:
        rest = self._stream.unused_data + self._pending
        # Streams may be followed by others, and by zeros.
        while not rest.strip(b"\0"):
            rest = self._source.read(CHUNK)
            if not rest:
                return False
        self._stream = self._new(self._form, memlimit=_XZ_MEMORY)
        self._pending = rest.lstrip(b"\0")
        return True


class Program:
    """The output of a decompressor that is not in this Python."""

    def __init__(self, argv: "list[str]", source: "BinaryIO") -> None:
        self._process = subprocess.Popen(argv, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; raises OSError when the program failed."""
        if self._process.stdout is None or self._process.stderr is None:
            raise ValueError("the program has no output")
        data = self._process.stdout.read(size)
        if not data and self._process.wait():
            raise OSError(self._process.stderr.read(4096).decode("utf-8", "replace").strip())
        return data

    def close(self) -> None:
        """End the program."""
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.wait()


def compression_of(head: bytes) -> "Optional[str]":
    """Return how something is compressed, by its first bytes."""
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    return None


def decompressed(source: "BinaryIO", compression: "Optional[str]") -> "Reader":
    """Return a reader of what a file holds. Raises Trouble where this machine has no means for it."""
    source.seek(0)
    try:
        if compression == "gz":
            import gzip

            return gzip.GzipFile(fileobj=source, mode="rb")
        if compression == "bz2":
            import bz2

            return bz2.BZ2File(source)
        if compression == "xz":
            return Xz(source)
    except ImportError:
        return _by_program({"gz": "gzip", "bz2": "bzip2"}.get(str(compression), str(compression)), source)
    return _zstd(source) if compression == "zst" else source


def _zstd(source: "BinaryIO") -> "Reader":
    try:
        # In the standard library since Python 3.14.
        zstd = importlib.import_module("compression.zstd")
    except ImportError:
        return _by_program("zstd", source)
    reader = zstd.ZstdFile(source)  # type: Reader
    return reader  # noqa: RET504 - the name says the type


def _by_program(name: str, source: "BinaryIO") -> "Reader":
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/bin:/bin:/usr/local/bin")
    if path is None:
        hint = "install the package {}".format({"xz": "xz-utils or xz"}.get(name, name))
        if name == "zstd":
            hint += ", or Python 3.14"
        message = "the archive is compressed with {0}, and there is no program {0} on {1}"
        raise Trouble("unsupported", message.format(name, os.uname().nodename), hint)
    os.lseek(source.fileno(), 0, os.SEEK_SET)
    return Program([path, "-dc"], source)


def copy_parts(source: "Reader", size: "Optional[int]" = None) -> "Iterator[bytes]":
    """Yield the bytes of a member; raises Trouble when there are more or fewer than it said."""
    total = 0
    while True:
        with reading():
            part = source.read(CHUNK)
        if not part:
            break
        total += len(part)
        if size is not None and total > size:
            raise damaged("a member is longer than it says")
        yield part
    if size is not None and total != size:
        raise damaged("a member is shorter than it says")
