"""Everything that can go wrong, as one family: a stable code, a sentence, and a hint that says what to do instead.

Each door has one table from code to its own language: `rest/failures.py`, `rpc/failures.py` and the exit codes of
`cli.py`.
"""

from collections.abc import Mapping


class ServingError(Exception):
    """A refusal that is meant to be read by the person who caused it."""

    code = "internal"

    def __init__(self, sentence: str, hint: str = "") -> None:
        """Say what is wrong in `sentence` and what to do in `hint`."""
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        """Return the sentence, and the hint if there is one."""
        return f"{self.sentence} {self.hint}".strip()


class BadRequest(ServingError):
    """The request cannot be understood, or does not fit the model's signature."""

    code = "bad-request"


class UnknownModel(ServingError):
    """The path names a model or version that is not served here."""

    code = "unknown-model"


class UnknownFunction(ServingError):
    """The model has no such function."""

    code = "unknown-function"


class UnknownPath(ServingError):
    """There is nothing at this path."""

    code = "unknown-path"


class WrongVerb(ServingError):
    """The path exists under another verb."""

    code = "wrong-verb"


class BodyTooLarge(ServingError):
    """The body is over the limit."""

    code = "body-too-large"


class GateClosed(ServingError):
    """The request did not come through the gateway."""

    code = "gate-closed"


class NotReady(ServingError):
    """The model is not loaded yet."""

    code = "not-ready"


class Busy(ServingError):
    """The queue is full."""

    code = "busy"


class DeadlinePassed(ServingError):
    """The request waited longer than its deadline."""

    code = "deadline-passed"


class ModelRefused(ServingError):
    """The model itself refused the values it was given."""

    code = "model-refused"


class ModelFailed(ServingError):
    """The model broke while it ran, for a reason that is not the request's."""

    code = "model-failed"


class BadModelFile(ServingError):
    """The file is not a model that can be served: empty, cut short, of unknown format, or not a model at all."""

    code = "bad-model-file"


class DangerousModelFile(BadModelFile):
    """Opening the file would call something that no model needs."""

    code = "dangerous-model-file"


class MissingLibrary(BadModelFile):
    """The file needs a library, or a version of one, that this runtime does not have: `needs`, where it is known."""

    code = "missing-library"

    def __init__(self, sentence: str, hint: str = "", needs: Mapping[str, str] | None = None) -> None:
        """Say what is wrong and what to do, and which versions by name of the library would do."""
        super().__init__(sentence, hint)
        self.needs = dict(needs or {})


class LockMissing(ServingError):
    """This kernel cannot lock a process in, and the format may carry code."""

    code = "lock-missing"


class CardMissing(BadModelFile):
    """The model runs on cards alone, and none was granted or the granted ones do not take it."""

    code = "card-missing"


class CallStopped(ServingError):
    """A test call was stopped: it crashed, ran too long, printed or allocated too much."""

    code = "call-stopped"


class FetchFailed(ServingError):
    """A model file could not be fetched, or is not the one that was asked for."""

    code = "fetch-failed"


class TellFailed(ServingError):
    """The web process could not be told how a job goes."""

    code = "tell-failed"


class BadConfiguration(ServingError):
    """An argument or a variable is wrong, or a port is taken."""

    code = "bad-configuration"
