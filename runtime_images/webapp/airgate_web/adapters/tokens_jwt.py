"""RS256 JSON Web Tokens, signed with one key of our own. (RFC 7519, RFC 7517, RFC 7638)"""

import base64
import hashlib
import json

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from airgate_kit.clock import Clock
from airgate_web.domain.errors import Invalid, Unauthenticated
from airgate_web.domain.secrets import ISSUER

ALGORITHM = "RS256"
KEY_BITS = 3072
EXPONENT = 65537


class JwtTokens:
    """Keeps the Tokens protocol with one RSA key."""

    def __init__(self, key: rsa.RSAPrivateKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._jwk = make_jwk(key.public_key())

    def sign(self, claims: dict[str, object]) -> str:
        """Return a token with these claims; its header names our key (`kid`)."""
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._jwk["kid"]})

    def read(self, token: str) -> dict[str, object]:
        """Return the claims of a token that was signed here and has not expired; Unauthenticated otherwise."""
        # The library would ask the machine's clock for "now"; time is asked below.
        only_signature: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
        try:
            claims: dict[str, object] = jwt.decode(
                token, self._key.public_key(), algorithms=[ALGORITHM], issuer=ISSUER, options=only_signature
            )
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not one of ours.", "Sign in again.") from None
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires <= self._clock.now().timestamp():
            raise Unauthenticated("The token has expired.", "Sign in again.")
        return claims

    def jwks(self) -> dict[str, object]:
        """Return our public key as a JSON Web Key Set."""
        return {"keys": [dict(self._jwk)]}


def make_jwk(public: rsa.RSAPublicKey) -> dict[str, str]:
    """Return a public key as a JSON Web Key whose `kid` is its RFC 7638 thumbprint."""
    numbers = public.public_numbers()
    core = {"e": write_number(numbers.e), "kty": "RSA", "n": write_number(numbers.n)}
    thumbprint = hashlib.sha256(json.dumps(core, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**core, "alg": ALGORITHM, "use": "sig", "kid": write_base64(thumbprint)}


def write_number(number: int) -> str:
    """Return a number big-endian in base64url, as JSON Web Keys have it."""
    return write_base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def write_base64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_key(pem: bytes) -> rsa.RSAPrivateKey:
    """Return the key in a PEM text; Invalid when it is no RSA private key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Invalid(
            "The signing key is not an RSA private key in PEM.",
            "Give another file (--signing-key-file), or remove it to have one made.",
        )
    return key


def make_key() -> bytes:
    """Return a new RSA private key in PEM."""
    return rsa.generate_private_key(EXPONENT, KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
