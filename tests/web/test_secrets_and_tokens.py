"""Keys, secrets in files, and what is signed with them."""

import stat
import threading

import jwt
import pytest

from airgate_web.adapters.secret_files import keep_secret
from airgate_web.adapters.tokens_jwt import JwtTokens, make_key, read_key
from airgate_web.domain.errors import Invalid, Unauthenticated
from airgate_web.domain.secrets import find_blob_secret, find_tester_secret
from tests.fakes.clock_hand import HandClock
from tests.fakes.desk import KEY
from tests.fakes.samples import NOON

END = int(NOON.timestamp()) + 60
CLAIMS = {"iss": "airgate", "aud": "airgate-predict", "dep": "qc/live", "exp": END}


@pytest.fixture
def tokens():
    """Tokens under a clock that stands at noon."""
    return JwtTokens(KEY, HandClock())


def test_what_was_signed_is_read(tokens):
    """A token says what it was signed with."""
    assert tokens.read(tokens.sign(CLAIMS)) == CLAIMS


def test_anybody_can_check_a_token_with_the_public_keys(tokens):
    """The gateway needs the public key and nothing else."""
    text = tokens.sign(CLAIMS)
    keys = jwt.PyJWKSet.from_dict(tokens.jwks())
    key = keys[jwt.get_unverified_header(text)["kid"]]
    assert jwt.decode(text, key, algorithms=["RS256"], audience="airgate-predict")["dep"] == "qc/live"
    assert "d" not in tokens.jwks()["keys"][0]


def test_a_token_ends_at_its_second():
    """A token that has run out is worth nothing."""
    clock = HandClock()
    tokens = JwtTokens(KEY, clock)
    text = tokens.sign(CLAIMS)
    clock.turn(61)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read(text)


def make_forgeries(tokens):
    """Return tokens that must not be believed."""
    good = tokens.sign(CLAIMS)
    head, body, signature = good.split(".")
    return {
        "empty": "",
        "noise": "a.b.c",
        "cut": good[:-5],
        "changed": ".".join((head, body[:-4] + "AAAA", signature)),
        "unsigned": jwt.encode(CLAIMS, None, algorithm="none"),
        "by a stranger": jwt.encode(CLAIMS, read_key(make_key()), algorithm="RS256"),
        "by a password": jwt.encode(CLAIMS, "x" * 32, algorithm="HS256"),
        "without end": tokens.sign({key: value for key, value in CLAIMS.items() if key != "exp"}),
        "of another issuer": tokens.sign({**CLAIMS, "iss": "somebody"}),
    }


def test_a_forged_token_is_refused(tokens):
    """Nobody gets in with a token that we did not sign."""
    for kind, forgery in make_forgeries(tokens).items():
        with pytest.raises(Unauthenticated):
            pytest.fail(f"{kind}: {tokens.read(forgery)}")


def test_a_key_survives_its_file():
    """A restart goes on with the same key."""
    pem = make_key()
    assert JwtTokens(read_key(pem), HandClock()).jwks() == JwtTokens(read_key(pem), HandClock()).jwks()
    with pytest.raises(Invalid, match="signing key"):
        read_key(b"no key")


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    """The second start finds what the first one made."""
    path = tmp_path / "keys" / "secret"
    assert keep_secret(path, lambda: b"first") == b"first"
    assert keep_secret(path, lambda: b"second") == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_processes_that_start_at_once_share_one_secret(tmp_path):
    """Web and reconciler never disagree about a secret."""
    found = []
    barrier = threading.Barrier(4)

    def make(number):
        barrier.wait(10)
        return b"%d" % number

    def keep(number):
        found.append(keep_secret(tmp_path / "secret", lambda: make(number)))

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_secret_that_cannot_be_is_refused_by_name(tmp_path):
    """An empty or unreachable file is named."""
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(Invalid, match=r"empty is empty"):
        keep_secret(tmp_path / "empty", lambda: b"x")
    with pytest.raises(Invalid, match="below"):
        keep_secret(tmp_path / "empty" / "below", lambda: b"x")


def test_derived_secrets_differ_by_what_they_open():
    """One secret opens one thing."""
    secrets = {
        find_tester_secret("t", "a"),
        find_tester_secret("t", "b"),
        find_tester_secret("u", "a"),
        find_blob_secret("t", "a"),
        find_blob_secret("t", "b"),
    }
    assert len(secrets) == 5
    assert find_tester_secret("t", "a") in secrets
