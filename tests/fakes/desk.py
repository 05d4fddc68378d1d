"""A whole desk out of fakes, with one user, one project and the default runtime."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from airgate_web.adapters.tokens_jwt import JwtTokens
from airgate_web.services.desk import Desk
from airgate_web.services.runtimes import put_default_runtimes
from tests.fakes.blobs_memory import MemoryBlobs
from tests.fakes.clock_hand import HandClock
from tests.fakes.samples import make_project, make_user
from tests.fakes.store_memory import MemoryStore
from tests.fakes.tester_fake import FakeTester

KEY = rsa.generate_private_key(65537, 2048)  # one for all tests: making it takes time
LIMIT = 1000  # bytes


def make_desk(folder: Path) -> Desk:
    """Return a desk whose store has the user "ada" (without a password that fits) and the project "qc"."""
    clock = HandClock()
    blobs = MemoryBlobs(folder, clock)
    desk = Desk(MemoryStore(), blobs, FakeTester(blobs), JwtTokens(KEY, clock), clock, LIMIT, os.urandom)
    desk.store.add_user(make_user())
    desk.store.add_project(make_project())
    put_default_runtimes(desk, "registry/serving@sha256:0")
    return desk
