"""Downloads from a local server: resumed, checked, retried, put in place whole."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator

import pytest

from ilk.data import ARCHIVES, Archive, DownloadError, cache_dir, download, fetch

module = sys.modules["ilk.data.download"]
CONTENT = bytes(range(256)) * 4096  # 1 MiB
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """A file server whose faults are set by the test; it remembers the ranges asked for."""

    ranges: list[str | None]
    cut: list[int]
    errors: list[int]
    honours_range = True
    content = CONTENT


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.errors:
            self.send_error(self.server.errors.pop(0))
            return
        start = int(asked[6:-1]) if asked and self.server.honours_range else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut.pop(0)] if self.server.cut else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.ranges, server.cut, server.errors = [], [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def archive(server: Server, md5: str = MD5, sha256: str = SHA256) -> Archive:
    return Archive("a.zip", f"http://127.0.0.1:{server.server_port}/a.zip", md5, sha256)


def test_a_file_is_fetched_once_with_progress(server, tmp_path):
    seen = []
    path = fetch(archive(server), tmp_path / "new" / "folder", seen.append)
    assert path.read_bytes() == CONTENT and path.parent == tmp_path / "new" / "folder"
    done = [p.done for p in seen]
    assert done == sorted(done) and done[-1] == len(CONTENT) and len(done) > 1
    assert {p.total for p in seen} == {len(CONTENT)}
    assert [p.name for p in path.parent.iterdir()] == ["a.zip"]
    fetch(archive(server), path.parent)
    assert server.ranges == [None]


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.cut = [300_000, 200_001]
    path = fetch(archive(server), tmp_path, pause=0)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=500001-"]


def test_a_later_call_resumes_what_an_earlier_one_left(server, tmp_path):
    server.cut = [400_000]
    with pytest.raises(DownloadError, match=r"a\.zip.*\(1 attempts\).*put it at .*a\.zip"):
        fetch(archive(server), tmp_path, attempts=1)
    assert not (tmp_path / "a.zip").exists()
    seen = []
    fetch(archive(server), tmp_path, seen.append)
    assert server.ranges[1] == "bytes=400000-"
    assert seen[0].done > 400_000 and seen[0].total == len(CONTENT)


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.honours_range = False
    server.cut = [100_000]
    assert fetch(archive(server), tmp_path, pause=0).read_bytes() == CONTENT


def test_a_whole_part_needs_no_server_and_a_stale_one_is_replaced(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    fetch(archive(server), tmp_path)
    assert server.ranges == []
    (tmp_path / "a.zip").unlink()
    (tmp_path / "a.zip.part").write_bytes(b"x" * 1000)
    assert fetch(archive(server), tmp_path, pause=0).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_a_part_that_is_too_long_is_replaced(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"more")
    assert fetch(archive(server), tmp_path, pause=0).read_bytes() == CONTENT


@pytest.mark.parametrize("which", [{"md5": "0" * 32}, {"sha256": "0" * 64}])
def test_a_wrong_checksum_leaves_nothing_behind(which, server, tmp_path):
    with pytest.raises(DownloadError, match="wrong checksum"):
        fetch(archive(server, **which), tmp_path, pause=0)
    assert list(tmp_path.iterdir()) == [] and len(server.ranges) == 1


def test_a_damaged_file_in_place_is_fetched_again(server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"damaged")
    assert fetch(archive(server), tmp_path).read_bytes() == CONTENT


def test_passing_faults_are_retried_and_lasting_ones_are_not(server, tmp_path):
    server.errors = [503, 429]
    assert fetch(archive(server), tmp_path / "a", pause=0).read_bytes() == CONTENT
    server.errors, server.ranges = [404] * 9, []
    with pytest.raises(DownloadError, match="404"):
        fetch(archive(server), tmp_path / "b", pause=0)
    assert len(server.ranges) == 1


def test_no_server_is_a_clear_error(server, tmp_path):
    gone = Archive("a.zip", "http://127.0.0.1:1/a.zip", MD5)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1/a\.zip.*refused.*\(2 attempts\)"):
        fetch(gone, tmp_path, attempts=2, pause=0)


def test_a_full_disk_is_not_taken_for_the_network(server, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_transfer", full)
    with pytest.raises(OSError, match="No space left") as caught:
        fetch(archive(server), tmp_path, pause=0)
    assert not isinstance(caught.value, DownloadError)


def test_a_data_set_is_downloaded_to_the_cache_or_copied_from_a_folder(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("ILK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(ARCHIVES, "toy", (archive(server),))
    (path,) = download("toy")
    assert path == cache_dir() / "a.zip" == tmp_path / "cache" / "a.zip"
    local = tmp_path / "local"
    local.mkdir()
    shutil.copy(path, local)
    seen = []
    (copy,) = download("toy", tmp_path / "second", local, seen.append)
    assert copy.read_bytes() == CONTENT and len(server.ranges) == 1
    assert seen[-1].done == len(CONTENT)
    assert download("toy", local, local) == [local / "a.zip"]
    (local / "a.zip").write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="wrong checksum"):
        download("toy", tmp_path / "third", local)
    with pytest.raises(FileNotFoundError, match=r"no a\.zip in"):
        download("toy", tmp_path / "third", tmp_path)
    with pytest.raises(ValueError, match="data: wanted one of"):
        download("omniglot-27")


def test_every_official_archive_has_a_checksum_of_the_right_length():
    for archives in ARCHIVES.values():
        for a in archives:
            assert a.url.endswith(a.name)
            assert len(a.md5) in (0, 32) and len(a.sha256) in (0, 64) and a.md5 + a.sha256
    with pytest.raises(ValueError, match="wanted md5= or sha256="):
        Archive("a", "http://localhost/a")


@pytest.mark.data
def test_the_official_runs_have_the_stated_checksum(data_root, tmp_path):
    shutil.copy(data_root / "omniglot_one_shot_runs.zip", tmp_path / "all_runs.zip")
    (runs,) = [a for a in ARCHIVES["omniglot"] if a.name == "all_runs.zip"]
    assert module.verify(runs, tmp_path / "all_runs.zip")
