"""One object behind every door: what is served, whether it is ready, and the way in."""

from dataclasses import dataclass
from typing import Any

from airgate_serving.engine.admission import Admission, State
from airgate_serving.engine.batcher import Batcher, Waiter
from airgate_serving.engine.meter import PREDICT, Meter
from airgate_serving.engine.trace import Trace
from airgate_serving.errors import BadRequest, UnknownFunction
from airgate_serving.formats.interface import ModelInfo
from airgate_serving.tensors import Signature, Tensors


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The name under which a file is served. `granted` says which cards this process was given, or nothing."""

    name: str
    version: str
    digest: str
    granted: str = ""


class DataPlane:
    """Takes tensors to the model that is loaded, once it is."""

    def __init__(self, model: ServedModel, admission: Admission, meter: Meter) -> None:
        """Serve `model` when `attach` has brought it."""
        self.model = model
        self.admission = admission
        self.meter = meter
        self._info: ModelInfo | None = None
        self._batcher: Batcher | None = None

    def attach(self, info: ModelInfo, batcher: Batcher) -> Batcher | None:
        """Bring the loaded model and become ready, unless a drain has begun; return the queue of the one before."""
        for function in info.functions:
            self.meter.find_stages(function)
        old = self._batcher
        self._info, self._batcher = info, batcher
        if self.admission.state in (State.STARTING, State.UNLOADED):
            self.admission.state = State.READY
        return old

    def detach(self) -> Batcher | None:
        """Take the model out and be no longer ready; return its queue, in which there may be requests still."""
        old, self._batcher, self._info = self._batcher, None, None
        if self.admission.state is State.READY:
            self.admission.state = State.UNLOADED
        return old

    @property
    def info(self) -> ModelInfo:
        """Return what is known of the model. Raises NotReady before it is loaded."""
        if self._info is None:
            raise self.admission.explain_not_ready()
        return self._info

    @property
    def signature(self) -> Signature:
        """Return what the model takes and gives where no function is named. Raises NotReady, or BadRequest for none."""
        info = self.info
        if PREDICT not in info.functions:
            hint = f"Ask one of its functions: {info.list_calls()}."
            raise BadRequest(f"{self.model.name} answers under no name but those of its functions.", hint)
        return info.signature

    def find_signature(self, function: str) -> Signature:
        """Return what a function of tensors takes and gives. Raises what `signature` does, and UnknownFunction."""
        if function == PREDICT:
            return self.signature
        further = self.info.further
        if function not in further:
            raise UnknownFunction(f"There is no {function[:60]!r}.", f"There is {self.info.list_calls()}.")
        return further[function]

    def is_ready(self) -> bool:
        """Return whether requests should be sent here."""
        return self.admission.state is State.READY

    async def infer(self, inputs: Tensors, trace: Trace | None = None) -> Tensors:
        """Return the outputs. Raises NotReady, Busy, DeadlinePassed, ModelRefused or ModelFailed."""
        self._refuse_script()
        admission = self.admission
        admission.enter()
        try:
            assert self._batcher is not None
            outputs: Tensors = await self._batcher.submit(inputs, PREDICT, trace)
            return outputs
        finally:
            admission.leave()

    def queue(self, answer: Waiter, inputs: Tensors, trace: Trace | None = None) -> None:
        """Have the outputs, or what `infer` raises later, told to `answer`, which then calls `admission.leave`.

        Raises NotReady or Busy; then there is nobody to leave.
        """
        self._refuse_script()
        self.admission.enter()
        assert self._batcher is not None
        self._batcher.queue(answer, inputs, PREDICT, trace)

    def _refuse_script(self) -> None:
        if self.info.is_script:
            raise BadRequest(f"{self.model.name} is a script, which takes no tensors.", "Ask POST /predict.")

    async def call(self, function: str, call: Any, trace: Trace | None = None) -> Any:
        """Return what a script's function, or a model's further one, answers. Raises what `infer` raises."""
        admission = self.admission
        admission.enter()
        try:
            assert self._batcher is not None
            return await self._batcher.submit(call, function, trace)
        finally:
            admission.leave()

    def close(self) -> None:
        """End the model's thread."""
        if self._batcher:
            self._batcher.close()
