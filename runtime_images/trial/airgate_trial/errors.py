"""The trial's family of errors."""


class TrialError(Exception):
    """A stable code, a sentence, and a hint what to do instead."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.hint = hint
