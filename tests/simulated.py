"""What the tests of the simulators share: calls to VK, its schema, and a server that hears what a platform tells."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
import requests
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.wire import Simulator

GROUP, DRILL_GROUP = 220000001, 220000002
ENV = {"VK_SIM_TOKENS": json.dumps({"token": GROUP, "drill": DRILL_GROUP})}
http = requests.Session()


def until(true: Callable[[], Any], *, seconds: float = 5) -> Any:
    """What `true` returns once it is true."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.01)
    raise AssertionError(f"It did not come to pass within {seconds} s.")


def status(running: Simulator) -> dict[str, Any]:
    """The counters of a simulator, asked on a connection of its own."""
    found: dict[str, Any] = requests.get(f"{running.url}/control", timeout=5).json()
    return found


def call(vk: Simulator, method: str = "messages.send", **params: Any) -> Any:
    """What VK answers, as JSON; None as a value leaves a parameter out."""
    usual = {"access_token": "token", "v": "5.199"} | ({"message": "Уезжайте"} if method == "messages.send" else {})
    said = {name: str(value) for name, value in (usual | params).items() if value is not None}
    return http.post(f"{vk.url}/method/{method}", data=said, timeout=10).json()


def send(vk: Simulator, random_id: int, *peers: int, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(vk, peer_ids=",".join(map(str, peers)), random_id=random_id, **params)["response"]
    return found


def kinds(vk: Simulator, peer: int) -> list[str]:
    return [line["kind"] for line in vk.lines() if line.get("peer_id") == peer]


def lift(found: Any) -> Any:
    """VK marks a property `required: true`; JSON Schema wants the names in a list beside the properties."""
    if isinstance(found, list):
        return [lift(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {key: lift(value) for key, value in found.items() if not (key == "required" and value is True)}
    names = [
        name
        for name, rule in (found.get("properties") or {}).items()
        if isinstance(rule, dict) and rule.get("required") is True
    ]
    return {**kept, "required": names} if names else kept


def vk_schema() -> Registry[Any]:
    """VK's schema from the directory CONTRACTS names; skips the test when there is none."""
    if not os.environ.get("CONTRACTS"):
        pytest.skip("CONTRACTS is unset: VK's schema is not on this machine")
    files = (Path(os.environ["CONTRACTS"]) / "vk").glob("*.json")
    named = [("file:///" + file.name.replace("_", "/", 1), lift(json.loads(file.read_text()))) for file in files]
    return Registry().with_resources([(uri, Resource(found, DRAFT202012)) for uri, found in named])


def check(schema: Registry[Any], name: str, found: Any) -> None:
    """Raises ValidationError unless `found` is what VK's schema calls e.g. messages/responses:messages_send_…"""
    file, _, definition = name.partition(":")
    Draft202012Validator({"$ref": f"file:///{file}.json#/definitions/{definition}"}, registry=schema).validate(found)


class Server(ThreadingHTTPServer):
    """Hears what a platform tells us while entered; `answer` makes the HTTP status and the body from what was told."""

    def __init__(self, answer: Callable[[bytes], tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Told)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        self.answer, self.told = answer, list[tuple[dict[str, str], bytes]]()

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.told]


class _Told(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status, answer = self.server.answer(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass
