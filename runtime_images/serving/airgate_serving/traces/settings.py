"""What is asked for by argument and by OpenTelemetry's own variables.

Docs: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and …/protocol/exporter/. A
variable that makes no sense is warned of and passed over, as they ask for; an address that makes none is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from airgate_kit.names import VERSION
from airgate_serving.errors import BadConfiguration

ENV_ENDPOINT, ENV_TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
ENV_DISABLED, ENV_EXPORTER = "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"
ENV_SERVICE, ENV_RESOURCE = "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"
ENV_SAMPLER, ENV_RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
ENV_DELAY, ENV_BATCH = "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
SENDING = ("PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "CERTIFICATE")  # after OTEL_EXPORTER_OTLP_[TRACES_]
TRACES_PATH = "/v1/traces"
PROTOCOL = "http/protobuf"
SERVICE = "airgate-serve"
SAMPLERS = ("always_on", "always_off", "traceidratio")  # each also after parentbased_
PARENT_BASED = "parentbased_"


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where spans go and which. `warnings` say which variables were passed over."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0  # seconds for one batch, further tries included
    delay: float = 5.0  # seconds a span may wait for others
    most_spans: int = 512  # of a batch
    compress: bool = False
    certificate: str = ""  # file of the authority that an https collector's certificate is from
    resource: Mapping[str, str] = field(default_factory=dict)
    sampler: str = "parentbased_always_on"
    ratio: float = 1.0  # of the traces that begin here
    warnings: tuple[str, ...] = ()


def read_settings(given: str, environment: Mapping[str, str]) -> TraceSettings | None:
    """Return the settings, or None where no address is given or tracing is switched off.

    given: the collector's address by argument, which goes before variables. Raises BadConfiguration for an address
    that is none.
    """
    url = _find_url(given, environment)
    if not url:
        return None
    reader = _Reader(environment)
    sampler = reader.choose(ENV_SAMPLER, (*SAMPLERS, *(f"{PARENT_BASED}{name}" for name in SAMPLERS)))
    reader.check_protocol()
    return TraceSettings(
        url=url,
        headers=_read_pairs(reader.find_sending("HEADERS")),
        timeout=reader.read_number(reader.name_sending("TIMEOUT"), 10_000.0) / 1000,
        delay=reader.read_number(ENV_DELAY, 5000.0) / 1000,
        most_spans=max(1, int(reader.read_number(ENV_BATCH, 512.0))),
        compress=reader.find_sending("COMPRESSION") == "gzip",
        certificate=reader.find_sending("CERTIFICATE"),
        resource=_describe_resource(environment),
        sampler=sampler or "parentbased_always_on",
        ratio=min(1.0, reader.read_number(ENV_RATIO, 1.0)) if sampler.endswith("ratio") else 1.0,
        warnings=tuple(reader.warnings),
    )


class _Reader:
    """Reads variables and keeps what was wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.warnings: list[str] = []

    def name_sending(self, ending: str) -> str:
        """Return the variable to read: the one for traces alone where it is set."""
        own = f"OTEL_EXPORTER_OTLP_TRACES_{ending}"
        return own if self._environment.get(own) else f"OTEL_EXPORTER_OTLP_{ending}"

    def find_sending(self, ending: str) -> str:
        """Return what is set for traces, or for everything; "" where nothing is."""
        return self._environment.get(self.name_sending(ending), "").strip()

    def read_number(self, name: str, default: float) -> float:
        """Return a number of 0 or more."""
        text = self._environment.get(name, "").strip()
        try:
            number = float(text) if text else default
        except ValueError:
            number = -1.0
        if 0 <= number < float("inf"):
            return number
        self.warnings.append(f"{name}={text} is not a number of 0 or more; it is {default:g}.")
        return default

    def choose(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of the choices, or ""."""
        text = self._environment.get(name, "").strip().lower()
        if not text or text in choices:
            return text
        self.warnings.append(f"{name}={text} is none of {', '.join(choices)}; it is {PARENT_BASED}always_on.")
        return ""

    def check_protocol(self) -> None:
        """Warn of a protocol that is not spoken here."""
        asked = self.find_sending("PROTOCOL")
        if asked not in ("", PROTOCOL):
            self.warnings.append(f"{self.name_sending('PROTOCOL')}={asked}: spans are sent by {PROTOCOL} alone.")


def _find_url(given: str, environment: Mapping[str, str]) -> str:
    """Return the whole address to which spans are posted, or "" for none."""
    if not given and _is_off(environment):
        return ""
    exact = environment.get(ENV_TRACES_ENDPOINT, "").strip()
    base = given or ("" if exact else environment.get(ENV_ENDPOINT, "").strip())
    if base and not base.rstrip("/").endswith(TRACES_PATH):
        base = base.rstrip("/") + TRACES_PATH
    return _check_url(base or exact) if base or exact else ""


def _is_off(environment: Mapping[str, str]) -> bool:
    disabled = environment.get(ENV_DISABLED, "").strip().lower() == "true"
    return disabled or environment.get(ENV_EXPORTER, "").strip().lower() == "none"


def _check_url(url: str) -> str:
    hint = f"Write http://HOST:4318 (--trace-url, {ENV_ENDPOINT})."
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise BadConfiguration(f"The address of the collector of traces, {url}, is not one of HTTP.", hint)
    return url


def _describe_resource(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is said of this process with every span."""
    asked = _read_pairs(environment.get(ENV_RESOURCE, ""))
    service = environment.get(ENV_SERVICE, "").strip()
    named = {"service.name": service} if service else {}
    return {"service.name": SERVICE, "service.version": VERSION, **asked, **named}


def _read_pairs(text: str) -> dict[str, str]:
    """Return what is written as `a=1,b=2`, percent signs undone."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, is_pair, value in pairs if is_pair and name.strip()}
