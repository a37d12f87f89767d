"""Tokens and scopes: who gets in, what they may do, and that nothing says why a token was refused."""

import ast
import base64
import dataclasses
import hmac
import itertools
import json
import logging
import math
import stat
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey
from starlette.routing import Mount, Route

import app
from models import WHOLE
from models.declare import Abstract, Kind
from models.links import ways_back
from resolvers.access import guard, keys, tokens
from resolvers.access.keys import KeysUnusable
from resolvers.access.tokens import Authenticator
from resolvers.behaviour.reactions import NEEDS
from resolvers.errors import Forbidden, Misconfigured, Unauthorized, Unavailable
from resolvers.graphql.graph import schema
from resolvers.rights import EVERYTHING, Access
from resolvers.storage import store
from resolvers.storage.documents import prepare
from schema import scopes
from schema.scopes import RIGHTS, scope
from tests.conftest import Client
from tests.pages.test_pages import CHROMIUM, browser, shot  # noqa: F401  (a fixture)
from tests.samples import every_kind, fresh, minimal, to_graphql
from tests.serving import open_directory, serving
from tests.tmfgraph.test_cli import tmfgraph
from tmfgraph.settings import SettingError, Settings

ISSUER = "https://login.example.com/realms/tmf"


def made(key: type[Any], size: Any, kid: str) -> Any:
    return key.generate_key(size, {"kid": kid}, private=True)


RSA = made(RSAKey, 2048, "rsa")
P256 = made(ECKey, "P-256", "p256")
P384 = made(ECKey, "P-384", "p384")
ED = made(OKPKey, "Ed25519", "ed")
STRANGER = made(ECKey, "P-256", "p256")
KEYS: dict[str, Key] = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": P256,
    "ES384": P384,
    "EdDSA": ED,
    "Ed25519": ED,
}


class AnyAlgorithm(jws.JWSRegistry):
    """Signs with whatever an attacker would."""

    max_header_length = max_payload_length = 10**6

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: Any) -> None:
        pass


def written(header: dict[str, Any], payload: str, key: Key | None = P256) -> str:
    registry = AnyAlgorithm(strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, some of them changed; those that are None are left out."""
    present = time.time()
    good = {
        "iss": ISSUER,
        "aud": "tmfgraph",
        "sub": "crm",
        "iat": present,
        "exp": present + 600,
        "scope": "*:*:*",
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(algorithm: str = "ES256", key: Key | None = None, header: Any = None, **changed: Any) -> str:
    key = key or KEYS[algorithm]
    return written({"alg": algorithm, "kid": key.kid, **(header or {})}, json.dumps(claims(**changed)), key)


def scoped(*scopes: str, **changed: Any) -> dict[str, str]:
    """The header of a request that may do this."""
    return bearer(signed(scope=" ".join(scopes), **changed))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def all_but(kind: Kind, right: str) -> dict[str, str]:
    """The header of a request that may do everything, except this."""
    lacking = {scope(kind, right), scope(kind.root, right)}
    return scoped(*(scope(k, r) for k in WHOLE.kinds.values() for r in RIGHTS if scope(k, r) not in lacking))


def jwks(*keys: Key) -> dict[str, Any]:
    return dict(KeySet(list(keys)).as_dict(private=False))


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_text(json.dumps(jwks(RSA, P256, P384, ED)))
    return file


@pytest.fixture(scope="module")
def guarded(module_database_url: str, key_file: Path) -> Iterator[Client]:
    """A client of an application that asks for tokens."""
    made = Client(module_database_url, auth="on", issuer=ISSUER, key_file=key_file)
    yield made
    made.close()


def settings(**given: Any) -> Settings:
    return Settings(**{"auth": "on", "issuer": ISSUER, **given})


# ---- what a good token is -------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm_of_ours_gets_in(guarded: Client, algorithm: str) -> None:
    for type_ in ("JWT", "at+jwt", "application/at+JWT", None):
        header = {} if type_ is None else {"typ": type_}
        given = bearer(signed(algorithm, header=header))
        assert guarded.get(url_of("Customer"), headers=given).status_code == 200
        answer = guarded.post("/graphql", {"query": "{ __typename }"}, headers=given)
        assert answer.json() == {"data": {"__typename": "Query"}}


def url_of(name: str) -> str:
    return WHOLE.kinds[name].homes[0].url


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["elsewhere", "tmfgraph"]},
        {"exp": math.floor(time.time()) + 7200},
        {"nbf": time.time() + 50, "iat": time.time() + 50},
        {"iat": None},
        {"scope": None, "scp": "openid *:*:read"},
        {"scope": None, "scp": ["*:*:read", 1]},
        {"more": {"nested": [1, None]}},
    ],
)
def test_what_a_good_token_may_look_like(guarded: Client, changed: dict[str, Any]) -> None:
    headers = bearer(signed(**changed))
    assert guarded.get(url_of("Customer"), headers=headers).status_code == 200


def test_a_key_that_the_token_brings_along_is_passed_over(guarded: Client) -> None:
    """It counts for nothing, so a good signature of ours is still good (RFC 7515, section 4.1.3)."""
    header = {"jwk": STRANGER.as_dict(private=False), "jku": "https://evil.example.com/keys", "x-more": 1}
    token = signed(header=header)
    assert guarded.get(url_of("Customer"), headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_in_whatever_case(guarded: Client, scheme: str) -> None:
    given = {"Authorization": f"{scheme} {signed()}"}
    assert guarded.get(url_of("Customer"), headers=given).status_code == 200


# ---- what is no good token --------------------------------------------------------------------------


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def raw(text: str) -> str:
    """A token whose claims are this text."""
    return written({"alg": "ES256", "kid": "p256"}, text)


def with_exp(text: str) -> str:
    return raw(json.dumps(claims(exp=0)).replace('"exp": 0', f'"exp": {text}'))


def by_hmac(secret: bytes) -> str:
    """What one signs with a public key who hopes that it is taken for a shared secret."""
    text = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims())}"
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: written({"alg": "none"}, json.dumps(claims()), None),
    "alg none without a signature": lambda: f"{part({'alg': 'none'})}.{part(claims())}.",
    "alg none in capitals": lambda: f"{part({'alg': 'NONE', 'kid': 'rsa'})}.{part(claims())}.AA",
    "HS256 with the public key as its secret": lambda: by_hmac(RSA.as_pem(private=False)),
    "HS256 with the JWK as its secret": lambda: by_hmac(json.dumps(RSA.as_dict(private=False)).encode()),
    "HS256 with no secret": lambda: by_hmac(b""),
    "RS512, which is not among ours": lambda: signed("RS512", RSA),
    "the algorithm of another key type": lambda: signed("ES256", STRANGER, {"kid": "rsa"}),
    "the header changed to another algorithm": lambda: part({"alg": "PS256", "kid": "rsa"}) + "." + signed("RS256").split(".", 1)[1],
    "no algorithm": lambda: part({"kid": "p256"}) + "." + signed().split(".", 1)[1],
    "an algorithm that is no text": lambda: part({"alg": ["ES256"], "kid": "p256"}) + "." + signed().split(".", 1)[1],
    "a stranger's key of the same id": lambda: signed(key=STRANGER),
    "an embedded jwk": lambda: signed(key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}),
    "an embedded jwk and no kid": lambda: written(
        {"alg": "ES256", "jwk": STRANGER.as_dict(private=False)}, json.dumps(claims()), STRANGER
    ),
    "jku": lambda: signed(key=STRANGER, header={"jku": "http://127.0.0.1:9/keys"}),
    "x5u": lambda: signed(key=STRANGER, header={"x5u": "http://127.0.0.1:9/cert"}),
    "an unknown kid": lambda: signed(header={"kid": "another"}),
    "a kid that is a path": lambda: signed(key=STRANGER, header={"kid": "../../dev/null"}),
    "a kid that is SQL": lambda: signed(key=STRANGER, header={"kid": "x' union select 'secret' --"}),
    "a kid that is a number": lambda: part({"alg": "ES256", "kid": 7}) + "." + signed().split(".", 1)[1],
    "crit": lambda: signed(header={"crit": ["exp"], "exp": 1}),
    "crit b64": lambda: part({"alg": "ES256", "kid": "p256", "b64": False, "crit": ["b64"]}) + "." + signed().split(".", 1)[1],
    "b64 without crit": lambda: part({"alg": "ES256", "kid": "p256", "b64": False}) + "." + signed().split(".", 1)[1],
    "another type of token": lambda: signed(header={"typ": "logout+jwt"}),
    "a type that is no text": lambda: part({"alg": "ES256", "kid": "p256", "typ": {}}) + "." + signed().split(".", 1)[1],
    "another issuer": lambda: signed(iss="https://login.example.com/realms/other"),
    "the issuer with a slash": lambda: signed(iss=ISSUER + "/"),
    "no issuer": lambda: signed(iss=None),
    "an issuer that is a list": lambda: signed(iss=[ISSUER]),
    "another audience": lambda: signed(aud="another"),
    "other audiences": lambda: signed(aud=["a", "b"]),
    "no audience": lambda: signed(aud=None),
    "an audience that holds ours": lambda: signed(aud={"tmfgraph": True}),
    "expired": lambda: signed(exp=time.time() - 1),
    "no end": lambda: signed(exp=None),
    "an end far ahead": lambda: signed(exp=time.time() + 2 * 86400),
    "exp 1e300": lambda: with_exp("1e300"),
    "exp 1e999": lambda: with_exp("1e999"),
    "exp NaN": lambda: with_exp("NaN"),
    "exp Infinity": lambda: with_exp("Infinity"),
    "exp with 400 digits": lambda: with_exp("9" * 400),
    "exp as text": lambda: with_exp(f'"{int(time.time()) + 600}"'),
    "exp true": lambda: with_exp("true"),
    "exp null": lambda: with_exp("null"),
    "exp below zero": lambda: with_exp("-1"),
    "exp twice": lambda: with_exp(f"{int(time.time()) + 600}, \"exp\": {int(time.time()) + 600}"),
    "not yet valid": lambda: signed(nbf=time.time() + 120),
    "made in the future": lambda: signed(iat=time.time() + 120),
    "nbf as text": lambda: signed(nbf="0"),
    "no subject": lambda: signed(sub=None),
    "an empty subject": lambda: signed(sub=" "),
    "a subject that is a number": lambda: signed(sub=1),
    "a subject of 300 characters": lambda: signed(sub="x" * 300),
    "a subject with U+0000": lambda: signed(sub="a\0b"),
    "scopes that are a number": lambda: signed(scope=7),
    "scopes that are an object": lambda: signed(scope=None, scp={"*:*:*": True}),
    "claims that are a list": lambda: raw("[]"),
    "claims that are no JSON": lambda: raw("exp"),
    "claims that are nested": lambda: raw("[" * 5000 + "]" * 5000),
    "claims that are not UTF-8": lambda: f"{signed().split('.')[0]}.gICA.{signed().split('.')[2]}",
    "a header that is a list": lambda: part(["alg"]) + "." + signed().split(".", 1)[1],
    "a header that is a text": lambda: part('"alg"') + "." + signed().split(".", 1)[1],
    "a header that is nested": lambda: part("[" * 3000) + "." + signed().split(".", 1)[1],
    "huge": lambda: signed(more="x" * 20_000),
    "garbage behind it": lambda: signed() + "x",
    "a part behind it": lambda: signed() + ".x",
    "a blank in it": lambda: signed().replace(".", ". ", 1),
    "a second token": lambda: f"{signed()}, {signed()}",
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "two parts": lambda: signed().rpartition(".")[0],
    "an encrypted token": lambda: "a.b.c.d.e",
    "one changed letter": lambda: (lambda t: t[:-10] + ("A" if t[-10] != "A" else "B") + t[-9:])(signed()),
    "other claims under the signature": lambda: (lambda t: f"{t[0]}.{part(claims(sub='admin'))}.{t[2]}")(signed().split(".")),
    "padding": lambda: signed() + "=",
    "unicode": lambda: "é€.é€.é€",
    "nothing": lambda: "",
    "dots": lambda: "..",
    "JSON": lambda: json.dumps({"payload": "", "signatures": []}),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_bad_token_is_refused_in_the_same_words(
    guarded: Client, attack: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = ATTACKS[attack]()
    given = {"Authorization": f"Bearer {token}".encode()}
    expected = guarded.get(url_of("Customer"))
    with caplog.at_level(logging.INFO, "tmfgraph.auth"):
        answers = [
            guarded.get(url_of("Customer"), headers=given),
            guarded.post("/graphql", {"query": "{ __typename }"}, headers=given),
            guarded.post("/graphql", {"query": "{"}, headers=given),
        ]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert answer.content == expected.content
    assert len(caplog.messages) == 3
    for message in caplog.messages:
        assert message.startswith("A token was refused: ") and (not token or token not in message)


@pytest.mark.parametrize("given", [None, "", "Basic YTpi", "Token x", "Bearerx", "DPoP x"])
def test_without_a_token_one_is_asked_for(guarded: Client, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    for answer in (
        guarded.get(url_of("Customer"), headers=headers),
        guarded.post("/graphql", {"query": "{ __schema { types { name } } }"}, headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json() == {
            "code": "UNAUTHENTICATED",
            "reason": "A valid token is needed",
            "message": 'Send a valid bearer token: "Authorization: Bearer TOKEN".',
            "status": "401",
            "@type": "Error",
        }
    assert guarded.statements == []


def test_two_headers_are_no_token(guarded: Client) -> None:
    given = [("Authorization", f"Bearer {signed()}")] * 2
    assert guarded.request("GET", url_of("Customer"), headers=given).status_code == 401


def test_a_mutation_without_a_token_does_nothing(guarded: Client) -> None:
    query = 'mutation { createIndividual(input: { givenName: "A", familyName: "B" }) { id } }'
    assert guarded.post("/graphql", {"query": query}).status_code == 401
    assert guarded.statements == []


class Clock:
    """The time of a module, which can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
        self._ahead = 0.0
        monkeypatch.setattr(module, "time", self)

    def forward(self, seconds: float) -> None:
        self._ahead += seconds

    def time(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead


def test_a_token_is_remembered_until_its_end_and_not_longer(
    key_file: Path, guarded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator, clock = Authenticator(settings(key_file=key_file)), Clock(monkeypatch, tokens)
    header = f"Bearer {signed(exp=time.time() + 30)}"
    first = guarded.run(authenticator.access(header))
    assert guarded.run(authenticator.access(header)) is first
    clock.forward(31)
    with pytest.raises(Unauthorized):
        guarded.run(authenticator.access(header))


def test_only_so_many_tokens_are_remembered(
    key_file: Path, guarded: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "TOKENS_REMEMBERED", 5)
    authenticator = Authenticator(settings(key_file=key_file))
    for number in range(12):
        guarded.run(authenticator.access(f"Bearer {signed(sub=str(number))}"))
        with pytest.raises(Unauthorized):
            guarded.run(authenticator.access(f"Bearer {signed(sub=str(number), aud='x')}"))
    assert len(authenticator._accepted) == 5


# ---- scopes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_kind())
@pytest.mark.parametrize("right", RIGHTS)
def test_the_scopes_that_give_a_right(kind: Kind, right: str) -> None:
    number, singular = kind.api.number.lower(), kind.singular
    for parts in itertools.product((number, "*"), (singular, kind.root.singular, "*"), (right, "*")):
        assert Access("a", frozenset({":".join(parts)})).may(kind, right), parts
    other_right = "write" if right == "read" else "read"
    for wrong in (
        f"{number}:{singular}:{other_right}",
        f"{number.upper()}:{singular}:{right}",
        f"{number}:{kind.name}:{right}",
        f"{number}:{kind.plural}:{right}",
        f"tmf999:{singular}:{right}",
        f"tmf999:*:{right}",
        f"{number}:{singular[:-1]}*:{right}",
        f"{number}:{singular}",
        f"{number}:{singular}:{right}:more",
        "*",
        "*:*",
        "",
    ):
        access = Access("a", frozenset({wrong}))
        assert not access.may(kind, right), wrong
    with pytest.raises(Forbidden, match=f"{right} {kind.plural} needs the scope {scope(kind, right)}"):
        Access("a", frozenset()).check(kind, right)
    assert EVERYTHING.may(kind, right)


def test_a_special_kind_has_a_scope_of_its_own(guarded: Client) -> None:
    special, general = url_of("PhysicalResource"), url_of("Resource")
    own = scoped("tmf639:physicalResource:read")
    assert guarded.get(special, headers=own).status_code == 200
    assert guarded.get(general, headers=own).status_code == 403
    assert guarded.get(special, headers=scoped("tmf639:resource:read")).status_code == 200
    assert guarded.get(url_of("LogicalResource"), headers=own).status_code == 403


def test_an_unknown_scope_is_known_as_such() -> None:
    assert scopes.unknown(WHOLE, ["tmf622:productOrder:read", "*:*:*", "openid", "tmf622:order:read"]) == [
        "openid",
        "tmf622:order:read",
    ]


# ---- every door ---------------------------------------------------------------------------------------


def test_every_route_has_a_stated_rule(guarded: Client) -> None:
    paths = []
    for route in guarded.app.routes:
        assert isinstance(route, (Route, Mount)) and isinstance(route.app, guard.Guard), route
        paths.append(route.path)
    assert set(paths) <= guard.RULES.keys(), "state in guard.RULES what the new route needs"
    assert all(rule.why for rule in guard.RULES.values())


@pytest.mark.parametrize("path", ["/", "/graphql", "/tmf-api", "/tmf-api/", "/health/live", "/health/ready"])
def test_what_is_open_answers_without_a_token(guarded: Client, path: str) -> None:
    assert guarded.get(path, headers={"accept": "text/html"}).status_code == 200
    assert guarded.get("/static/graphiql.min.css").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/graphql", "application/json"),
        ("GET", "/graphql?query={__typename}", "text/html"),
        ("GET", "/graphql?query=", "text/html"),
        ("POST", "/graphql", "text/html"),
        ("HEAD", "/graphql", "text/html"),
        ("GET", "/tmf-api/nothing", "text/html"),
        ("GET", "/static/../tmf-api/customerManagement/v4/customer", "text/html"),
        ("GET", "/tmf-api//", "text/html"),
    ],
)
def test_nothing_else_is_open(guarded: Client, method: str, path: str, accept: str) -> None:
    answer = guarded.request(method, path, headers={"accept": accept})
    assert answer.status_code in (401, 404) and guarded.statements == []
    if answer.status_code == 404:  # no route at all, as for anybody
        assert guarded.request(method, path, headers=scoped("*:*:*")).status_code == 404


def test_a_route_without_a_rule_needs_a_token() -> None:
    assert guard.RULES.get("/new", guard.NEEDS_TOKEN) is guard.NEEDS_TOKEN


def doors() -> Iterator[Any]:
    for url, (_, node) in WHOLE.homes.items():
        kinds = node.kinds if isinstance(node, Abstract) else (node,)
        for kind in kinds:
            yield pytest.param(url, node, kind, id=f"{url}-{kind.name}" if len(kinds) > 1 else url)


def beside(kind: Kind) -> list[str]:
    """The scopes that creating one needs beside its own."""
    needs = NEEDS.get(kind.name)
    return [scope(*one) for one in needs(prepare(kind, minimal(kind)))] if needs else []


@pytest.mark.parametrize(("url", "node", "kind"), list(doors()))
def test_every_rest_operation_needs_its_scope(
    guarded: Client, url: str, node: Kind | Abstract, kind: Kind
) -> None:
    document = {**minimal(kind), "@type": kind.name}
    one, merge = f"{url}/{fresh()}", {"content-type": "application/merge-patch+json"}
    patch = {"content-type": "application/json-patch+json"}
    query = {"content-type": "application/json-patch-query+json"}
    change = [{"op": "add", "path": "/x", "value": 1}]
    operations: list[tuple[str, str, str, dict[str, Any]]] = [
        ("GET", url, "read", {}),
        ("GET", one, "read", {}),
    ]
    if "create" in kind.operations:
        operations.append(("POST", url, "write", {"json": document}))
        several = [{"op": "add", "path": "/", "value": document}]
        operations.append(("PATCH", url, "write", {"json": several, "headers": patch}))
    # At the home of several kinds one has to be found first, and so read.
    right = "read" if isinstance(node, Abstract) else "write"
    if "patch" in kind.operations:
        operations.append(("PATCH", one, right, {"json": {}, "headers": merge}))
        operations.append(("PATCH", one, right, {"json": change, "headers": patch}))
        operations.append(("PATCH", one, right, {"json": change, "headers": query}))
    if "delete" in kind.operations:
        operations.append(("DELETE", one, right, {}))
    for method, path, right, options in operations:
        more = options.pop("headers", {})
        answer = guarded.request(method, path, headers=more, **options)
        assert answer.status_code == 401 and guarded.statements == [], (method, path)
        answer = guarded.request(method, path, headers={**all_but(kind, right), **more}, **options)
        needed = scope(kind, right)
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'
        assert answer.json()["code"] == "FORBIDDEN" and answer.json()["scope"] == needed
        if not isinstance(node, Abstract):
            # A JSON Patch tests and copies what is there.
            reads = [scope(kind, "read")] if more in (patch, query) and path == one else []
            both = scoped(needed, *beside(kind), *reads)
            answer = guarded.request(method, path, headers={**both, **more}, **options)
            assert answer.status_code not in (401, 403), (method, path, answer.text)


def errors_of(client: Client, query: str, headers: dict[str, str], **variables: Any) -> list[dict[str, Any]]:
    body = {"query": query, "variables": variables}
    answer = client.post("/graphql", body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json().get("errors", [])


def assert_forbidden(errors: list[dict[str, Any]], path: list[Any], kind: Kind, right: str) -> None:
    assert [error["path"] for error in errors] == [path], errors
    assert errors[0]["extensions"] == {"code": "FORBIDDEN", "scope": scope(kind, right)}


def test_every_query_field_is_of_a_kind_or_known() -> None:
    core: Any = schema(WHOLE)._schema
    nodes = (*WHOLE.kinds.values(), *WHOLE.abstracts.values())
    ours = {name for node in nodes for name in (node.singular, node.plural)}
    assert core.query_type.fields.keys() - ours == {"node", "_service", "_entities"}
    assert core.subscription_type is None
    operations = {"create": "create", "update": "patch", "delete": "delete"}
    written = {
        f"{verb}{k.name}" for k in WHOLE.kinds.values() for verb, o in operations.items() if o in k.operations
    }
    assert set(core.mutation_type.fields) == written


@pytest.mark.parametrize("kind", every_kind())
def test_every_query_field_needs_its_scope(guarded: Client, kind: Kind) -> None:
    lacking = all_but(kind, "read")
    queries = {
        f'{{ {kind.singular}(id: "x") {{ id }} }}': [kind.singular],
        f"{{ {kind.plural} {{ nodes {{ id }} }} }}": [kind.plural],
        f"{{ {kind.plural} {{ totalCount }} }}": [kind.plural],
        f'{{ node(id: "{kind.name}:x") {{ id }} }}': ["node"],
        f'{{ _entities(representations: [{{ __typename: "{kind.name}", id: "x" }}]) {{ __typename }} }}': ["_entities", 0],
    }  # fmt: skip
    if kind.extends:
        queries[f"{{ {kind.extends.plural} {{ totalCount }} }}"] = [kind.extends.plural]
    for query, path in queries.items():
        assert guarded.post("/graphql", {"query": query}).status_code == 401
        assert_forbidden(errors_of(guarded, query, lacking), path, kind, "read")
        errors = errors_of(guarded, query, scoped("*:*:read"))
        assert [e["extensions"]["code"] for e in errors] in ([], ["NOT_FOUND"])


@pytest.mark.parametrize("kind", every_kind())
def test_every_mutation_needs_its_scope(guarded: Client, kind: Kind) -> None:
    create = f"mutation($input: {kind.name}Create!) {{ create{kind.name}(input: $input) {{ id }} }}"
    update = f'mutation {{ update{kind.name}(id: "x", input: {{}}) {{ id }} }}'
    delete = f'mutation {{ delete{kind.name}(id: "x") {{ id }} }}'
    named = {"create": ("create", create), "patch": ("update", update), "delete": ("delete", delete)}
    for operation in kind.operations:
        verb, query = named[operation]
        variables = {"input": to_graphql(kind.cls, minimal(kind))} if verb == "create" else {}
        assert guarded.post("/graphql", {"query": query, "variables": variables}).status_code == 401
        errors = errors_of(guarded, query, all_but(kind, "write"), **variables)
        assert_forbidden(errors, [f"{verb}{kind.name}"], kind, "write")
        errors = errors_of(guarded, query, scoped(scope(kind, "write"), *beside(kind)), **variables)
        assert "FORBIDDEN" not in [error["extensions"]["code"] for error in errors]


@pytest.mark.parametrize("kind", every_kind())
def test_every_way_back_and_the_history_need_their_scope(guarded: Client, kind: Kind) -> None:
    held = guarded.hold(kind, minimal(kind))
    for way in ways_back(kind):
        for field in ("totalCount", "nodes { id }"):
            query = f'{{ {kind.singular}(id: "{held.id}") {{ {way.name} {{ {field} }} }} }}'
            if way.kind.root is kind.root:  # one that may not read it does not get here
                continue
            errors = errors_of(guarded, query, all_but(way.kind, "read"))
            assert_forbidden(errors, [kind.singular, way.name], way.kind, "read")
            assert errors_of(guarded, query, scoped(scope(kind, "read"), scope(way.kind, "read"))) == []
    if "patch" in kind.operations:
        query = f'mutation {{ update{kind.name}(id: "{held.id}", input: {{}}) {{ history {{ actor }} }} }}'
        errors = errors_of(guarded, query, all_but(kind, "read"))
        assert_forbidden(errors, [f"update{kind.name}", "history"], kind, "read")


def test_all_that_a_store_reads_and_writes_passes_the_gate() -> None:
    """Nothing but the gate has the connections."""
    module = ast.parse(Path(store.__file__).read_text(encoding="utf-8"))
    [tree] = [one for one in module.body if isinstance(one, ast.ClassDef) and one.name == "Store"]

    def users(name: str) -> set[str]:
        return {
            function.name
            for function in ast.walk(tree)
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
            for inner in ast.walk(function)
            if isinstance(inner, ast.Attribute) and inner.attr == name
        }

    assert users("_pool") == {"__init__", "connected", "writing"}
    assert users("connected") == {"fetch", "holding", "_insert", "_swap"}


# ---- what one may not read beside what one may ------------------------------------------------------------


def test_a_target_that_one_may_not_read_is_null_with_an_error(guarded: Client) -> None:
    customer = guarded.hold(WHOLE.kinds["Customer"], minimal(WHOLE.kinds["Customer"]))
    parties = [{"id": customer.id, "name": "Ann", "@referredType": "Customer"}]
    order = guarded.hold(
        WHOLE.kinds["ProductOrder"], {**minimal(WHOLE.kinds["ProductOrder"]), "relatedParty": parties}
    )
    category = guarded.hold(WHOLE.kinds["Category"], {**minimal(WHOLE.kinds["Category"]), "parentId": "top"})
    query = f"""{{
        productOrder(id: "{order.id}") {{ id relatedParty {{ name target {{ __typename }} }} }}
        category(id: "{category.id}") {{ parentId parent {{ id }} }}
        customer(id: "{customer.id}") {{ id }}
        another: productOrder(id: "{order.id}") {{ id }}
    }}"""
    answer = guarded.post(
        "/graphql", {"query": query}, headers=all_but(WHOLE.kinds["Customer"], "read")
    ).json()
    assert answer["data"] == {
        "productOrder": {"id": order.id, "relatedParty": [{"name": "Ann", "target": None}]},
        "category": {"parentId": "top", "parent": None},
        "customer": None,
        "another": {"id": order.id},
    }
    paths = [error["path"] for error in answer["errors"]]
    assert sorted(paths, key=str) == [["customer"], ["productOrder", "relatedParty", 0, "target"]]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}


def test_what_one_may_not_read_is_not_expanded_either(guarded: Client) -> None:
    product, order = WHOLE.kinds["Product"], WHOLE.kinds["ProductOrder"]
    held = guarded.hold(product, minimal(product))
    lines = [{"id": "1", "action": "add", "product": {"id": held.id}}]
    guarded.hold(order, {**minimal(order), "id": fresh(), "productOrderItem": lines})
    for path, one, hidden in (
        (url_of("ProductOrder"), "expand=productOrderItem.product", product),
        (url_of("ProductOrder"), "depth=1", product),
        (f"{url_of('Product')}/{held.id}", "expand=productOrder", order),
    ):
        answer = guarded.get(f"{path}?{one}", headers=all_but(hidden, "read"))
        assert answer.status_code == 403 and answer.json()["scope"] == scope(hidden, "read"), answer.text
        assert guarded.get(f"{path}?{one}", headers=scoped("*:*:read")).status_code == 200


def test_node_finds_what_one_may_read(guarded: Client) -> None:
    held = guarded.hold(WHOLE.kinds["Service"], {**minimal(WHOLE.kinds["Service"]), "id": fresh("node")})
    query = f'{{ node(id: "{held.id}") {{ __typename }} }}'
    body = {"query": query}
    found = guarded.post("/graphql", body, headers=scoped("*:service:read")).json()
    assert found == {"data": {"node": {"__typename": "Service"}}}
    found = guarded.post("/graphql", body, headers=scoped("*:customer:read")).json()
    assert found == {"data": {"node": None}}
    [error] = errors_of(guarded, query, scoped("*:*:write"))
    assert error["path"] == ["node"] and error["extensions"]["code"] == "FORBIDDEN"


def test_events_name_the_subject(guarded: Client) -> None:
    headers = scoped("tmf632:individual:*", sub="crm@example.com ✓")
    body = {"givenName": "Ada", "familyName": "Byron"}
    made = guarded.post(url_of("Individual"), body, headers=headers).json()
    query = f'{{ individual(id: "{made["id"]}") {{ history {{ actor }} }} }}'
    found = guarded.post("/graphql", {"query": query}, headers=headers).json()
    assert found["data"]["individual"]["history"] == [{"actor": "crm@example.com ✓"}]


def test_what_is_created_later_needs_the_scope_of_its_kind(guarded: Client) -> None:
    """And not that of the monitor, which the server itself makes."""
    kind = WHOLE.kinds["Service"]
    url, document = "/tmf-api/ServiceActivationAndConfiguration/v4/service", minimal(kind)
    wait = {"Prefer": "respond-async"}
    refused = guarded.post(url, document, headers={**all_but(kind, "write"), **wait})
    assert refused.status_code == 403 and refused.json()["scope"] == scope(kind, "write")
    accepted = guarded.post(url, document, headers={**scoped(scope(kind, "write"), sub="noc"), **wait})
    assert accepted.status_code == 202
    guarded.carry_out()
    query = f'{{ monitor(id: "{accepted.json()["id"]}") {{ state history {{ actor }} }} }}'
    found = guarded.post("/graphql", {"query": query}, headers=scoped("*:*:read")).json()["data"]["monitor"]
    assert found["state"] == "Completed" and {event["actor"] for event in found["history"]} == {"noc"}


def test_introspection_needs_a_token_of_any_scope(guarded: Client) -> None:
    body = {"query": "{ __schema { queryType { name } } _service { sdl } }"}
    assert guarded.post("/graphql", body).status_code == 401
    answer = guarded.post("/graphql", body, headers=scoped("openid")).json()
    assert answer["data"]["__schema"] == {"queryType": {"name": "Query"}} and "errors" not in answer


def test_without_authentication_a_token_is_not_looked_at(client: Client) -> None:
    for given in ({}, bearer("nonsense"), bearer(signed(scope=""))):
        assert client.get(url_of("Customer"), headers=given).status_code == 200


# ---- issuers ------------------------------------------------------------------------------------------------


class Issuer:
    """A real HTTP server that publishes keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                found = issuer.documents.get(self.path)
                status, body = found if isinstance(found, tuple) else (200 if found else 404, found)
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", text.decode().strip('"'))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/realms/tmf"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def publish(self, *keys: Key, at: str = "/realms/tmf/.well-known/openid-configuration") -> None:
        self.documents[at] = {"issuer": self.url, "jwks_uri": f"{self.root}/keys"}
        self.documents["/keys"] = jwks(*keys)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


def test_keys_are_found_by_discovery(guarded: Client, issuer: Issuer) -> None:
    issuer.publish(P256)
    authenticator = Authenticator(settings(issuer=issuer.url))
    for _ in range(3):
        access = guarded.run(authenticator.access(f"Bearer {signed(iss=issuer.url, jti=fresh())}"))
        assert access == Access("crm", frozenset({"*:*:*"}))
    assert issuer.asked == ["/realms/tmf/.well-known/openid-configuration", "/keys"]


def test_keys_are_found_by_the_metadata_of_an_oauth_server(guarded: Client, issuer: Issuer) -> None:
    issuer.publish(P256, at="/.well-known/oauth-authorization-server/realms/tmf")
    authenticator = Authenticator(settings(issuer=issuer.url))
    assert guarded.run(authenticator.access(f"Bearer {signed(iss=issuer.url)}")).actor == "crm"


async def fetched(authenticator: Authenticator) -> None:
    """Returns when the keys that are being fetched are there, or are not to be had."""
    assert isinstance(authenticator._keys, keys.IssuersKeys)
    assert authenticator._keys._fetching is not None
    await authenticator._keys._fetching


def test_keys_rotate(guarded: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, keys)
    old, new = made(ECKey, "P-256", "1"), made(ECKey, "P-256", "2")
    issuer.publish(old)
    authenticator = Authenticator(settings(issuer=issuer.url))

    def gets_in(key: Key) -> bool:
        try:
            guarded.run(authenticator.access(f"Bearer {signed(key=key, iss=issuer.url, jti=fresh())}"))
        except Unauthorized:
            return False
        return True

    assert gets_in(old) and not gets_in(new)
    issuer.publish(new, old)
    assert not gets_in(new), "an unknown key is asked for only now and then"
    clock.forward(keys.SECONDS_BETWEEN_UNKNOWN + 1)
    assert gets_in(new) and gets_in(old)
    issuer.publish(new)
    clock.forward(keys.SECONDS_FRESH + 1)
    assert gets_in(old), "it is fetched anew beside the request"
    guarded.run(fetched(authenticator))
    assert not gets_in(old) and gets_in(new)


def test_unknown_keys_do_not_make_us_ask_the_issuer_each_time(guarded: Client, issuer: Issuer) -> None:
    issuer.publish(P256)
    authenticator = Authenticator(settings(issuer=issuer.url))

    async def attack() -> None:
        for number in range(50):
            with pytest.raises(Unauthorized):
                await authenticator.access(f"Bearer {signed(header={'kid': str(number)}, iss=issuer.url)}")

    guarded.run(attack())
    assert issuer.asked.count("/keys") <= 2


def test_an_outage_of_the_issuer(
    guarded: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    clock = Clock(monkeypatch, keys)
    client = Client(database_url, auth="on", issuer=issuer.url)
    given = bearer(signed(iss=issuer.url))
    try:
        answer = client.get(url_of("Customer"), headers=given)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert answer.json()["message"] == "Tokens cannot be checked now; try again."
        assert client.get("/health/live").status_code == 200
        issuer.publish(P256)
        clock.forward(keys.SECONDS_BETWEEN_TRIES + 1)
        assert client.get(url_of("Customer"), headers=given).status_code == 200
        issuer.stop()  # the keys that are there go on to be good
        clock.forward(keys.SECONDS_FRESH + 1)
        for _ in range(3):
            again = bearer(signed(iss=issuer.url, jti=fresh()))
            assert client.get(url_of("Customer"), headers=again).status_code == 200
            clock.forward(keys.SECONDS_BETWEEN_TRIES + 1)
        clock.forward(keys.SECONDS_KEPT + 1)
        again = bearer(signed(iss=issuer.url, jti=fresh()))
        assert client.get(url_of("Customer"), headers=again).status_code == 503
    finally:
        client.close()
        issuer.__init__()  # for the fixture to stop


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i: i.documents.clear(), "it publishes no metadata"),
        (lambda i: i.documents["/realms/tmf/.well-known/openid-configuration"].update(issuer=ISSUER), "its metadata is that of"),
        (lambda i: i.documents["/realms/tmf/.well-known/openid-configuration"].pop("jwks_uri"), "names no jwks_uri"),
        (lambda i: i.documents["/realms/tmf/.well-known/openid-configuration"].update(jwks_uri="http://192.0.2.1/keys"), "is no https address"),
        (lambda i: i.documents["/realms/tmf/.well-known/openid-configuration"].update(jwks_uri="file:///etc/passwd"), "is no https address"),
        (lambda i: i.documents.update({"/keys": (302, f"{i.root}/moved"), "/moved": jwks(P256)}), "302"),
        (lambda i: i.documents.update({"/keys": b"x" * 600_000}), "answers with more than"),
        (lambda i: i.documents.update({"/keys": b"<html>"}), "is not JSON"),
        (lambda i: i.documents.update({"/keys": {"keys": [{"kty": "oct", "k": "AAAA"}, "x", {}]}}), "holds no key"),
        (lambda i: i.documents.update({"/keys": (500, {})}), "500"),
    ],
)  # fmt: skip
def test_what_an_issuer_may_do_wrong(
    guarded: Client,
    issuer: Issuer,
    change: Callable[[Issuer], Any],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer.publish(P256)
    change(issuer)
    authenticator = Authenticator(settings(issuer=issuer.url))
    with pytest.raises(Unavailable):
        guarded.run(authenticator.access(f"Bearer {signed(iss=issuer.url)}"))
    assert said in caplog.text and f"The keys of {issuer.url} cannot be fetched" in caplog.text


def test_an_issuer_must_be_reached_by_https() -> None:
    with pytest.raises(Misconfigured, match=r"http://login\.example\.com is no https address"):
        Authenticator(settings(issuer="http://login.example.com"))


# ---- key files ------------------------------------------------------------------------------------------------


def keys_in(tmp_path: Path, content: str) -> Settings:
    file = tmp_path / "keys"
    file.write_text(content)
    return settings(key_file=file)


def pem(key: Any, *, private: bool = False) -> str:
    return key.as_pem(private=private).decode()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(P256.as_dict(private=False)),
        json.dumps(jwks(RSA, P256)),
        json.dumps({"keys": [{"kty": "new", "kid": "p256"}, {"kty": "oct", "k": "AAAA"}, P256.as_dict(private=False)]}),
        pem(P256),
        "The keys of 2026:\n" + pem(RSA) + pem(ED) + "\n" + pem(STRANGER) + pem(P256),
        pem(P256, private=True),
    ],
)  # fmt: skip
def test_forms_of_a_key_file(guarded: Client, tmp_path: Path, content: str) -> None:
    authenticator = Authenticator(keys_in(tmp_path, content))
    assert guarded.run(authenticator.access(f"Bearer {signed()}")).actor == "crm"
    another = made(ECKey, "P-256", "p256")
    with pytest.raises(Unauthorized):
        guarded.run(authenticator.access(f"Bearer {signed(key=another)}"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "{}",
        '{"keys": 7}',
        "[]",
        json.dumps(OctKey.generate_key(256).as_dict(private=True)),
        pem(made(ECKey, "P-521", "x")),
        json.dumps(made(OKPKey, "X25519", "x").as_dict(private=False)),
        json.dumps({**P256.as_dict(private=False), "use": "enc"}),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ],
    ids=[f"file-{number}" for number in range(10)],  # the keys are new on each run
)
def test_files_that_hold_no_key(tmp_path: Path, content: str) -> None:
    with pytest.raises(KeysUnusable, match="holds no key for tokens"):
        Authenticator(keys_in(tmp_path, content))


def test_a_weak_key_does_not_count(tmp_path: Path) -> None:
    with pytest.warns(Warning, match="2048"):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    with pytest.raises(KeysUnusable, match="2048 bits or more"):
        Authenticator(keys_in(tmp_path, json.dumps(weak.as_dict(private=False))))


# ---- settings, the command, a server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("::ffff:0.0.0.0", False),
        ("tmf.example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_authentication_is_off_on_loopback_alone(host: str, local: bool) -> None:
    assert Settings(host=host, auth="on").authenticates
    for word in (None, "off"):
        given = Settings(host=host, auth=word)
        if local:
            assert not given.authenticates
        else:
            with pytest.raises(SettingError, match=r"set --auth on, with --issuer URL or --key-file FILE"):
                assert given.authenticates
            with pytest.raises(SettingError):
                app.build(dataclasses.replace(given, database_url="postgresql://nowhere/x"))


def test_the_command_makes_a_token_that_gets_in(guarded: Client, tmp_path: Path) -> None:
    data = tmp_path / "data"
    authenticator = Authenticator(Settings(auth="on", data_dir=data))
    file = data / "auth-key.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == [file.name]
    done = tmfgraph("token", "--data-dir", str(data))
    access = guarded.run(authenticator.access(f"Bearer {done.stdout.strip()}"))
    assert access == Access("developer", frozenset({"*:*:read"}))
    done = tmfgraph(
        "token", "--data-dir", str(data), "--scope", "tmf622:*:*", "--scope", "tmf629:customer:read",
        "--subject", "crm", "--minutes", "1440",
    )  # fmt: skip
    access = guarded.run(authenticator.access(f"Bearer {done.stdout.strip()}"))
    assert access == Access("crm", frozenset({"tmf622:*:*", "tmf629:customer:read"}))


@pytest.mark.parametrize("key", [RSA, P256, P384, ED], ids=lambda key: key.kid)
def test_the_command_signs_with_a_private_key(guarded: Client, tmp_path: Path, key: Any) -> None:
    for content in (json.dumps(key.as_dict(private=True)), pem(key, private=True)):
        given = keys_in(tmp_path, content)
        token = tokens.token(given, scopes=["*:*:*"], subject="ci", minutes=1)
        assert guarded.run(Authenticator(given).access(f"Bearer {token}")).actor == "ci"
    public = keys_in(tmp_path, pem(key))
    with pytest.raises(KeysUnusable, match="holds public keys alone"):
        tokens.token(public, scopes=[], subject="ci", minutes=1)
    with pytest.raises(KeysUnusable, match="are made there"):
        tokens.token(settings(), scopes=[], subject="ci", minutes=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["token", "--scope", "admin"], "--scope admin gives no right: a scope is like tmf622:productOrder:read"),
        (["token", "--minutes", "1441"], "'1441' is not a whole number from 1 to 1440"),
        (["token", "--issuer", ISSUER], f"Tokens of {ISSUER} are made there."),
        (["serve", "--host", "0.0.0.0"], "--host 0.0.0.0 can be reached from other machines"),
        (["serve", "--host", "0.0.0.0", "--auth", "off"], "--host 0.0.0.0 can be reached from other machines"),
        (["serve", "--auth", "on", "--key-file", __file__], "holds no key for tokens"),
        (["serve", "--auth", "on", "--issuer", "http://login.example.com"], "is no https address"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_sentence(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = tmfgraph(*arguments, "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_directory_that_cannot_hold_the_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysUnusable, match=r"cannot be kept in .*: Not a directory\. Choose another"):
        keys.local_key(Settings(data_dir=tmp_path / "file" / "below"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_with_authentication(workers: str) -> None:
    with open_directory() as directory:
        data = directory / "data"
        flags = ("--auth", "on", "--host", "0.0.0.0", "--workers", workers)
        with serving(*flags, data_dir=data) as served:
            url = served.url + url_of("Customer")
            assert httpx.get(url).status_code == 401
            token = tmfgraph("token", "--data-dir", str(data)).stdout.strip()
            for _ in range(6):
                assert httpx.get(url, headers=bearer(token)).status_code == 200
            assert httpx.post(url, json={}, headers=bearer(token)).status_code in (400, 403)
            assert served.stop() == 0
        assert "authentication is off" not in served.output and token not in served.output


def test_serve_says_that_authentication_is_off() -> None:
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        assert served.stop() == 0
    assert (
        "authentication is off, as only this machine reaches 127.0.0.1; --auth on turns it on"
        in served.output
    )


# ---- in a browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A running server that asks for tokens."""
    with open_directory() as directory, serving("--auth", "on", data_dir=directory / "data") as served:
        Site.data = directory / "data"
        yield served.url


class Site:
    data = Path()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")
def test_graphiql_takes_a_token(browser: Any, site: str) -> None:  # noqa: F811
    token = tmfgraph("token", "--data-dir", str(Site.data), "--scope", "*:*:read").stdout.strip()
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(f"{site}/graphql")
    page.wait_for_selector(".graphiql-execute-button")
    assert "Requests need a token" in page.locator("#hint").inner_text()
    page.locator(".graphiql-execute-button").click()
    page.locator(".result-window").get_by_text("UNAUTHENTICATED").wait_for()
    shot(page, "graphiql-without-token")
    editor = page.locator(".graphiql-editor-tool .CodeMirror").nth(1)
    assert "Bearer" in editor.inner_text()
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(json.dumps({"Authorization": f"Bearer {token}"}))
    page.locator(".graphiql-execute-button").click()
    page.locator(".result-window").get_by_text('"nodes"').wait_for()
    page.get_by_label("Re-fetch GraphQL schema").click()
    page.get_by_label("Show Documentation Explorer").click()
    page.get_by_text("Query", exact=True).first.wait_for()
    shot(page, "graphiql-with-token")
    context.close()
