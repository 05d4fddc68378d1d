"""What opens which door: the claims of tokens, and the secrets that two processes must come to alike."""

import datetime
import hashlib
import hmac

ISSUER = "airgate"
AUDIENCE_PREDICT = "airgate-predict"  # deployments' tokens; the gateway checks it
AUDIENCE_CONSOLE = "airgate-console"  # sessions of people; no gateway takes them
GATE_BYTES = 32  # of a deployment's gate secret
MARK_DIGITS = 16  # hex digits of a password's mark


def find_tester_secret(internal_token: str, runtime: str) -> str:
    """Return the gate secret (64 hex digits) of the tester of a runtime, given by its slug.

    The web process and the reconciler both hold the internal token and come to the same secret without telling.
    """
    return hmac.new(internal_token.encode(), f"tester:{runtime}".encode(), hashlib.sha256).hexdigest()


def find_blob_secret(internal_token: str, digest: str) -> str:
    """Return what opens one model file, and nothing else, at /internal/blobs (64 hex digits).

    A service's init container is given this instead of the internal token, which would open everything.
    """
    return hmac.new(internal_token.encode(), f"blob:{digest}".encode(), hashlib.sha256).hexdigest()


def find_blobs_secret(internal_token: str) -> str:
    """Return what opens every model file, and nothing else: a tester is given this (64 hex digits)."""
    return hmac.new(internal_token.encode(), b"blobs", hashlib.sha256).hexdigest()


def find_job_secret(internal_token: str, job: int) -> str:
    """Return what lets one job report what becomes of it, and nothing else, at /internal/jobs (64 hex digits)."""
    return hmac.new(internal_token.encode(), f"job:{job}".encode(), hashlib.sha256).hexdigest()


def find_password_mark(password_hash: str) -> str:
    """Return what a session remembers of the password it began with: a changed password ends it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:MARK_DIGITS]


def make_predict_claims(
    token_id: str, owner: str, deployment_id: int, issued: datetime.datetime, expires: datetime.datetime
) -> dict[str, object]:
    """Return the claims of a token for one deployment.

    dep: "route/name", by which the gateway lets it pass. did: the deployment's id, because another deployment may
    later have the same name.
    """
    return {
        "iss": ISSUER,
        "aud": AUDIENCE_PREDICT,
        "sub": owner,
        "dep": owner,
        "did": str(deployment_id),
        "jti": token_id,
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
    }


def make_session_claims(
    session_id: str, name: str, mark: str, issued: datetime.datetime, expires: datetime.datetime
) -> dict[str, object]:
    """Return the claims of a person's session. mark: see `find_password_mark`."""
    return {
        "iss": ISSUER,
        "aud": AUDIENCE_CONSOLE,
        "sub": name,
        "mark": mark,
        "jti": session_id,
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
    }
