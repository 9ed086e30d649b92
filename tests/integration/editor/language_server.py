# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the YAML language server, over its standard streams: JSON-RPC as editors speak it."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0
"""Seconds for one answer on a busy machine."""


class LanguageServer:
    """One server for a folder, with settings as an editor hands them over."""

    def __init__(self, command: list[str], folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        self._settings = settings
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
        )
        self._answers: dict[int, Any] = {}
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        self._news: queue.Queue[None] = queue.Queue()
        self._number = 0
        self._writing = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        root = self._folder.as_uri()
        abilities = {
            "workspace": {"configuration": True, "workspaceFolders": True},
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": True}},
                "hover": {"contentFormat": ["markdown"]},
            },
        }
        folders = [{"uri": root, "name": "project"}]
        self.ask("initialize", processId=None, rootUri=root, capabilities=abilities, workspaceFolders=folders)
        self._send({"method": "initialized", "params": {}})
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": self._settings}})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = self._process.stdin
        assert stream is not None
        with self._writing:
            stream.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            stream.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            length = 0
            while (line := stream.readline().strip()) or not length:
                if not line and self._process.poll() is not None:
                    return
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self._take(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" in message:
            self._send({"id": message["id"], "result": self._reply(message)})
        elif "id" in message:
            self._answers[message["id"]] = message
        elif message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        self._news.put(None)

    def _reply(self, message: dict[str, Any]) -> object:
        if message["method"] != "workspace/configuration":
            return None
        return [self._settings.get(item.get("section"), {}) for item in message["params"]["items"]]

    def _wait(self, found: Any) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (value := found()) is None:
            try:
                self._news.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError("the language server does not answer") from None
        return value

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request and return what it gives."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        answer = self._wait(lambda: self._answers.pop(number, None))
        assert "error" not in answer, answer
        return answer.get("result")

    @contextmanager
    def _opened(self, name: str, text: str) -> Iterator[str]:
        """Open a text as a file of the folder; the server keeps what it knows of a file by its version."""
        self._number += 1
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": self._number, "text": text}
        self._diagnostics.pop(uri, None)
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        yield uri
        self._send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}})

    def faults(self, name: str, text: str, sign: str) -> list[str]:
        """Return what is wrong with a text, as `line: message`, once something with a sign in it is among it.

        A server tells what it finds at any time, and nothing where it finds nothing.
        """
        with self._opened(name, text) as uri:
            found = self._wait(lambda: self._told(uri, sign))
        return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]

    def _told(self, uri: str, sign: str) -> list[dict[str, Any]] | None:
        found = self._diagnostics.get(uri)
        return found if found and any(sign in one["message"] for one in found) else None

    def _at(self, method: str, name: str, text: str) -> Any:
        """Open a text with a `|` where the cursor is, and ask about that place."""
        before, _, after = text.partition("|")
        lines = before.split("\n")
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        with self._opened(name, before + after) as uri:
            return self.ask(method, textDocument={"uri": uri}, position=place)

    def complete(self, name: str, text: str) -> dict[str, dict[str, Any]]:
        """Return what is proposed where `|` stands in a text, by label."""
        found = self._at("textDocument/completion", name, text)
        items = found["items"] if isinstance(found, dict) else found or []
        return {item["label"]: item for item in items}

    def hover(self, name: str, text: str) -> str:
        """Return what is shown about the place where `|` stands in a text."""
        found = self._at("textDocument/hover", name, text)
        return str(found["contents"]["value"]) if found else ""
