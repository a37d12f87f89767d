"""Who calls and what they may do: bearer tokens (RFC 6750), the keys that check them, the scopes in them."""

import asyncio
import base64
import contextlib
import functools
import hashlib
import itertools
import json
import logging
import math
import os
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from models import json_in
from models.declare import KINDS, Kind
from resolvers.errors import Forbidden, Unauthorized, Unavailable
from tmfgraph.settings import SettingError, Settings, is_loopback

logger = logging.getLogger("tmfgraph.auth")

# ---- scopes -------------------------------------------------------------------------------------

RIGHTS = ("read", "write")
SCOPE = re.compile(r"[A-Za-z0-9*]{1,64}:[A-Za-z0-9*]{1,64}:[a-z*]{1,64}")


INTROSPECT = "graphql:schema:read"
"""Lets a token introspect in production. It has to be given by name: `*` does not cover it."""


@functools.cache
def scope(kind: Kind, right: str) -> str:
    """The scope that gives a right over a kind: `tmf622:productOrder:read`."""
    return f"{kind.api.number.lower()}:{kind.singular}:{right}"


@functools.cache
def sufficient(kind: Kind, right: str) -> frozenset[str]:
    """Every scope that gives a right over a kind: its own and its general kind's, `*` in any place."""
    parts = [scope(one, right).split(":") for one in (kind, kind.root)]
    return frozenset(
        ":".join(chosen) for three in parts for chosen in itertools.product(*((part, "*") for part in three))
    )


def unknown(scopes: Iterable[str]) -> list[str]:
    """Those of the scopes that give no right over anything."""
    known = {one for kind in KINDS.values() for right in RIGHTS for one in sufficient(kind, right)}
    return [one for one in scopes if one not in known and one != INTROSPECT]


@dataclass(frozen=True)
class Access:
    """Who calls, and what they may do."""

    actor: str
    """The token's subject; events name it."""
    scopes: frozenset[str]

    def may(self, kind: Kind, right: str) -> bool:
        return not self.scopes.isdisjoint(sufficient(kind, right))

    @property
    def may_introspect(self) -> bool:
        """Whether it says so by name; of interest in production alone."""
        return INTROSPECT in self.scopes

    def check(self, kind: Kind, right: str) -> None:
        """Forbidden, with the scope that is missing, where the caller does not have the right."""
        if not self.may(kind, right):
            _note_refusal(self.actor, scope(kind, right))
            raise self.missing(kind, right)

    def missing(self, kind: Kind, right: str) -> Forbidden:
        """What one is told who does not have the right."""
        return Forbidden(f"To {right} {kind.plural}", scope(kind, right))


SECONDS_BETWEEN_NOTES = 60.0
_refused: dict[tuple[str, str], float] = {}


def _note_refusal(actor: str, missing: str) -> None:
    """Logs who lacks which scope: once a minute, as one operation may lack it a thousand times."""
    present, who = time.monotonic(), (actor, missing)
    if present - _refused.get(who, -math.inf) < SECONDS_BETWEEN_NOTES:
        return
    logger.info("%s was refused what needs the scope %s.", ascii(actor), missing)
    _refused.pop(who, None)
    _refused[who] = present
    while len(_refused) > TOKENS_REMEMBERED:
        _refused.pop(next(iter(_refused)))


EVERYTHING = Access("anonymous", frozenset({"*:*:*"}))
"""What callers may do where authentication is off."""


# ---- keys ---------------------------------------------------------------------------------------

# Key type and curve of each algorithm. None that is symmetric, and never `none` (RFC 8725, section 3.1).
ALGORITHMS = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),  # what RFC 9864 calls it
}
RSA_BITS_AT_LEAST = 2048
KEYS_AT_MOST = 100
KEYS_TRIED = 8

LOCAL_KEY = "auth-key.json"
OUR_NAME = "tmfgraph"
"""The issuer of tokens where no --issuer is set."""


class KeysUnusable(SettingError):
    """The keys that the settings name cannot be used; the message says why and what to do."""


class _Keys(Protocol):
    """Where keys come from."""

    async def fitting(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """The keys that a token with this header may be signed by."""
        ...


def _fitting(keys: Iterable[Key], kid: str | None, algorithm: str) -> list[Key]:
    """A key without an id, such as one from a PEM file, fits whatever the token names."""
    found = [key for key in keys if _fits(key, algorithm) and (kid is None or key.kid in (None, kid))]
    return found[:KEYS_TRIED]


def _fits(key: Key, algorithm: str) -> bool:
    type_, curve = ALGORITHMS[algorithm]
    same = {algorithm, "EdDSA", "Ed25519"} if type_ == "OKP" else {algorithm}
    return (
        key.key_type == type_
        and key.get("crv") == curve
        and key.get("use") in (None, "sig")
        and key.alg in (None, *same)
    )


def _imported(jwks: Any) -> list[Key]:
    """The keys of a JWKS or of a single JWK (RFC 7517) that can check a token; others are left out."""
    entries = jwks.get("keys", [jwks]) if isinstance(jwks, dict) else []
    found: list[Key] = []
    for entry in entries[:KEYS_AT_MOST] if isinstance(entries, list) else []:
        with contextlib.suppress(Exception):  # RFC 7517, section 5: what is not understood is passed over
            found.append(JWKRegistry.import_key(entry))
    return [key for key in found if _strong(key)]


def _strong(key: Key) -> bool:
    if not any(_fits(key, algorithm) for algorithm in ALGORITHMS):
        return False
    return not isinstance(key, RSAKey) or key.raw_value.key_size >= RSA_BITS_AT_LEAST


def _from_pem(text: str) -> list[Key]:
    found: list[Key] = []
    for block in re.findall(r"-----BEGIN [A-Z0-9 ]+-----.+?-----END [A-Z0-9 ]+-----", text, re.DOTALL):
        for type_ in (RSAKey, ECKey, OKPKey):
            with contextlib.suppress(Exception):  # not of this type, or encrypted
                found.append(type_.import_key(block))
    return [key for key in found if _strong(key)]


def read_keys(file: Path) -> list[Key]:
    """The keys of a file: a JWKS, a JWK, or PEM. Raises KeysUnusable where there is none."""
    try:
        text = file.read_text(encoding="utf-8").strip()
        keys = _imported(json_in.decode(text)) if text.startswith("{") else _from_pem(text)
    except OSError as error:
        raise KeysUnusable(f"The key file {file} cannot be read: {error.strerror}.") from None
    except ValueError:  # neither UTF-8 nor JSON
        keys = []
    if not keys:
        raise KeysUnusable(
            f"{file} holds no key for tokens. It must be a JWKS, a JWK or PEM with RSA keys of "
            f"{RSA_BITS_AT_LEAST} bits or more, or with EC P-256, EC P-384 or Ed25519 keys."
        )
    return keys


def local_key(settings: Settings) -> Key:
    """The key of this installation, below the data directory; made when it is first asked for."""
    file = settings.data_dir / LOCAL_KEY
    if not file.exists():
        made = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        try:
            # PostgreSQL's account has to pass through the directory to its own.
            settings.data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=settings.data_dir, prefix=f".{LOCAL_KEY}-")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(made.as_dict(private=True), out)
            with contextlib.suppress(FileExistsError):  # of two processes the first one's counts
                os.link(name, file)
            Path(name).unlink()
        except OSError as error:
            raise KeysUnusable(
                f"The key for tokens cannot be kept in {settings.data_dir}: {error.strerror}. Choose "
                "another directory with --data-dir, or give keys with --issuer or --key-file."
            ) from None
    return read_keys(file)[0]


class _FixedKeys:
    """Keys that stay as they are."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    async def fitting(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        return _fitting(self._keys, kid, algorithm)


# ---- keys of an issuer ----------------------------------------------------------------------------

SECONDS_FRESH = 600.0
SECONDS_KEPT = 3600.0
"""How long keys go on to be used while their issuer cannot be reached."""
SECONDS_BETWEEN_TRIES = 5.0
SECONDS_BETWEEN_UNKNOWN = 30.0
"""How often keys are fetched anew because a token names an unknown one: anybody can make such tokens."""
SECONDS_TO_ANSWER = 5.0
ANSWER_AT_MOST = 512 * 1024


class _IssuersKeys:
    """The keys that an issuer publishes: found by discovery, cached, and fetched anew as they rotate."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: Sequence[Key] = ()
        self._fetched = self._tried = self._unknown = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def fitting(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        age = time.monotonic() - self._fetched
        if age > SECONDS_KEPT:
            await self._fetch()
            if time.monotonic() - self._fetched > SECONDS_KEPT:
                raise Unavailable("Tokens cannot be checked now; try again.")
        elif age > SECONDS_FRESH:
            self.start()  # nobody waits for it
        found = _fitting(self._keys, kid, algorithm)
        if not found and time.monotonic() - self._unknown > SECONDS_BETWEEN_UNKNOWN:
            self._unknown = time.monotonic()
            await self._fetch()
            found = _fitting(self._keys, kid, algorithm)
        return found

    def start(self) -> None:
        """Begins to fetch the keys, unless that is under way or has just failed."""
        if self._fetching is not None and not self._fetching.done():
            return
        failed = self._tried > self._fetched
        if not failed or time.monotonic() - self._tried > SECONDS_BETWEEN_TRIES:
            self._tried = time.monotonic()
            self._fetching = asyncio.create_task(self._load())

    async def _fetch(self) -> None:
        self.start()
        if self._fetching is not None:
            # One request that is given up does not take the fetch from the others.
            await asyncio.shield(self._fetching)

    async def _load(self) -> None:
        try:
            self._keys = await asyncio.to_thread(_published, self._issuer)
            self._fetched = time.monotonic()
        except (OSError, ValueError) as error:
            logger.warning("The keys of %s cannot be fetched: %s", self._issuer, error)


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an error: the address of the keys is what the issuer's own document says."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def _published(issuer: str) -> list[Key]:
    """The keys of an issuer, by OpenID Connect Discovery or RFC 8414. Raises OSError or ValueError."""
    metadata = _metadata(issuer)
    if metadata.get("issuer") != issuer:
        raise ValueError(f"its metadata is that of {str(metadata.get('issuer'))[:200]!r}")
    address = metadata.get("jwks_uri")
    if not isinstance(address, str):
        raise ValueError("its metadata names no jwks_uri")
    keys = _imported(_fetched(address))
    if not keys:
        raise ValueError(f"{address[:200]} holds no key that can check a token")
    return keys


def _metadata(issuer: str) -> dict[str, Any]:
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    of_oauth = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
    for address in (f"{issuer.rstrip('/')}/.well-known/openid-configuration", of_oauth):
        try:
            found = _fetched(address)
        except HTTPError as error:
            error.close()
            if error.code != 404:
                raise
        else:
            if isinstance(found, dict):
                return found
    raise ValueError("it publishes no metadata (/.well-known/openid-configuration)")


def is_trusted_address(address: str) -> bool:
    """Whether what is fetched there is what was published: by TLS, or from this machine."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except ValueError:
        return False


def _fetched(address: str) -> Any:
    if not is_trusted_address(address):
        raise ValueError(f"{address[:200]} is no https address")
    handlers: list[Any] = [_NoRedirects]
    if is_loopback(urlsplit(address).hostname or ""):
        handlers.append(ProxyHandler({}))
    request = Request(address, headers={"Accept": "application/json", "User-Agent": "tmfgraph"})
    deadline = time.monotonic() + 2 * SECONDS_TO_ANSWER
    body = b""
    try:
        with build_opener(*handlers).open(request, timeout=SECONDS_TO_ANSWER) as response:
            while part := response.read1(65536):
                body += part
                if len(body) > ANSWER_AT_MOST:
                    raise ValueError(f"{address[:200]} answers with more than {ANSWER_AT_MOST} bytes")
                if time.monotonic() > deadline:
                    raise ValueError(f"{address[:200]} answers too slowly")
    except HTTPError:
        raise
    except URLError as error:
        raise ValueError(f"{address[:200]}: {error.reason}") from None
    return json_in.decode(body)


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
        """Raises SettingError or KeysUnusable where the settings do not do."""
        self._issuer = settings.issuer or OUR_NAME
        self._audience = settings.audience
        self._keys: _Keys | None = _keys(settings) if settings.authenticates else None
        self._accepted: dict[bytes, tuple[float, Access]] = {}

    @property
    def is_on(self) -> bool:
        return self._keys is not None

    def start(self) -> None:
        """Fetches the keys of the issuer ahead of the first request."""
        if isinstance(self._keys, _IssuersKeys):
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


def _keys(settings: Settings) -> _Keys:
    if settings.key_file is not None:
        return _FixedKeys(read_keys(settings.key_file))
    if settings.issuer is None:
        return _FixedKeys([local_key(settings)])
    if not is_trusted_address(settings.issuer):
        raise SettingError(
            f"--issuer {settings.issuer} is no https address: keys fetched from there could be anybody's. "
            "Use its https address, or give its keys with --key-file."
        )
    return _IssuersKeys(settings.issuer)


async def _verified(token: str, keys: _Keys) -> dict[str, Any]:
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
    if not isinstance(header, dict) or "crit" in header:
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
    if not isinstance(claims, dict):
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
    if not isinstance(words, list):
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
    algorithm = next(name for name in ALGORITHMS if _fits(key, name))
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
