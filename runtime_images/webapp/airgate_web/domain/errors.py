"""The one family of refusals: a stable code, a sentence for a person, a hint what to do instead."""


class Refusal(Exception):
    """A wish that cannot be met. The doors turn `code` into a status by one table each.

    sentence: what is wrong and why, one sentence, shown as it is.
    hint: what to do instead: the button, the command or the variable. Empty when the sentence says it.
    """

    code = "refused"

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class Invalid(Refusal):
    """A value is not of the form it must have."""

    code = "invalid"


class NotFound(Refusal):
    """What was named does not exist, or is hidden from who asks."""

    code = "not_found"


class Conflict(Refusal):
    """The name is taken, or something still uses what is to go."""

    code = "conflict"


class TooLarge(Refusal):
    """The upload is over the limit."""

    code = "too_large"


class Unauthenticated(Refusal):
    """Nobody is signed in, or the password or token is wrong."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """Who asks may not do this."""

    code = "forbidden"


class BadModel(Refusal):
    """The file is not a model that can be read. needs: versions by library that would read it, where that is known."""

    code = "bad_model"

    def __init__(self, sentence: str, hint: str = "", needs: dict[str, str] | None = None) -> None:
        super().__init__(sentence, hint)
        self.needs = dict(needs or {})


class DangerousModel(BadModel):
    """The scanner refuses the file. An administrator may allow that one file all the same."""

    code = "dangerous_model"


class Unavailable(Refusal):
    """A part that is needed does not answer now; trying again later is right."""

    code = "unavailable"


class TooMany(Refusal):
    """Tried too often; waiting is right."""

    code = "too_many"
