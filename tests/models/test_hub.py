"""The hub, against a small one of our own on this machine, and without any."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from huggingface_hub import constants

import ilk
from ilk.cli import main
from ilk.models import GatedPixelCNN, Model
from ilk.models.hub import FILES, fetch, push
from ilk.models.readme import readme
from ilk.models.storage import card

COMMIT = "c0ffee" + 34 * "0"


class Hub(ThreadingHTTPServer):
    """As much of a hub as the library asks for: repositories of small files, one commit each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Requests(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = self.path.split("?")[0].strip("/").split("/")
        self.server.asked.append("/".join(parts))
        if self.headers.get("Authorization") != "Bearer hf_test":
            return self._answer(401, b'{"error": "who are you?"}')
        if parts[:3] == ["api", "repos", "create"]:
            asked = json.loads(body)
            owner = asked.get("organization") or "you"
            self.server.repos.setdefault(f"{owner}/{asked['name']}", {})
            return self._json({"url": f"{self.server.address}/{owner}/{asked['name']}"})
        if parts == ["api", "validate-yaml"]:
            return self._json({"warnings": [], "errors": []})
        if parts[4] == "preupload":
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            return self._json({"files": [{"path": path, **modes} for path in files]})
        if parts[4] == "commit":
            repo = self.server.repos["/".join(parts[2:4])]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    repo[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            address = f"{self.server.address}/{'/'.join(parts[2:4])}/commit/{COMMIT}"
            return self._json({"commitUrl": address, "commitOid": COMMIT})
        return self._answer(404)

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        self.server.asked.append("/".join(parts))
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if name not in self.server.repos:
            return self._answer(404, X_Error_Code="RepoNotFound")
        files = self.server.repos[name]
        if parts[0] == "api":
            revision = parts[5] if len(parts) > 5 else "main"
            if revision not in ("main", COMMIT):
                return self._answer(404, X_Error_Code="RevisionNotFound")
            if len(parts) > 4 and parts[4] == "tree":
                return self._json(
                    [
                        {"type": "file", "path": p, "size": len(b), "oid": _hash(b)}
                        for p, b in files.items()
                    ]
                )
            siblings = [{"rfilename": path} for path in files]
            return self._json({"id": name, "sha": COMMIT, "siblings": siblings})
        content = files["/".join(parts[4:])]
        return self._answer(200, content, ETag=f'"{_hash(content)}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that is empty, and the library pointed to it with a cache of its own."""
    server = Hub()
    Thread(target=server.serve_forever, daemon=True).start()
    files = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def model() -> Model:
    return GatedPixelCNN((1, 4, 4), width=8, depth=2).eval()


CARD = {
    "command": "ilk train omniglot",
    "data": {"name": "omniglot-26/30-20/train", "digest": "4507489"},
    "seconds": 12.5,
    "figures": {
        "omniglot-26/30-20": {"test": [{"shots": 0, "nats_per_dim": 0.0882, "stderr": 0.001}]},
        "command": "ilk evaluate omniglot",
    },
}


def test_there_and_back(server: Hub, model: Model) -> None:
    address = model.push_to_hub("you/strokes", CARD)
    assert address == f"{server.address}/you/strokes"
    assert set(server.repos["you/strokes"]) == {*FILES, "README.md"}
    loaded = ilk.load("hub:you/strokes")
    assert loaded.config == model.config and card("hub:you/strokes") == CARD
    x = torch.randint(2, (3, 1, 4, 4))
    assert torch.equal(loaded().log_prob(x), model().log_prob(x))
    for again in (Model.from_pretrained("you/strokes"), ilk.load(f"hub:you/strokes@{COMMIT}")):
        assert torch.equal(again().log_prob(x), model().log_prob(x))
    with pytest.raises(FileNotFoundError, match="no such revision"):
        Model.from_pretrained("you/strokes", "v7")


def test_nothing_but_the_model_is_fetched(server: Hub, model: Model) -> None:
    push(model, "you/strokes")
    server.repos["you/strokes"] |= {"setup.py": b"import os", "pytorch_model.bin": b"\x80pickle"}
    folder = fetch("you/strokes")
    assert {file.name for file in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert not any("setup.py" in path or "pickle" in path for path in server.asked)


def test_what_was_fetched_is_there_without_a_network(
    server: Hub, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(model, "you/strokes", CARD)
    folder = fetch("you/strokes")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(server.asked)
    assert fetch("you/strokes") == folder and ilk.load("hub:you/strokes").dims == 16
    with pytest.raises(FileNotFoundError, match="was not fetched before, and the hub can't be"):
        ilk.load("hub:you/other")
    with pytest.raises(OSError, match="you/strokes"):
        push(model, "you/strokes")
    assert len(server.asked) == before


def test_a_cache_as_the_library_lays_it_out(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "models--you--strokes"
    model.save(root / "snapshots" / COMMIT)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert ilk.load("hub:you/strokes").config == model.config


def test_errors_say_what_to_do(
    server: Hub, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FileNotFoundError, match=r"no model 'you/none', or it is private"):
        ilk.load("hub:you/none")
    with pytest.raises(ValueError, match=r"no name of a model: 'a/b/c'; wanted 'you/name'"):
        ilk.load("hub:a/b/c")
    with pytest.raises(ValueError, match="no name of a model"):
        push(model, "../etc")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(OSError, match="hub:"):
        push(model, "you/strokes")
    assert not server.repos
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match="'you/strokes'"):
        push(model, "you/strokes")
    assert main(["info", "hub:you/none"]) == 1
    assert "can't be reached" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'ilk\[hub\]'"):
        ilk.load("hub:you/strokes")


def test_directories_need_neither_hub_nor_package(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    folder = model.save(tmp_path / "here")
    assert Model.from_pretrained(str(folder)).config == model.config


def test_the_page_says_what_the_card_knows(model: Model) -> None:
    page = readme(model, "you/strokes", CARD, "mit")
    front, body = page.split("---\n", 2)[1:]
    assert "library_name: ilk\n" in front and front.endswith("license: mit\n")
    assert "# strokes" in body and 'ilk.load("hub:you/strokes")' in body
    assert "| 0 | 0.0882 | 0.0010 |" in body and "omniglot-26/30-20, test:" in body
    assert "`ilk evaluate omniglot`" in body and "`ilk train omniglot`" in body
    assert "- data: name `omniglot-26/30-20/train`, digest `4507489`\n" in body
    bare = readme(model, "you/strokes")
    assert "Figures" not in bare and "How it was made" not in bare and "license" not in bare


def test_the_page_of_an_adapted_model_tells_both_models_apart(model: Model) -> None:
    looks = {"before": {"step": 0, "held_nats": 0.5}, "after": {"step": 9, "held_nats": -1e-7}}
    adapted = {
        "from": {"model": "strokes", "card": CARD},
        "options": {"lr": 0.00003, "own": 48},
        "figures": looks,
    }
    own, before = readme(model, "you/mine", adapted).split("## Figures of `strokes`")
    assert "| before | 0 | 0.5000 |\n| after | 9 | 0.0000 |\n" in own
    assert "- from: `strokes`\n- options: lr `3e-05`, own `48`\n" in own
    assert "0.0882" not in own and "ilk train" not in own and "{" not in own
    assert "| 0 | 0.0882 | 0.0010 |" in before and "## How `strokes` was made" in before
    assert readme(model, "you/mine", {"from": "a friend"}).endswith("- from: `a friend`\n")


@pytest.mark.parametrize("name", ["mine", "../etc", "a/b/c", "hub:you/mine", "you/", ""])
def test_a_name_without_its_owner_is_refused_before_anything_is_asked(
    name: str, server: Hub, model: Model, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    with pytest.raises(ValueError, match=r"no name of a model: .*; wanted 'you/name'"):
        push(model, name)
    monkeypatch.setattr("ilk.load", None)
    assert main(["push", "hub:you/strokes", name, "--dry-run"]) == 1
    assert "wanted 'you/name'" in capsys.readouterr().err
    assert not server.asked


def test_push_from_the_command_line(
    server: Hub, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(model.save(tmp_path / "strokes", CARD))
    assert main(["push", folder, "you/strokes", "--dry-run"]) == 0
    assert "| 0 | 0.0882 |" in capsys.readouterr().out and not server.asked
    assert main(["push", folder, "you/strokes", "--licence", "mit"]) == 0
    assert f"{server.address}/you/strokes" in capsys.readouterr().out
    assert b"license: mit" in server.repos["you/strokes"]["README.md"]
    assert json.loads(server.repos["you/strokes"]["card.json"]) == CARD
