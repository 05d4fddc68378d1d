"""A tester that runs nothing: it takes files that begin with "model" for models, and answers what it was asked.

Its scanner refuses those that begin with "danger".
"""

from collections.abc import Mapping

from airgate_web.domain.errors import BadModel, DangerousModel, Unavailable
from airgate_web.domain.functions import list_functions
from airgate_web.domain.model import ModelVersion
from airgate_web.ports import Blobs, Fit, Inspection, TrialRun
from tests.fakes.samples import SIGNATURE


class FakeTester:
    """Keeps the Tester protocol.

    Set `away` to have it answer like one that does not run, `fits` to have a runtime judge versions so.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.away = False
        self.calls: list[tuple[object, ...]] = []
        self.fits: dict[str, Fit] = {}

    def inspect(self, runtime: str, digest: str, filename: str, override: bool = False) -> Inspection:
        self._note("inspect", runtime, digest, filename)
        if self._blobs.find(digest) is None:
            raise Unavailable("The file cannot be fetched.")
        with self._blobs.open(digest) as file:
            head = file.read(6)
        if head == b"danger" and not override:
            raise DangerousModel("Opening this file would use posix.system.", "Save the model again.")
        if not head.startswith(b"model") and head != b"danger":
            raise BadModel(f"{filename} is not a model.", "Export it again.")
        return Inspection("onnx", SIGNATURE, "classification", {"onnx": "1.19"})

    def judge(self, runtime: str, libraries: Mapping[str, str]) -> Fit:
        if self.away:
            raise Unavailable("No tester runs.", "Try again.")
        return self.fits.get(runtime, Fit(here=dict(libraries)))

    def test(self, runtime: str, version: ModelVersion, function: str, args: object) -> TrialRun:
        self._note("test", runtime, version.version, function, args)
        known = list_functions(version.signature)
        error = "The input is bad." if args == "bad" else ""
        error = error if function in known else f"The model has no function '{function}'."
        return TrialRun(
            ok=not error,
            result={"args": args},
            stdout="ONNX Runtime device: CPU\n",
            stderr="",
            device="CPU",
            seconds=0.001,
            load_seconds=0.1,
            error=error,
            hint="" if function in known else f"It has {', '.join(known)}.",
        )

    def _note(self, *call: object) -> None:
        self.calls.append(call)
        if self.away:
            raise Unavailable("No tester runs.", "Try again.")
