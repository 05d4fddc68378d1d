"""The one error family of the device plugin: a stable code, a sentence, and what to do about it."""


class PluginError(Exception):
    """Something the plugin cannot do: `code` for programs, the sentence for people, `hint` for what to do.

    The exit code that each code ends with is in cli.py; the gRPC status in kubelet/servicer.py.
    """

    code = "plugin-error"

    def __init__(self, sentence: str, hint: str = "") -> None:
        """Keep the sentence (what and why) and the hint (what to do instead)."""
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        """Return sentence and hint in one line."""
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


class BadSettings(PluginError):
    """A setting is unknown or has an impossible value."""

    code = "bad-settings"


class HostUnreadable(PluginError):
    """The host's files are not where they were said to be."""

    code = "host-unreadable"


class CannotServe(PluginError):
    """A socket or a port cannot be opened."""

    code = "cannot-serve"


class GrantRefused(PluginError):
    """The kubelet asked for a device that cannot be granted."""

    code = "grant-refused"
