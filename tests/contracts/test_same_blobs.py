"""One suite for every Blobs: in memory and in a folder."""

import hashlib
import os
import stat

import pytest

from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.domain.errors import NotFound, TooLarge
from tests.fakes.blobs_memory import MemoryBlobs
from tests.fakes.clock_hand import HandClock

BODY = b"weights" * 1000
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()
LIMIT = 10_000


@pytest.fixture
def clock():
    """A clock that the test turns."""
    return HandClock()


@pytest.fixture(params=[MemoryBlobs, FolderBlobs])
def blobs(request, tmp_path, clock):
    """Each kind of Blobs, empty."""
    return request.param(tmp_path, clock)


def test_a_file_is_kept_under_its_digest(blobs):
    """What was uploaded is what is served, bit by bit."""
    assert blobs.put(iter([BODY[:100], b"", BODY[100:]]), LIMIT) == (DIGEST, len(BODY))
    assert blobs.find(DIGEST).read_bytes() == BODY
    with blobs.open(DIGEST) as file:
        assert file.read() == BODY
    assert blobs.list() == {DIGEST}


def test_the_same_file_is_kept_once(blobs):
    """Uploading a file again costs no space."""
    blobs.put(iter([BODY]), LIMIT)
    blobs.put(iter([BODY]), LIMIT)
    assert blobs.list() == {DIGEST}


def test_a_file_over_the_limit_is_refused_while_it_streams(blobs, tmp_path):
    """A huge upload cannot fill the disk: it is refused at the limit, and nothing of it stays."""
    given = []

    def endless():
        while True:
            given.append(1)
            yield b"x" * 1000

    with pytest.raises(TooLarge, match="limit"):
        blobs.put(endless(), LIMIT)
    assert len(given) == 11
    assert blobs.list() == frozenset()
    assert find_leftovers(tmp_path) == []


def test_an_upload_that_breaks_off_leaves_nothing(blobs, tmp_path):
    """A browser that is closed in the middle costs no space."""

    def broken():
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(broken(), LIMIT)
    assert blobs.list() == frozenset()
    assert find_leftovers(tmp_path) == []


def test_what_is_not_there_is_not_found(blobs):
    """A digest that is none is no way into other files."""
    for digest in ("sha256:" + "0" * 64, "sha256:../../etc/passwd", "", DIGEST[7:]):
        assert blobs.find(digest) is None
        with pytest.raises(NotFound):
            blobs.open(digest)
        blobs.remove(digest)


def test_a_removed_file_is_gone_but_read_to_its_end(blobs):
    """Removing a model does not break a download that has begun."""
    blobs.put(iter([BODY]), LIMIT)
    with blobs.open(DIGEST) as file:
        blobs.remove(DIGEST)
        assert file.read() == BODY
    assert blobs.find(DIGEST) is None


def test_garbage_is_what_nobody_names_for_a_while(blobs, clock):
    """Space comes back by itself; a file that is just being inspected stays."""
    kept, _ = blobs.put(iter([b"kept"]), LIMIT)
    blobs.put(iter([BODY]), LIMIT)
    clock.turn(100)
    again, _ = blobs.put(iter([b"again"]), LIMIT)
    assert blobs.collect(frozenset({kept}), 101) == frozenset()
    assert blobs.collect(frozenset({kept}), 50) == {DIGEST}
    assert blobs.list() == {kept, again}


def test_a_file_put_again_counts_as_new(blobs, clock):
    """An upload of a file that lay unused is not swept away under it."""
    blobs.put(iter([BODY]), LIMIT)
    clock.turn(100)
    blobs.put(iter([BODY]), LIMIT)
    assert blobs.collect(frozenset(), 50) == frozenset()


def test_a_kept_file_is_read_only(tmp_path, clock):
    """Nothing changes a model after its signature was read."""
    blobs = FolderBlobs(tmp_path, clock)
    blobs.put(iter([BODY]), LIMIT)
    assert stat.S_IMODE(blobs.find(DIGEST).stat().st_mode) == 0o444
    assert blobs.find(DIGEST) == tmp_path / "sha256" / DIGEST[7:9] / DIGEST[7:]


def test_an_upload_that_a_power_cut_broke_off_is_collected(tmp_path, clock):
    """What no process will ever finish does not stay for good."""
    blobs = FolderBlobs(tmp_path, clock)
    (tmp_path / "incoming" / "half").write_bytes(b"x")
    os.utime(tmp_path / "incoming" / "half", (clock.now().timestamp(),) * 2)
    clock.turn(100)
    blobs.collect(frozenset(), 200)
    assert find_leftovers(tmp_path) == ["half"]
    blobs.collect(frozenset(), 50)
    assert find_leftovers(tmp_path) == []


def test_a_full_disk_is_said_in_a_sentence(tmp_path, clock):
    """A full disk is not an internal error."""
    blobs = FolderBlobs(tmp_path, clock)

    def full():
        yield b"x"
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match="full"):
        blobs.put(full(), LIMIT)
    assert find_leftovers(tmp_path) == []


def find_leftovers(folder):
    """Return what lies in the folder of unfinished uploads."""
    incoming = folder / "incoming"
    return [path.name for path in incoming.iterdir()] if incoming.exists() else []
