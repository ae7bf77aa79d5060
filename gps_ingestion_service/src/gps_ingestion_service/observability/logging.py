"""JSON logs on standard error, one object a line, without secrets."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

# Names whose value is never logged, whoever passes it.
SECRET_NAMES = frozenset(
    {"token", "authorization", "password", "secret", "database_url", "query"}
)


def redact(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Hide the value of any field whose name says that it is a secret."""
    for name in event:
        if name.lower() in SECRET_NAMES:
            event[name] = "[redacted]"
    return event


class _NamedLogger(structlog.WriteLogger):
    """Writes lines to standard error, and has the name that its lines say."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name


def _as_json(event: object, default: Callable[[Any], Any]) -> str:
    return msgspec.json.encode(event, enc_hook=default).decode()


def configure(level: str) -> None:
    """Send the logs of the service and of its libraries out in one form.

    The service's own do not go through the standard library: a line a request is a
    tenth of what a request with one fix costs.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        redact,
    ]
    as_line: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(_as_json),
    ]
    structlog.configure(
        processors=[*shared, *as_line],
        logger_factory=_NamedLogger,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *as_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # httpx logs every URL, alembic every step: neither is news.
    for name in ("httpx", "httpcore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
