"""The keys that tokens are checked with: of this installation, of a file, or of an issuer."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import math
import os
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from models import json_in
from models.json_in import is_array, is_object
from resolvers.errors import Misconfigured, Unavailable

logger = logging.getLogger("tmfgraph.auth")

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


class KeysUnusable(Misconfigured):
    """The keys that the settings name cannot be used; the message says why and what to do."""


class Settings(Protocol):
    """What the settings say of tokens."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def key_file(self) -> Path | None: ...
    @property
    def issuer(self) -> str | None: ...
    @property
    def audience(self) -> str: ...
    @property
    def authenticates(self) -> bool: ...


class Keys(Protocol):
    """Where keys come from."""

    async def fitting(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """The keys that a token with this header may be signed by."""
        ...


def _fitting(keys: Iterable[Key], kid: str | None, algorithm: str) -> list[Key]:
    """A key without an id, such as one from a PEM file, fits whatever the token names."""
    found = [key for key in keys if fits(key, algorithm) and (kid is None or key.kid in (None, kid))]
    return found[:KEYS_TRIED]


def fits(key: Key, algorithm: str) -> bool:
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
    entries: Any = jwks.get("keys", [jwks]) if is_object(jwks) else []
    found: list[Key] = []
    for entry in entries[:KEYS_AT_MOST] if is_array(entries) else []:
        with contextlib.suppress(Exception):  # RFC 7517, section 5: what is not understood is passed over
            found.append(JWKRegistry.import_key(entry))
    return [key for key in found if _strong(key)]


def _strong(key: Key) -> bool:
    if not any(fits(key, algorithm) for algorithm in ALGORITHMS):
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


SECONDS_FRESH = 600.0
SECONDS_KEPT = 3600.0
"""How long keys go on to be used while their issuer cannot be reached."""
SECONDS_BETWEEN_TRIES = 5.0
SECONDS_BETWEEN_UNKNOWN = 30.0
"""How often keys are fetched anew because a token names an unknown one: anybody can make such tokens."""
SECONDS_TO_ANSWER = 5.0
ANSWER_AT_MOST = 512 * 1024


class IssuersKeys:
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
            if is_object(found):
                return found
    raise ValueError("it publishes no metadata (/.well-known/openid-configuration)")


def is_trusted_address(address: str) -> bool:
    """Whether what is fetched there is what was published: by TLS, or from this machine."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fetched(address: str) -> Any:
    if not is_trusted_address(address):
        raise ValueError(f"{address[:200]} is no https address")
    handlers: list[Any] = [_NoRedirects]
    if _is_loopback(urlsplit(address).hostname or ""):
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


def keys_of(settings: Settings) -> Keys:
    if settings.key_file is not None:
        return _FixedKeys(read_keys(settings.key_file))
    if settings.issuer is None:
        return _FixedKeys([local_key(settings)])
    if not is_trusted_address(settings.issuer):
        raise Misconfigured(
            f"--issuer {settings.issuer} is no https address: keys fetched from there could be anybody's. "
            "Use its https address, or give its keys with --key-file."
        )
    return IssuersKeys(settings.issuer)
