"""A small server that speaks the Hub's protocol: enough to fetch, publish and list models, and to fail as it can."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_secret"


def isolate_client(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The Hub's client with an empty cache in `folder`, without token, that does not wait between its attempts."""
    for name, value in {
        "HF_HUB_CACHE": str(folder / "cache"),
        "HF_TOKEN_PATH": str(folder / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


def point_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the client talk to `url`."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


def log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the client the token that the server knows."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@dataclass
class Repository:
    """Commits and the names that point at them."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Add `files` to those of `branch`; returns the commit's hash."""
        before = self.commits.get(self.refs.get(branch, ""), {})
        everything = {**before, **files}
        parts = "".join(f"{name}{hashlib.sha256(data).hexdigest()}" for name, data in sorted(everything.items()))
        commit = hashlib.sha1(parts.encode()).hexdigest()
        self.commits[commit] = everything
        self.refs[branch] = commit
        return commit


@dataclass
class Hub:
    """The state of the server, and how it is to misbehave."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of everything that was asked."""
    ranges: list[str] = field(default_factory=list)
    """Range headers that came with downloads."""
    status: int = 200
    """Answer everything with this status."""
    cut_after: int | None = None
    """Bytes of the next download of a graph after which the connection breaks; once."""
    corrupt: bytes | None = None
    """Served in place of every graph's last bytes."""

    def add(self, name: str, folder: Path, branch: str = "main", **options: Any) -> str:
        """Publish the files of `folder`, and of folders in it, as if by another program."""
        repository = self.repositories.setdefault(name, Repository(**options))
        files = [path for path in folder.rglob("*") if path.is_file()]
        return repository.commit({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}, branch)

    def downloads(self) -> list[str]:
        """Names of the files whose contents were sent."""
        return [path.rpartition("/")[2] for method, path in self.requests if method == "GET" and "/resolve/" in path]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.route()

    do_HEAD = do_POST = do_PUT = do_GET

    def route(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.hub.status != 200:
            return self.fail(self.hub.status, "")
        parts = path.strip("/").split("/")
        if parts[0] == "lfs":
            self.hub.objects[parts[1]] = body
            return self.reply(b"")
        if path == "/api/models":
            return self.json([self.listed(name) for name in self.hub.repositories])
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2]).removesuffix(".git")
        repository = self.hub.repositories.get(name)
        authorised = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository is None or (repository.private and not authorised):
            return self.fail(404 if authorised else 401, "RepoNotFound")
        if self.command == "POST" and not authorised:
            return self.fail(403, "")
        rest = parts[4:] if parts[0] == "api" else parts[2:]
        return getattr(self, f"on_{rest[0].replace('-', '_') if rest else 'revision'}")(name, repository, rest, body)

    def listed(self, name: str) -> dict[str, Any]:
        repository = self.hub.repositories[name]
        card = repository.commits[repository.refs["main"]].get("README.md", b"").decode()
        front = card.split("---")[1] if card.startswith("---") else ""
        pairs = [line.partition(": ") for line in front.strip().splitlines()]
        return {"id": name, "cardData": {key: json.loads(value) for key, _, value in pairs}}

    def create(self, wanted: dict[str, Any]) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.fail(401, "")
        name = "/".join(filter(None, (wanted.get("organization"), wanted["name"])))
        address = {"url": f"{self.hub.url}/{name}", "id": name}
        if name in self.hub.repositories:
            return self.json(address, 409)
        private = bool(wanted.get("private")) or wanted.get("visibility") == "private"  # older and newer clients
        self.hub.repositories[name] = Repository(private=private)
        self.hub.repositories[name].commit({})
        return self.json(address)

    def find(self, repository: Repository, revision: str) -> str | None:
        return repository.refs.get(revision) or (revision if revision in repository.commits else None)

    def on_revision(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        commit = self.find(repository, rest[1] if rest else "main")
        if commit is None:
            return self.fail(404, "RevisionNotFound")
        files = [{"rfilename": file} for file in repository.commits[commit]]
        return self.json({"id": name, "sha": commit, "private": repository.private, "siblings": files})

    def on_tree(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        files = repository.commits[self.find(repository, rest[1]) or ""]
        return self.json(
            [
                {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for path, data in files.items()
            ]
        )

    def on_branch(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        if rest[1] in repository.refs:
            return self.fail(409, "")
        repository.refs[rest[1]] = repository.refs["main"]
        return self.json({})

    def on_preupload(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith((".onnx", ".safetensors")) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        return self.json({"files": modes})

    def on_info(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        """The batch request of git LFS."""
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}"}}}
            for wanted in json.loads(body)["objects"]
        ]
        return self.json({"transfer": "basic", "objects": objects})

    def on_commit(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        files: dict[str, bytes] = {}
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        commit = repository.commit(files, rest[1])
        url = f"{self.hub.url}/{name}/commit/{commit}"
        return self.json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    def on_resolve(self, name: str, repository: Repository, rest: list[str], body: bytes) -> None:
        commit = self.find(repository, rest[1])
        if commit is None:
            return self.fail(404, "RevisionNotFound")
        data = repository.commits[commit].get("/".join(rest[2:]))
        if data is None:
            return self.fail(404, "EntryNotFound")
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        graph = rest[2].endswith(".onnx")
        if graph and self.hub.corrupt is not None:
            data = data[: -len(self.hub.corrupt)] + self.hub.corrupt
        start = 0
        if self.headers.get("Range"):
            self.hub.ranges.append(self.headers["Range"])
            start = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.hub.cut_after if graph and self.command == "GET" else None
        if cut is not None and len(data) <= cut:  # files are asked for side by side: one that has so much is cut
            cut = None
        if cut is not None:
            self.hub.cut_after = None
        return self.reply(data[start:], headers, 206 if start else 200, cut)

    def json(self, value: Any, status: int = 200) -> None:
        self.reply(json.dumps(value).encode(), {"Content-Type": "application/json"}, status)

    def fail(self, status: int, code: str) -> None:
        self.reply(b"", {"X-Error-Code": code} if code else {}, status)

    def reply(
        self, data: bytes, headers: dict[str, str] | None = None, status: int = 200, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.close_connection = True


@contextmanager
def serving() -> Iterator[Hub]:
    """A running server; `HF_ENDPOINT` is to be its `url`."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
