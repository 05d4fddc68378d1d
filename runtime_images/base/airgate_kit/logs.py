"""Logs: one JSON object a line on stderr, ids as fields of their own.

log = logs.get("airgate_web.reconcile")
log.info("deployment is ready", extra={"fields": {"deployment": "digits-live", "seconds": 3.1}})

Importing this module also keeps gRPC's C core from writing lines of its own, in its own form, beside ours: it
reads GRPC_VERBOSITY once, when it is loaded, so every cli.py imports this before anything that imports grpc.
"""

import datetime
import json
import logging
import os
import sys
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")

CHATTY = ("httpx", "alembic.runtime.migration")  # a line for every request, and for every start: not at any level

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


class JsonFormatter(logging.Formatter):
    """Turns a record into one line: time (RFC 3339, UTC), level, logger, message, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def setup(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every logger's lines of `level` and above to `stream` (stderr unless given) as JSON.

    Raises ValueError for a level that is not one of `LEVELS`.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r} is unknown; use one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def get(name: str) -> logging.Logger:
    """Return the logger of a room; pass ids as `extra={"fields": {...}}`."""
    return logging.getLogger(name)
