"""What traces are made of: headers, samplers, variables, the pipe, and lines that a model could have written."""

import asyncio
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_kit.clock import SystemClock
from airgate_serving.errors import BadConfiguration
from airgate_serving.traces.context import Caller, judge_sampled, read_caller
from airgate_serving.traces.counts import Counts
from airgate_serving.traces.otlp import make_spans
from airgate_serving.traces.pipe import SpanPipe
from airgate_serving.traces.record import LONGEST, SpanRecord, StageRecord, read_line, write_line
from airgate_serving.traces.settings import read_settings
from airgate_serving.traces.tracer import find_route

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HERE = "http://collector:4318"
NO_CHILD = 2**22 + 1  # a process id that Linux never gives


def make_record(name: str = "POST /predict", trace_id: str = TRACE) -> SpanRecord:
    """Return a request of two spans."""
    stage = StageRecord("compute", 2, 3, {"airgate.batch.rows": 1})
    return SpanRecord(trace_id, SPAN, "", name, 1, 4, {"url.path": "/predict", "tried": True}, False, [stage])


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        (f"00-{TRACE}-{SPAN}-01", Caller(TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-00", Caller(TRACE, SPAN, False)),
        (f"00-{TRACE}-{SPAN}-03", Caller(TRACE, SPAN, True)),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-is-like", Caller(TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        ("", None),
        (None, None),
    ],
)
def test_a_caller_is_read_as_the_standard_has_it(header: str | None, caller: Caller | None) -> None:
    """The examples of W3C Trace Context, and what it calls invalid."""
    assert read_caller({"traceparent": header}.get) == caller


def test_a_ratio_follows_its_part_and_always_the_same_traces() -> None:
    """By the id alone: every service of a trace decides alike."""
    ids = [f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}" for number in range(1, 1001)]
    followed = {trace_id for trace_id in ids if judge_sampled("traceidratio", 0.25, None, trace_id)}
    assert 240 <= len(followed) <= 260
    assert followed < {trace_id for trace_id in ids if judge_sampled("traceidratio", 0.5, None, trace_id)}


@pytest.mark.parametrize(
    ("given_url", "variables", "url"),
    [
        ("", {}, None),
        (HERE, {}, f"{HERE}/v1/traces"),
        (f"{HERE}/v1/traces", {}, f"{HERE}/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{HERE}/site/"}, f"{HERE}/site/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": HERE}, HERE),
        (HERE, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other"}, f"{HERE}/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_SDK_DISABLED": "true"}, None),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": HERE, "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_address_is_found_as_every_sdk_finds_it(given_url: str, variables: dict[str, str], url: str | None) -> None:
    """The argument first, then the variable for traces as it is, then the one for all with the path added."""
    settings = read_settings(given_url, variables)
    assert (settings.url if settings else None) == url


def test_variables_that_make_no_sense_are_warned_of_and_passed_over() -> None:
    """As OpenTelemetry asks for: a typo in them stops no server."""
    odd = {
        "OTEL_TRACES_SAMPLER": "sometimes",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    settings = read_settings(HERE, odd)
    assert settings and (settings.sampler, settings.timeout) == ("parentbased_always_on", 10.0)
    assert [warning.split("=")[0] for warning in sorted(settings.warnings)] == sorted(odd)
    with pytest.raises(BadConfiguration, match="not one of HTTP"):
        read_settings("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})


def test_a_route_names_no_model_and_a_path_that_leads_nowhere_has_none() -> None:
    """So that a thousand addresses that somebody tries are not a thousand names of spans."""
    assert find_route("/v2/models/fraud/versions/3/infer", "") == "/v2/models/{model}/versions/{version}/infer"
    assert find_route("/models/fraud/predict", "busy") == "/models/{model}/predict"
    assert find_route("/admin.php", "unknown-path") == ""


async def test_a_pipe_that_is_full_drops_and_counts_and_never_waits() -> None:
    """Nobody reads: every record is either in the pipe or counted; when the reader is gone, all are counted."""
    takes, gives = os.pipe()
    pipe = SpanPipe(gives, os.dup(gives), NO_CHILD, Counts())
    for _ in range(20_000):
        pipe.send(make_record())
    pipe.flush()
    os.set_blocking(takes, False)
    lines = b"".join(iter(lambda: _read(takes), b"")).splitlines()
    assert all(read_line(line) == make_record() for line in lines)
    assert 0 < len(lines) < 20_000 and pipe.count() == (0, 2 * (20_000 - len(lines)))
    os.close(takes)
    pipe.send(make_record())
    pipe.send(make_record("x" * LONGEST))
    await asyncio.to_thread(pipe.finish, SystemClock())
    assert pipe.count() == (0, 2 * (20_002 - len(lines)))
    os.close(pipe._held)


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except BlockingIOError:
        return b""


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_a_line_that_is_none_of_ours_is_passed_over(line: bytes) -> None:
    """Whatever a model writes into the pipe."""
    assert read_line(line) is None


@given(st.text(), st.text(), st.integers(), st.integers())
def test_a_record_is_made_into_spans_or_refused(trace_id: str, name: str, begin: int, end: int) -> None:
    """Texts that are no ids, times before 1970 or after the universe: a ValueError, which the exporter counts."""
    record = SpanRecord(trace_id or TRACE, "", "", name, begin, end, {}, False, [])
    try:
        spans = make_spans(record, os.urandom)
    except ValueError:
        return
    assert len(spans) == 1 and len(spans[0].trace_id) == 16


def test_a_record_survives_the_pipe() -> None:
    """Types and order as they were."""
    assert read_line(write_line(make_record())) == make_record()
    assert len(make_spans(make_record(), os.urandom)) == 2
