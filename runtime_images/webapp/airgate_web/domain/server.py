"""Somebody else's server: an image, or a command, that answers HTTP by itself and knows nothing of the appliance."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airgate_web.domain.amounts import read_whole
from airgate_web.domain.errors import Invalid

MODEL = "{model}"
WORDS_MAX, WORD_MAX = 100, 4096  # arguments, characters of one
URL_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started, and where it answers.

    port: that it listens on in a pod; as a process of this machine each replica is given one of its own. health: the
    path that answers 200 once it can be called. metrics: the path of its figures for Prometheus, "" for none. command:
    in place of the image's entry point; needed where there is no image. arguments: follow it; extra: a deployment's
    own follow these. In all of them {host}, {port} and {model} stand for where it is to listen and for its model.
    """

    port: int
    health: str
    metrics: str = ""
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def takes_model(self) -> bool:
        """Whether it cannot be started without a model."""
        return any(MODEL in word for word in (*self.command, *self.arguments, *self.extra))


def fill_words(words: Sequence[str], host: str, port: int, model: str = "") -> list[str]:
    """Return a command's words with what {host}, {port} and {model} stand for; other braces stay as they are."""
    filled = []
    for word in words:
        for mark, value in (("{host}", host), ("{port}", str(port)), (MODEL, model)):
            word = word.replace(mark, value)
        filled.append(word)
    return filled


def read_server(entry: Mapping[str, Any]) -> Server:
    """Return the server of a runtime's definition; raise Invalid naming what is wrong in it."""
    unknown = sorted(set(entry) - {"port", "health", "metrics", "command", "arguments"})
    if unknown:
        raise Invalid(f"A server has no '{unknown[0]}'.", "It has: port, health, metrics, command, arguments.")
    return Server(
        port=read_whole("Port of a server", entry.get("port"), 1, 65535),
        health=read_path("The health path", entry.get("health")),
        metrics=read_path("The metrics path", entry["metrics"]) if entry.get("metrics") else "",
        command=read_words("Command", entry.get("command", ())),
        arguments=read_words("Arguments", entry.get("arguments", ())),
    )


def read_path(what: str, value: object) -> str:
    """Return a path as it stands in a URL; raise Invalid."""
    if isinstance(value, str) and URL_PATH.fullmatch(value):
        return value
    raise Invalid(f"{what} '{value}' of a server is not a path.", "Write one that begins with /, for example /health.")


def read_words(what: str, value: object) -> tuple[str, ...]:
    """Return words from a list, or from a line as a shell would split it; raise Invalid."""
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as why:
        raise Invalid(f"{what} cannot be split into words: {why}.", "Close every quote.") from None
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise Invalid(f"{what} are not a list of words.", 'Write for example ["--max-model-len", "8192"].')
    if len(words) > WORDS_MAX or any(len(word) > WORD_MAX or not word.isprintable() for word in words):
        raise Invalid(
            f"{what} are more than {WORDS_MAX}, or one is longer than {WORD_MAX} characters or not printable.",
            "Write fewer, or put them into the image.",
        )
    return tuple(words)
