"""Calls the warm test runtime over HTTP. It opens files that nobody trusts; here only its JSON is read.

    POST /inspect {"digest", "filename", "override"?}
               -> {"format", "signature", "task", "libraries": [{"name", "in_file", …}], "sample",
                   "functions": [name], "further": {name: {"signature"}}}
    POST /fit {"libraries": {name: version}} -> {"refusal", "hint", "here": {name: version}, "warnings"}
    POST /test {"digest", "filename", "format", "name", "version", "function", "args", "override"?}
               -> {"result", "stdout", "stderr", "device", "seconds", "load_seconds"}
    a refusal -> {"code", "error", "hint"}

Where it runs is read from the last observation, so that it is found again wherever the cluster moved it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from airgate_kit.clock import Clock
from airgate_kit.names import HEADER_GATE
from airgate_web.domain.errors import BadModel, DangerousModel, Unavailable
from airgate_web.domain.functions import PREDICT
from airgate_web.domain.model import Function, ModelVersion, Signature, TensorSpec
from airgate_web.domain.runtime import find_tester_name
from airgate_web.domain.sample import read_sample
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.workload import Address, Observation, ReplicaState
from airgate_web.ports import Fit, Inspection, Store, TrialRun

PATIENCE = 30.0  # seconds to wait for a tester that is starting or moving
LOOK_AGAIN = 0.25  # seconds between two looks at the observation
CONNECT = 2.0  # seconds for one try to connect
ANSWER = 600.0  # seconds for a large model to load and run; the tester has limits of its own, below this
JUDGEMENT = 10.0  # seconds for a comparison of versions
BUSY = (429, 503)  # asked again, like one that does not take the connection
ANSWER_MAX = 64 * 1024 * 1024  # bytes; whoever took the tester over must not fill our memory
DANGEROUS = "dangerous-model-file"  # the code of what the scanner refuses
# Codes by which the tester speaks of itself; any other speaks of the file or of the values.
OWN_TROUBLE = ("internal", "busy", "not-ready", "gate-closed", "fetch-failed", "unknown-path", "wrong-verb")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes


class HttpTester:
    """Keeps the Tester protocol; safe in several threads."""

    def __init__(self, store: Store, internal_token: str, clock: Clock, patience: float = PATIENCE) -> None:
        self._store = store
        self._internal_token = internal_token
        self._clock = clock
        self._patience = patience

    def inspect(self, runtime: str, digest: str, filename: str, override: bool = False) -> Inspection:
        """Read a signature; see `Tester.inspect`."""
        said = {"override": digest} if override else {}
        answer = self._call(runtime, "/inspect", {"digest": digest, "filename": filename, **said})
        body = read_answer(answer)
        if is_refused(answer):
            kind = DangerousModel if body["code"] == DANGEROUS else BadModel
            raise kind(*read_refusal(body), read_versions(body.get("needs")))
        try:
            return read_inspection(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise explain_nonsense(answer) from error

    def judge(self, runtime: str, libraries: Mapping[str, str]) -> Fit:
        """Compare versions; see `Tester.judge`."""
        headers = {HEADER_GATE: find_tester_secret(self._internal_token, runtime)}
        answer = self._try(runtime, "/fit", {"libraries": dict(libraries)}, headers, JUDGEMENT)
        if answer is None or answer.status in BUSY:
            raise explain_away(self._store, runtime)
        body = read_answer(answer)
        return read_fit(body)

    def test(self, runtime: str, version: ModelVersion, function: str, args: object) -> TrialRun:
        """Load, call once, forget; see `Tester.test`."""
        call = {
            "digest": version.digest,
            "filename": version.filename,
            "format": version.format,
            "name": version.model,
            "version": str(version.version),
            "function": function,
            "args": args,
            **({"override": version.digest} if version.override else {}),
        }
        answer = self._call(runtime, "/test", call)
        return read_run(read_answer(answer), ok=not is_refused(answer))

    def _call(self, runtime: str, path: str, body: dict[str, object]) -> Answer:
        """Return the tester's answer; one that is busy or does not connect is asked again until patience ends."""
        deadline = self._clock.monotonic() + self._patience
        headers = {HEADER_GATE: find_tester_secret(self._internal_token, runtime)}
        while True:
            answer = self._try(runtime, path, body, headers)
            patient = self._clock.monotonic() < deadline
            if answer is not None and not (patient and answer.status in BUSY):
                return answer
            if not patient:
                raise explain_away(self._store, runtime)
            self._clock.sleep(LOOK_AGAIN)

    def _try(
        self, runtime: str, path: str, body: dict[str, object], headers: dict[str, str], seconds: float = ANSWER
    ) -> Answer | None:
        """Return one answer, or None when nobody takes the connection."""
        address = find_address(self._store, runtime)
        try:
            return post(address, path, body, headers, seconds) if address else None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return None


def post(address: Address, path: str, body: dict[str, object], headers: dict[str, str], seconds: float) -> Answer:
    """Send one request, past any proxy of the surroundings; Unavailable when the answer breaks off."""
    url = f"http://{address.host}:{address.http_port}{path}"
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(seconds, connect=CONNECT), trust_env=False) as client,
            client.stream("POST", url, json=body, headers=headers) as answer,
        ):
            return Answer(answer.status_code, read_bounded(answer))
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except httpx.HTTPError as error:
        raise Unavailable("The test runtime broke off in the middle.", "Try again.") from error


def read_bounded(answer: httpx.Response) -> bytes:
    """Return the body of an answer; Unavailable past ANSWER_MAX."""
    content = bytearray()
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > ANSWER_MAX:
            raise Unavailable(f"The answer of the test runtime is over {ANSWER_MAX // 2**20} MiB.", "Ask for less.")
    return bytes(content)


def find_address(store: Store, runtime: str) -> Address | None:
    """Return where the tester of a runtime answers, or None as long as nobody has seen one."""
    for facts in find_observed(store).workloads:
        if facts.name == find_tester_name(runtime) and facts.addresses:
            return facts.addresses[0]
    return None


def find_observed(store: Store) -> Observation:
    """Return the last observation, an empty one before the first."""
    seen = store.find_observation()
    return seen[0] if seen else Observation()


def explain_away(store: Store, runtime: str) -> Unavailable:
    """Return a refusal that says what is known of the tester that does not answer."""
    replicas = [
        replica
        for facts in find_observed(store).workloads
        if facts.name == find_tester_name(runtime)
        for replica in facts.replicas
        if replica.state is not ReplicaState.READY
    ]
    why = f": it is {replicas[0].state}" + (f", {replicas[0].reason}" if replicas[0].reason else "") if replicas else ""
    return Unavailable(f"The test runtime '{runtime}' does not answer{why}.", "Try again in a minute.")


def read_answer(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer; Unavailable when it is none, or speaks of the tester's own trouble."""
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or (is_refused(answer) and "code" not in body):
        raise explain_nonsense(answer)
    if is_refused(answer) and body["code"] in OWN_TROUBLE:
        sentence, hint = read_refusal(body)
        raise Unavailable(f"The test runtime cannot do this now: {sentence}", hint or "Try again.")
    return body


def explain_nonsense(answer: Answer) -> Unavailable:
    """Return a refusal for an answer that does not keep the contract."""
    return Unavailable(f"The test runtime answered {answer.status} without sense.", "Look at its log.")


def is_refused(answer: Answer) -> bool:
    """Return whether the tester did not do what it was asked."""
    return answer.status != httpx.codes.OK


def read_refusal(body: dict[str, Any]) -> tuple[str, str]:
    """Return the sentence and the hint of a refusal."""
    return str(body.get("error") or "The file is not a model that can be read."), str(body.get("hint") or "")


def read_fit(body: dict[str, Any]) -> Fit:
    """Return what a runtime says of the versions in a file."""
    warnings = body.get("warnings")
    return Fit(
        refusal=str(body.get("refusal") or ""),
        hint=str(body.get("hint") or ""),
        here=read_versions(body.get("here")),
        warnings=tuple(map(str, warnings)) if isinstance(warnings, list) else (),
    )


def read_versions(found: object) -> dict[str, str]:
    """Return versions by library; none where there is no such object."""
    return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}


def read_inspection(body: dict[str, Any]) -> Inspection:
    """Return what the tester read out of a file; an error of Python's where it is not of that shape.

    Raises BadModel for a script whose own example cannot be kept; that of any other file follows from its signature.
    """
    libraries = {str(one["name"]): str(one["in_file"]) for one in body.get("libraries", []) if one.get("in_file")}
    functions = [str(name) for name in body.get("functions") or [PREDICT]]
    further = tuple(read_function(name, body.get("further") or {}) for name in functions if name != PREDICT)
    signature = Signature(*read_specs(body["signature"]), further, PREDICT in functions)
    has_sample = signature.has_predict and not signature.inputs
    sample = read_sample(body.get("sample")) if has_sample else None
    return Inspection(str(body["format"]), signature, str(body.get("task") or ""), libraries, sample)


def read_function(name: str, further: dict[str, Any]) -> Function:
    """Return a function beside predict; a script's is known by its name alone."""
    return Function(name, *read_specs(further[name]["signature"])) if name in further else Function(name)


def read_specs(signature: dict[str, Any]) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and the outputs of a signature."""
    inputs, outputs = (tuple(map(read_spec, signature[kind])) for kind in ("inputs", "outputs"))
    return inputs, outputs


def read_spec(spec: dict[str, Any]) -> TensorSpec:
    """Return one input or output."""
    return TensorSpec(
        name=str(spec["name"]),
        datatype=str(spec["datatype"]),
        shape=tuple(int(size) for size in spec["shape"]),
        sample=spec.get("sample"),
        values=tuple(spec.get("values") or ()),
        schema=spec.get("schema"),
    )


def read_run(body: dict[str, Any], ok: bool) -> TrialRun:
    """Return what came of one call; of a refused one too, with what it printed until then."""
    error, hint = ("", "") if ok else read_refusal(body)
    return TrialRun(
        ok=ok,
        result=body.get("result"),
        stdout=str(body.get("stdout") or ""),
        stderr=str(body.get("stderr") or ""),
        device=str(body.get("device") or ""),
        seconds=float(body.get("seconds") or 0),
        load_seconds=float(body.get("load_seconds") or 0),
        error=error,
        hint=hint,
    )
