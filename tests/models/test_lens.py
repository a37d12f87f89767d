"""Documents read through the class that declares them."""

import datetime as dt
import enum
from typing import Any

import pytest

from models import WHOLE
from models.common.task import Activation, ActivationStateType
from models.declare import Kind, attributes
from models.lens import of, plain
from models.party.identity import Credential, DigitalIdentity, LoginPasswordCredential
from models.product.ordering import ProductOrder, ProductOrderStateType
from models.times import instant
from resolvers.storage.documents import prepare
from resolvers.storage.rows import Row
from tests.samples import complete, every_kind, minimal


def read_back(lens: Any, cls: type[Any]) -> dict[str, Any]:
    """The document behind a lens, made of what its attributes give."""
    found: dict[str, Any] = {}
    for a in attributes(cls):
        value = getattr(lens, a.name)
        if value is None or value == ():
            continue
        found[a.key] = [_back(one, a.type) for one in value] if a.many else _back(value, a.type)
    return found


def _back(value: Any, type_: Any) -> Any:
    if isinstance(value, dt.datetime):
        assert type_ is dt.datetime
        return instant(value)
    if isinstance(type_, type) and issubclass(type_, enum.StrEnum):
        assert isinstance(value, type_)
        return value.value
    if isinstance(type_, type) and hasattr(type_, "__tmf_value__"):
        assert isinstance(value, type_)
        return read_back(value, type(value).__mro__[2])  # the declared class that the lens is of
    return value


@pytest.mark.parametrize("kind", every_kind())
@pytest.mark.parametrize("document", [complete, minimal])
def test_a_lens_gives_every_attribute_with_its_declared_type(kind: Kind, document: Any) -> None:
    draft = prepare(kind, {**document(kind), "id": "x"}, imported=True)
    row = Row(kind, draft.key, draft.id, 1, "", draft.document)
    for held in (draft, row):
        read = read_back(of(kind.cls, held), kind.cls)
        known = {a.key for a in kind.attributes}
        assert read == {key: v for key, v in {"id": "x", **draft.body}.items() if key in known}


def test_what_is_absent_is_what_the_class_says() -> None:
    order = of(ProductOrder, {"id": "o", "priority": None})
    assert (order.id, order.priority, order.order_date, order.note) == ("o", None, None, ())
    assert order.product_order_item == (), "also where it is mandatory, in what was imported leniently"


def test_a_name_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(AttributeError):
        _ = of(ProductOrder, {"stat": "held"}).stat  # type: ignore[attr-defined]


def test_nothing_is_written_through_a_lens() -> None:
    with pytest.raises(AttributeError):
        of(ProductOrder, {}).state = ProductOrderStateType.HELD


def test_a_mixin_reads_what_has_it() -> None:
    assert of(Activation, {"state": "done"}).state is ActivationStateType.DONE


def test_a_nested_value_is_of_its_special_case() -> None:
    secret = {"@type": "LoginPasswordCredential", "id": "1", "login": "ada"}
    [login, other] = of(DigitalIdentity, {"credential": [secret, {"@type": "New", "id": "2"}]}).credential
    assert isinstance(login, LoginPasswordCredential) and login.login == "ada"
    assert isinstance(other, Credential) and not isinstance(other, LoginPasswordCredential)


def test_what_lenient_imports_keep_can_be_read() -> None:
    kind = WHOLE.kinds["ProductOrder"]
    document = {**minimal(kind), "state": "odd", "orderDate": "yesterday"}
    draft = prepare(kind, document, imported=True, lenient=True)
    order = of(ProductOrder, draft)
    assert order.state == "odd" and order.order_date is None
    assert of(ProductOrder, {"orderDate": "2026-01-01T00:00:00"}).order_date is None, "of no time zone"


def test_a_lens_of_an_empty_object_is_false_and_its_document_can_be_had() -> None:
    order = of(ProductOrder, {"billingAccount": {}, "agreement": [{"id": "a"}]})
    assert not order.billing_account
    assert [plain(one) for one in order.agreement] == [{"id": "a"}]
