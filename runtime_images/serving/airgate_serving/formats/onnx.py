"""ONNX models, by ONNX Runtime."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import find_one, is_archive, read_members
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.onnx_file import OnnxHeader, read_header, read_open_header
from airgate_serving.formats.onnx_graph import GraphFacts, read_graph
from airgate_serving.formats.onnx_runner import PROVIDER_CPU, OnnxRunner, first_line
from airgate_serving.formats.onnx_types import find_onnx_datatype
from airgate_serving.formats.versions import ONNX_IR, ONNX_ML_OPSET, ONNX_OPSET, find_here, require_readable

# Not TensorRT: its build says that it has it, even where its libraries are not, and then complains on stdout.
PROVIDER_NVIDIA = "CUDAExecutionProvider"
LOG_FATAL = 4  # ONNX Runtime's own log level; what is less comes to us as an exception


def load(path: Path, options: LoadOptions) -> OnnxRunner:
    """Return the model in `path`, on the best device that is there. Raises BadModelFile with one sentence."""
    if is_archive(path):
        members = read_members(path)
        return load_source(make_source(members, find_one(members, ".onnx", "model")), options)
    return load_source(Source(str(path), read_header(path)), options)


def load_source(source: "Source", options: LoadOptions) -> OnnxRunner:
    """Return the model of a source. Raises BadModelFile with one sentence."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(LOG_FATAL)
    onnxruntime.disable_telemetry_events()
    libraries = find_libraries(source.header, onnxruntime.__version__)
    require_readable(libraries)
    providers = choose_providers(onnxruntime.get_available_providers(), options.nvidia)
    settings = _make_session_options(options.threads)
    _hand_over(source.beside, settings)
    try:
        session = onnxruntime.InferenceSession(source.model, sess_options=settings, providers=providers)
    except Exception as error:
        reason = first_line(error)
        hint = HINT_EXTERNAL if "xternal" in reason else HINT_OPEN
        raise BadModelFile(f"ONNX Runtime cannot open the model: {reason}", hint) from error
    return OnnxRunner(session, libraries, _read_facts(source, session))


def _read_facts(source: "Source", session: Any) -> GraphFacts:
    """Return what the file says of inputs that are no tensors; it is not read again where there is none."""
    if all(find_onnx_datatype(node.type) for node in session.get_inputs()):
        return GraphFacts()
    with io.BytesIO(source.model) if isinstance(source.model, bytes) else Path(source.model).open("rb") as file:
        return read_graph(file, file.seek(0, io.SEEK_END))


@dataclass(frozen=True, slots=True)
class Source:
    """What a session is made of: a path, or a model's bytes with the files beside it by name."""

    model: str | bytes
    header: OnnxHeader
    beside: dict[str, bytes] = field(default_factory=dict)


def make_source(members: dict[str, bytes], name: str) -> Source:
    """Return the model of that name among the files of an archive, and those that lie beside it there."""
    model, folder = members[name], PurePosixPath(name).parent
    places = {PurePosixPath(other): content for other, content in members.items() if other != name}
    beside = {str(place.relative_to(folder)): raw for place, raw in places.items() if place.is_relative_to(folder)}
    return Source(model, read_open_header(io.BytesIO(model), len(model)), beside)


def _hand_over(beside: dict[str, bytes], settings: Any) -> None:
    """Give files to a session as its external data. They must live until the session has been made."""
    sizes = [len(content) for content in beside.values()]
    settings.add_external_initializers_from_files_in_memory(list(beside), list(beside.values()), sizes)


HINT_EXTERNAL = "Upload a zip or tar.gz with the model and the files of its weights, as they lie beside each other."
HINT_OPEN = "Check it with onnx.checker on the machine that made it, or export it for an older opset."


def choose_providers(available: Sequence[str], nvidia: bool) -> list[str]:
    """Return the execution providers to try, best first: NVIDIA's when a card was granted, then the CPU."""
    return [PROVIDER_NVIDIA, PROVIDER_CPU] if nvidia and PROVIDER_NVIDIA in available else [PROVIDER_CPU]


def _make_session_options(threads: int) -> Any:
    """Return options sized for the container: ONNX Runtime itself would take the host's cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning eats the CPU limit
    return options


def find_libraries(header: OnnxHeader, installed: str) -> tuple[Library, ...]:
    """Return who made the file and of which ONNX it is, beside what is read here."""
    made_by = (Library(header.producer, header.producer_version, ""),) if header.producer else ()
    opsets = [(OPSETS[domain], version) for domain, version in header.opsets if domain in OPSETS]
    versions = {name: str(version) for name, version in ((ONNX_IR, header.ir), *opsets) if version}
    return (*made_by, *find_here(versions), Library("onnxruntime", "", installed))


OPSETS = {"": ONNX_OPSET, "ai.onnx": ONNX_OPSET, "ai.onnx.ml": ONNX_ML_OPSET}
