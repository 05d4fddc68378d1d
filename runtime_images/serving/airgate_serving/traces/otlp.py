"""Records to OpenTelemetry's messages. Pure.

Docs: https://github.com/open-telemetry/opentelemetry-proto, opentelemetry/proto/collector/trace/v1.
"""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from airgate_kit.names import VERSION
from airgate_serving.traces.record import SpanRecord, StageRecord, Value

SCOPE = "airgate_serving"
SPAN_BYTES = 8
SAMPLED = 1
REMOTE_KNOWN, REMOTE = 0x100, 0x200  # SpanFlags: whether the parent is of another process


def make_spans(record: SpanRecord, make_bytes: Callable[[int], bytes]) -> list[Span]:
    """Return a record's spans, the server's first; `make_bytes` gives random ones for ids.

    Raises ValueError for a record that cannot be one of ours.
    """
    trace_id, parent = bytes.fromhex(record.trace_id), bytes.fromhex(record.parent)
    if len(trace_id) != 16 or len(parent) not in (0, SPAN_BYTES):
        raise ValueError("an id is not as long as it has to be")
    server = Span(
        trace_id=trace_id,
        span_id=make_bytes(SPAN_BYTES),
        parent_span_id=parent,
        trace_state=record.state,
        flags=SAMPLED | REMOTE_KNOWN | (REMOTE if parent else 0),
        name=record.name,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=record.begin,
        end_time_unix_nano=record.end,
        attributes=write_attributes(record.attributes),
        status=_write_status(record.failed),
    )
    return [server, *(_make_child(stage, server, make_bytes(SPAN_BYTES)) for stage in record.stages)]


def _make_child(stage: StageRecord, server: Span, span_id: bytes) -> Span:
    return Span(
        trace_id=server.trace_id,
        span_id=span_id,
        parent_span_id=server.span_id,
        trace_state=server.trace_state,
        flags=SAMPLED | REMOTE_KNOWN,
        name=stage.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=stage.begin,
        end_time_unix_nano=stage.end,
        attributes=write_attributes(stage.attributes),
        status=_write_status(stage.failed),
    )


def write_request(spans: Iterable[Span], resource: Mapping[str, Value]) -> bytes:
    """Return the body of one export: these spans of this process."""
    scope = ScopeSpans(scope=InstrumentationScope(name=SCOPE, version=VERSION), spans=spans)
    ours = ResourceSpans(resource=Resource(attributes=write_attributes(resource)), scope_spans=[scope])
    return ExportTraceServiceRequest(resource_spans=[ours]).SerializeToString()


def read_rejected(body: bytes) -> tuple[int, str]:
    """Return how many spans a collector did not take of an export that it did, and why. Raises DecodeError."""
    partial = ExportTraceServiceResponse.FromString(body).partial_success
    return partial.rejected_spans, partial.error_message


def write_attributes(attributes: Mapping[str, Value]) -> list[KeyValue]:
    """Return attributes as the protocol has them."""
    return [KeyValue(key=name, value=_write_value(value)) for name, value in attributes.items()]


def _write_value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)


def _write_status(failed: bool) -> Status | None:
    return Status(code=Status.STATUS_CODE_ERROR) if failed else None
