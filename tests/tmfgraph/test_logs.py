"""Log lines: readable text, or one JSON object per line, for our loggers and uvicorn's alike."""

import json
import logging
import logging.config
import sys

import pytest

from tmfgraph import logs
from tmfgraph.settings import LogFormat, Settings


def line_of(settings: Settings, record: logging.LogRecord) -> str:
    made = logging.config.DictConfigurator(logs.config(settings))
    formatter = made.configure_formatter(logs.config(settings)["formatters"][settings.log_format])
    assert isinstance(formatter, logging.Formatter)
    return formatter.format(record)


def record(name: str, message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger(name).makeRecord(
        name, logging.INFO, __file__, 1, message, arguments, None, extra=extra
    )


ACCESS = ('%s - "%s %s HTTP/%s" %d', "192.0.2.7:55", "GET", "/graphql", "1.1", 200)


def test_text_is_for_people():
    line = line_of(Settings(), record("tmfgraph.load", "loaded %d orders", 3))
    assert line.endswith("INFO    tmfgraph.load: loaded 3 orders")
    assert '"GET /graphql HTTP/1.1" 200' in line_of(Settings(), record("uvicorn.access", *ACCESS))


def test_json_is_one_object_per_line():
    line = line_of(Settings(log_format="json"), record("tmfgraph.load", "two\nlines", kind="ProductOrder"))
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found.pop("message") == "two\nlines"
    assert found == {"level": "info", "logger": "tmfgraph.load", "kind": "ProductOrder"}


def test_json_of_a_request_has_its_parts():
    found = json.loads(line_of(Settings(log_format="json"), record("uvicorn.access", *ACCESS)))
    assert (found["client"], found["method"], found["path"], found["status"]) == (
        "192.0.2.7:55", "GET", "/graphql", 200,
    )  # fmt: skip


def test_json_of_an_error_has_the_traceback():
    try:
        raise LookupError("no such order")
    except LookupError:
        made = record("tmfgraph", "failed")
        made.exc_info = sys.exc_info()
    assert "LookupError: no such order" in json.loads(line_of(Settings(log_format="json"), made))["exception"]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_line_is_longer_than_its_bound(format_: LogFormat) -> None:
    try:
        raise ValueError("y" * 1_000_000)
    except ValueError:
        made = logging.LogRecord("n", logging.ERROR, "f", 1, "%s", ("x" * 1_000_000,), sys.exc_info())
    line = line_of(Settings(log_format=format_), made)
    assert len(line) < logs.MESSAGE_AT_MOST + logs.TRACE_AT_MOST + 1_000
    assert "characters left out" in line and "ValueError" in line
