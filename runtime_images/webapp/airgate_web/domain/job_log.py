"""The last lines that a job has printed, as they are kept and shown. Pure."""

import datetime
import re
from dataclasses import dataclass

from airgate_web.domain.job import JobRecord

LINES_MAX = 200
LETTERS_MAX = 64 * 1024  # of all lines together
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # and other orders to a terminal
LINE_END = re.compile(r"\r\n?|\n")  # a progress bar writes its lines over each other, with a lone \r


@dataclass(frozen=True, slots=True)
class JobLog:
    """What a job's processes last wrote to stdout and stderr. seen: when the last of it was first seen."""

    text: str
    seen: datetime.datetime


def read_last_lines(text: str) -> str:
    """Return the last lines of what was printed, as any store keeps and any page shows them; "" when there are none.

    Orders to a terminal go; other letters that cannot be shown become a replacement character.
    """
    lines = LINE_END.split(COLOUR.sub("", text).rstrip())[-LINES_MAX:]
    return "\n".join(map(make_showable, lines))[-LETTERS_MAX:]


def explain_no_log(record: JobRecord) -> str:
    """Return why there is nothing to read of a job."""
    return "It has printed nothing yet." if record.is_open else "Nothing that it printed is kept."


def make_showable(line: str) -> str:
    """Return a line without letters that cannot be shown."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in line)
