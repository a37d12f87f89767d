"""Who calls and what they may do: bearer tokens (RFC 6750), the keys that check them, the scopes in them."""

import base64
import contextlib
import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from models import json_in
from models.json_in import is_array, is_object
from resolvers.access.keys import (
    ALGORITHMS,
    IssuersKeys,
    Keys,
    KeysUnusable,
    Settings,
    fits,
    keys_of,
    local_key,
    read_keys,
)
from resolvers.errors import Unauthorized
from resolvers.rights import EVERYTHING, Access
from schema.scopes import SCOPE

logger = logging.getLogger("tmfgraph.auth")

# ---- scopes -------------------------------------------------------------------------------------


# ---- keys ---------------------------------------------------------------------------------------


OUR_NAME = "tmfgraph"
"""The issuer of tokens where no --issuer is set."""


# ---- keys of an issuer ----------------------------------------------------------------------------


# ---- tokens ---------------------------------------------------------------------------------------

TOKEN_AT_MOST = 16 * 1024
LIFETIME_AT_MOST = 24 * 3600
LEEWAY = 60
SUBJECT_AT_MOST = 255
SECONDS_REMEMBERED = 60
TOKENS_REMEMBERED = 1000
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BEARER = re.compile(r"bearer(?: +(.*))?", re.IGNORECASE | re.DOTALL)
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")


class _Refused(Exception):
    """A token that does not count, with the reason for the log; no caller gets to see it."""


class _Signatures(jws.JWSRegistry):
    """The algorithms that signatures may have, whatever a token says; no warning of names that age."""

    max_header_length = 8192
    max_signature_length = 2048

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)  # RFC 7515, section 4: what is unknown is passed over

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise _Refused("its algorithm is not one of ours")
        return self.algorithms[name]


_SIGNATURES = _Signatures()


class Authenticator:
    """Tells from the Authorization header of a request who calls and what they may do."""

    def __init__(self, settings: Settings) -> None:
        """Raises Misconfigured or KeysUnusable where the settings do not do."""
        self._issuer = settings.issuer or OUR_NAME
        self._audience = settings.audience
        self._keys: Keys | None = keys_of(settings) if settings.authenticates else None
        self._accepted: dict[bytes, tuple[float, Access]] = {}

    @property
    def is_on(self) -> bool:
        return self._keys is not None

    def start(self) -> None:
        """Fetches the keys of the issuer ahead of the first request."""
        if isinstance(self._keys, IssuersKeys):
            self._keys.start()

    async def access(self, authorization: str | None) -> Access:
        """What a request with this header may do. Unauthorized without a valid token (RFC 6750, RFC 8725).

        Unavailable where the keys to check it cannot be had.
        """
        if self._keys is None:
            return EVERYTHING
        found = _BEARER.fullmatch(authorization or "")
        if found is None:
            raise Unauthorized
        token = (found[1] or "").strip(" ")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._accepted.pop(digest, None)
        if known is not None and time.time() < known[0]:
            self._accepted[digest] = known  # the ones that are in use stay the longest
            return known[1]
        try:
            claims = await _verified(token, self._keys)
            access = self._access(claims)
        except _Refused as refusal:
            logger.info("A token was refused: %s.", refusal)
            raise Unauthorized(invalid=True) from None
        while len(self._accepted) >= TOKENS_REMEMBERED:
            self._accepted.pop(next(iter(self._accepted)))
        self._accepted[digest] = (min(claims["exp"], time.time() + SECONDS_REMEMBERED), access)
        return access

    def _access(self, claims: dict[str, Any]) -> Access:
        """What the claims of a token say, once they have been checked."""
        present = time.time()
        if claims.get("iss") != self._issuer:
            raise _Refused("another issuer made it")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise _Refused("it is for another audience")
        expiry = _moment(claims, "exp")
        if expiry is None or not present < expiry <= present + LIFETIME_AT_MOST:
            raise _Refused(f"it has no end, is past its end, or lives longer than {LIFETIME_AT_MOST} s")
        for name in ("nbf", "iat"):
            moment = _moment(claims, name)
            if moment is not None and moment > present + LEEWAY:
                raise _Refused(f"its {name} lies ahead")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.strip() or len(subject) > SUBJECT_AT_MOST:
            raise _Refused(f"its sub is no text of 1 to {SUBJECT_AT_MOST} characters")
        return Access(subject, _scopes(claims))


async def _verified(token: str, keys: Keys) -> dict[str, Any]:
    """The claims of a token whose signature one of our keys made. No key in the token itself counts."""
    if len(token) > TOKEN_AT_MOST:
        raise _Refused(f"it is longer than {TOKEN_AT_MOST} characters")
    if not _TOKEN.fullmatch(token):
        raise _Refused("it is no JWS in compact form")
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=_SIGNATURES)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _Refused("it cannot be decoded") from None
    kid, algorithm = _header(signed.protected)
    for key in await keys.fitting(kid, algorithm):
        with contextlib.suppress(JoseError, ValueError, TypeError):
            if jws.validate_compact(signed, key, registry=_SIGNATURES):
                return _claims(signed.payload)
    raise _Refused("no key of ours made its signature")


def _header(header: Any) -> tuple[str | None, str]:
    """Key id and algorithm."""
    if not is_object(header) or "crit" in header:
        raise _Refused("its header asks for an extension that is not known")
    kid, algorithm, type_ = header.get("kid"), header.get("alg"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _Refused("its algorithm is not one of ours")
    if not (kid is None or isinstance(kid, str)):
        raise _Refused("its kid is no text")
    if type_ is not None and not (isinstance(type_, str) and type_.lower() in _TYPES):
        raise _Refused("it is another type of token")
    return kid, algorithm


def _claims(payload: Any) -> dict[str, Any]:
    try:
        claims = json_in.decode(payload)
    except json_in.BadJson:
        claims = None
    if not is_object(claims):
        raise _Refused("its claims are no JSON object")
    return claims


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if name in claims and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise _Refused(f"its {name} is no number")
    return value


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """The scopes of RFC 9068 (`scope`), else those that other issuers write as `scp`."""
    given = claims.get("scope", claims.get("scp", ""))
    words = given.split(" ") if isinstance(given, str) else given
    if not is_array(words):
        raise _Refused("its scopes are neither a text nor a list")
    return frozenset(word for word in words if isinstance(word, str) and SCOPE.fullmatch(word))


# ---- making tokens --------------------------------------------------------------------------------


def token(settings: Settings, *, scopes: Sequence[str], subject: str, minutes: int) -> str:
    """A token signed with the local key, or with the private key of --key-file. Raises KeysUnusable."""
    if settings.key_file is None and settings.issuer is not None:
        raise KeysUnusable(
            f"Tokens of {settings.issuer} are made there. Leave out --issuer to sign with the local key, or "
            "name a private key with --key-file."
        )
    keys = [local_key(settings)] if settings.key_file is None else read_keys(settings.key_file)
    key = next((key for key in keys if key.is_private), None)
    if key is None:
        raise KeysUnusable(
            f"{settings.key_file} holds public keys alone; a token is signed with a private one."
        )
    algorithm = next(name for name in ALGORITHMS if fits(key, name))
    present = int(time.time())
    claims = {
        "iss": settings.issuer or OUR_NAME,
        "aud": settings.audience,
        "sub": subject,
        "iat": present,
        "exp": present + minutes * 60,
        "jti": base64.urlsafe_b64encode(os.urandom(12)).decode(),
        "scope": " ".join(scopes),
    }
    header = {"alg": algorithm, "typ": "at+jwt"} | ({"kid": key.kid} if key.kid else {})
    return jwt.encode(header, claims, key, registry=_SIGNATURES)
