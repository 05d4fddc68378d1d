"""Where a request comes from and whether to follow it: W3C Trace Context, and OpenTelemetry's samplers. Pure.

Docs: https://www.w3.org/TR/trace-context/ and https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from airgate_serving.traces.settings import PARENT_BASED

HEADER_PARENT, HEADER_STATE = "traceparent", "tracestate"
PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
STATE = re.compile(r"[\x20-\x7e]{1,512}")
NO_TRACE, NO_SPAN = "0" * 32, "0" * 16
SAMPLED = 1  # the flag
LOW_HALF = (1 << 64) - 1  # of a trace id: what the ratio looks at, as in OpenTelemetry's own SDK for Python


@dataclass(frozen=True, slots=True)
class Caller:
    """The span that called us."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""


def read_caller(find: Callable[[str], str | None]) -> Caller | None:
    """Return the caller that the headers name; None where they name none, or not as the standard has it."""
    text = find(HEADER_PARENT)
    found = PARENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if not found:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace_id == NO_TRACE or span_id == NO_SPAN:
        return None
    state = find(HEADER_STATE)
    fits = isinstance(state, str) and STATE.fullmatch(state)
    return Caller(trace_id, span_id, bool(int(flags, 16) & SAMPLED), str(state) if fits else "")


def judge_sampled(sampler: str, ratio: float, caller: Caller | None, trace_id: str) -> bool:
    """Return whether to follow a request. trace_id: 32 hexadecimal digits; ratio: of 0 to 1."""
    if sampler.startswith(PARENT_BASED) and caller:
        return caller.sampled
    kind = sampler.removeprefix(PARENT_BASED)
    if kind == "traceidratio":
        return int(trace_id, 16) & LOW_HALF < round(ratio * (LOW_HALF + 1))
    return kind == "always_on"
