# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to an answer: who asks, which call it is, whether it may and whether its form is right."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from provisioners.proxmox.tests.cluster.access import Identity
from provisioners.proxmox.tests.cluster.calls import Call, route
from provisioners.proxmox.tests.cluster.errors import ApiError, ForeignCallError, refuse_parameters
from provisioners.proxmox.tests.cluster.handlers import all_handlers
from provisioners.proxmox.tests.cluster.pages import Page
from provisioners.proxmox.tests.cluster.parameters import check_parameters, find_parameter
from provisioners.proxmox.tests.cluster.request import ARRAY_MARK, Cluster, Request

# Calls that older versions do not have, and the one privilege that stood for those of the agent.
SINCE = {"GET /nodes/{node}/lxc/{vmid}/interfaces": (8, 0)}
AGENT_PRIVILEGES_SINCE = (9, 0)
PUBLIC_CALLS = ("POST /access/ticket", "GET /access/ticket")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came over the wire; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the message becomes the reason phrase."""

    data: Any = None
    status: int = 200
    message: str = "OK"
    errors: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


class Api:
    """The calls of one cluster."""

    def __init__(self, cluster: Cluster, published: Mapping[str, Call]) -> None:
        self.cluster = cluster
        self._published = published
        self._handlers = all_handlers()

    def answer(self, arrival: Arrival) -> tuple[Answer, Identity | None]:
        """Return the answer to a request and who made it."""
        who: Identity | None = None
        try:
            who = self._identify(arrival)
            return self._serve(arrival, who), who
        except ApiError as problem:
            if problem.status == 401:
                time.sleep(self.cluster.settings.refusal_seconds)
            return Answer(None, problem.status, problem.message, problem.errors), who
        except Exception as problem:  # noqa: BLE001  # a fault of the server itself must reach the test as such
            return Answer(None, 500, f"the test cluster itself failed: {problem!r}"), who

    def _identify(self, arrival: Arrival) -> Identity | None:
        if f"{arrival.method} {arrival.path}" in PUBLIC_CALLS:
            return None
        who = self.cluster.access.identify(arrival.headers)
        if arrival.method != "GET" and not who.is_token:
            self.cluster.access.check_csrf_token(who, arrival.headers.get("csrfpreventiontoken", ""))
        return who

    def _serve(self, arrival: Arrival, who: Identity | None) -> Answer:
        call, in_path = self._find(arrival)
        if who is not None and who.is_token and not call.allows_token:
            raise ApiError(f"URI '{arrival.path}' not available with API token, need proper ticket.", 403)
        arguments = {**self._join(call, arrival), **in_path}
        request = Request(self.cluster, call, who or Identity(""), arguments)
        # What happens between two calls is the clients' race; within one there is none.
        with self.cluster.world.lock:
            self._check_permission(request)
            if "node" in in_path:
                self.cluster.world.node(in_path["node"])
            self._check_form(call, arguments)
            data = self._handlers[call.name](request)
        return Answer(data.data, more={"total": data.total}) if isinstance(data, Page) else Answer(data)

    def _find(self, arrival: Arrival) -> tuple[Call, dict[str, str]]:
        decoded = unquote(arrival.path)
        found = route(self.cluster.calls, arrival.method, decoded)
        if found is not None and self.cluster.settings.release >= SINCE.get(found[0].name, (0, 0)):
            return found
        if found is None and route(self._published, arrival.method, decoded) is not None:
            raise ForeignCallError(f"{arrival.method} {arrival.path}")
        raise ApiError(f"Method '{arrival.method} {arrival.path}' not implemented", 501)

    @staticmethod
    def _join(call: Call, arrival: Arrival) -> dict[str, str]:
        """Return one text for each parameter: a list's repeated keys are joined, others may not repeat."""
        joined = {}
        for name, values in arrival.parameters.items():
            known = find_parameter(call.parameters, name)
            is_array = known is not None and known.type == "array"
            is_list = known is not None and (known.format or "").endswith("-list")
            if len(values) > 1 and not is_list and not is_array:
                raise refuse_parameters(
                    {name: f"type check ('{known.type if known else 'string'}') failed - got ARRAY"}
                )
            joined[name] = (ARRAY_MARK if is_array else ",").join(values)
        return joined

    @staticmethod
    def _check_permission(request: Request) -> None:
        if request.call.check is not None:
            path, privileges = request.call.check
            if request.cluster.settings.release < AGENT_PRIVILEGES_SINCE and privileges[0].startswith("VM.GuestAgent."):
                privileges = ("VM.Monitor",)
            request.need(path.format_map(_Blank(request.arguments)), *privileges)

    def _check_form(self, call: Call, arguments: dict[str, str]) -> None:
        """Check against the published schema where it is at hand, and always against the table of this server."""
        published = self._published.get(call.name)
        if published is not None and (wrong := check_parameters(published.parameters, arguments)):
            raise refuse_parameters(wrong)
        wrong = check_parameters(call.parameters, arguments)
        if wrong and published is not None:
            raise ForeignCallError(f"{call.name} with {wrong}")
        if wrong:
            raise refuse_parameters(wrong)


class _Blank(dict[str, str]):
    """Values for a path, empty where a call does not bring one."""

    def __missing__(self, key: str) -> str:
        return ""
