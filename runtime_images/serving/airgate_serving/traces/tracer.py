"""Decides which requests are followed, and turns one that was into a record of spans.

Names and attributes are OpenTelemetry's own where it has one (https://opentelemetry.io/docs/specs/semconv/); ours begin
with `airgate.`. Nothing of what was asked or answered is in them.
"""

import re
from collections.abc import Callable
from datetime import datetime

import grpc

from airgate_serving.engine.dataplane import ServedModel
from airgate_serving.engine.seen import Seen
from airgate_serving.engine.trace import CODEC, COMPUTE, Stage, Trace
from airgate_serving.traces.context import judge_sampled, read_caller
from airgate_serving.traces.record import Attributes, SpanRecord, StageRecord
from airgate_serving.traces.settings import TraceSettings

TRACE_BYTES = 16
BILLION = 1_000_000_000
PROBES = re.compile(r"/v2/health/\w+|/v2/models/.+/ready")
NAMED = ((re.compile(r"/models/[^/]+"), "/models/{model}"), (re.compile(r"/versions/[^/]+"), "/versions/{version}"))
NOWHERE = frozenset({"gate-closed", "body-too-large", "unknown-path", "unknown-model", "unknown-function", "internal"})
VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
RPC_SERVICE = "inference.GRPCInferenceService"
RPC_STATUS = {int(status.value[0]): status.name for status in grpc.StatusCode}
RPC_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}  # the server's
SERVER_FAULT = 500  # HTTP statuses from here on are the server's fault
LONGEST_TEXT = 128  # characters of what a caller chose


class Tracer:
    """Follows requests. Lives on the loop's thread."""

    def __init__(
        self,
        settings: TraceSettings,
        send: Callable[[SpanRecord], None],
        find_model: Callable[[Seen], ServedModel | None],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        make_bytes: Callable[[int], bytes],
    ) -> None:
        """Follow by the settings' sampler and `send` what was seen; `make_bytes` gives random ones for ids."""
        self._settings, self._send, self._find_model = settings, send, find_model
        self._now, self._monotonic, self._make_bytes = now, monotonic, make_bytes

    def follow(self, what: str, find: Callable[[str], str | None]) -> Trace | None:
        """Return what the request is noted in, or None when it is not sampled, or a probe."""
        if PROBES.fullmatch(what):
            return None
        caller = read_caller(find)
        trace_id = caller.trace_id if caller else self._make_bytes(TRACE_BYTES).hex()
        if not judge_sampled(self._settings.sampler, self._settings.ratio, caller, trace_id):
            return None
        parent, state = (caller.span_id, caller.state) if caller else ("", "")
        return Trace(trace_id, parent, state, self._monotonic(), self._now().timestamp())

    def note(self, seen: Seen) -> None:
        """Send what was followed."""
        if seen.trace is not None:
            self._send(make_record(seen, seen.trace, self._find_model(seen)))


def make_record(seen: Seen, trace: Trace, model: ServedModel | None) -> SpanRecord:
    """Return the spans of one answered request; `model` is the one that it led to, if it led to one."""
    name, attributes, failed = _describe_rpc(seen) if seen.door == "grpc" else _describe_http(seen)
    if model and seen.code not in NOWHERE:
        attributes |= {
            "airgate.model.name": model.name,
            "airgate.model.version": model.version,
            "airgate.model.digest": model.digest,
        }
    if seen.request_id:
        attributes["airgate.request.id"] = seen.request_id[:LONGEST_TEXT]
    begin = int(trace.unix * BILLION)
    end = begin + int(seen.seconds * BILLION)
    stages = [_make_stage(stage, trace, begin) for stage in trace.stages]
    return SpanRecord(trace.trace_id, trace.parent, trace.state, name, begin, end, attributes, failed, stages)


def find_route(path: str, code: str) -> str:
    """Return the path with names replaced by what they are names of; "" where it led nowhere."""
    if code in NOWHERE:
        return ""
    for pattern, template in NAMED:
        path = pattern.sub(template, path, count=1)
    return path


def _describe_http(seen: Seen) -> tuple[str, Attributes, bool]:
    """Return name, attributes and whether it is the server's fault."""
    verb, _, path = seen.what.partition(" ")
    method = verb if verb in VERBS else "_OTHER"
    route = find_route(path, seen.code)
    attributes: Attributes = {
        "http.request.method": method,
        "http.response.status_code": seen.status,
        "url.path": path[:LONGEST_TEXT],
        "url.scheme": "http",
    }
    if route:
        attributes["http.route"] = route
    if seen.code:
        attributes["error.type"] = seen.code
    return f"{method if method in VERBS else 'HTTP'} {route}".strip(), attributes, seen.status >= SERVER_FAULT


def _describe_rpc(seen: Seen) -> tuple[str, Attributes, bool]:
    method, status = f"{RPC_SERVICE}/{seen.what}", RPC_STATUS.get(seen.status, str(seen.status))
    attributes: Attributes = {"rpc.system.name": "grpc", "rpc.method": method, "rpc.response.status_code": status}
    if seen.status:
        attributes["error.type"] = status
    return method, attributes, status in RPC_FAULTS


def _make_stage(stage: Stage, trace: Trace, unix: int) -> StageRecord:
    begin = unix + int((stage.begin - trace.begin) * BILLION)
    end = unix + int((stage.end - trace.begin) * BILLION)
    return StageRecord(stage.name, begin, end, _describe_stage(stage, trace), stage.failed)


def _describe_stage(stage: Stage, trace: Trace) -> Attributes:
    """Return the attributes of a stage: a run's rows are those of its whole batch."""
    if stage.name == CODEC:
        return {"airgate.codec.step": "decode" if stage is trace.stages[0] else "encode"}
    return {"airgate.batch.rows": stage.rows} if stage.name == COMPUTE else {}
