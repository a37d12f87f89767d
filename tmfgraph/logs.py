"""What log lines look like: text for people, or one JSON object per line. Uvicorn's lines follow."""

import datetime as dt
import json
import logging
import logging.config
from typing import Any

from tmfgraph.settings import Settings

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}


MESSAGE_AT_MOST = 4_000
TRACE_AT_MOST = 16_000


def _bounded(text: str, at_most: int) -> str:
    """A text, without its middle where it is long: errors may carry what a caller sent."""
    if len(text) <= at_most:
        return text
    half = at_most // 2
    return f"{text[:half]} ... {len(text) - 2 * half:,} characters left out ... {text[-half:]}"


class TextLines(logging.Formatter):
    """A record as text, within bounds."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _bounded(record.message, MESSAGE_AT_MOST)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return _bounded(super().formatException(ei), TRACE_AT_MOST)


class JsonLines(TextLines):
    """A record as one JSON object; what a caller passed as `extra` becomes keys of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _bounded(record.getMessage(), MESSAGE_AT_MOST),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.name == "uvicorn.access" and isinstance(record.args, tuple) and len(record.args) == 5:
            line |= zip(("client", "method", "path", "http", "status"), record.args, strict=True)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def config(settings: Settings) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`; uvicorn applies it in each of its workers."""
    level = settings.log_level.upper()
    # One process that starts needs no four lines about it; of several it is good to know which one died.
    servers = "WARNING" if level == "INFO" and settings.workers == 1 else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": "tmfgraph.logs.TextLines",
                "fmt": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
            },
            "json": {"()": "tmfgraph.logs.JsonLines"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": settings.log_format}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "alembic": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "uvicorn.error": {"level": servers},
        },
    }


def configure(settings: Settings) -> None:
    """Set up logging in this process."""
    logging.config.dictConfig(config(settings))
