"""Whether this runtime's libraries can read a file: the versions in the file against those here, before it is opened.

What is older, or unknown, is opened. A file of a newer major version than its maker's library here is refused, and so
is one of a newer ONNX than ONNX Runtime reads, or of a newer PMML than PMML4S; a newer minor version is worth a
warning, for it usually opens.
Estimators of scikit-learn are promised to open in their own version alone, so an older one is worth a warning too:
https://scikit-learn.org/stable/model_persistence.html
"""

import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from airgate_serving.errors import MissingLibrary
from airgate_serving.formats.interface import Library, ModelInfo
from airgate_serving.formats.onnx_limits import find_limits

MAKERS = {"scikit-learn": "scikit-learn", "xgboost": "XGBoost", "lightgbm": "LightGBM"} | {
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
}
PMML, PMML_OLDEST, PMML_NEWEST = "pmml", "3.0", "4.4"  # of the standard; PMML4S reads these
ONNX_IR, ONNX_OPSET, ONNX_ML_OPSET = "onnx-ir", "onnx-opset", "onnx-ml-opset"
SPELLED = {ONNX_IR: "IR version", ONNX_OPSET: "opset", ONNX_ML_OPSET: "opset of ai.onnx.ml"}
BESIDE = {"numpy": "NumPy", "pandas": "pandas", "scipy": "SciPy", "joblib": "joblib", "skops": "skops"}
DISTRIBUTIONS = {  # where the version is known, by the library's name
    "xgboost": ("xgboost-cpu", "xgboost"),
    "tensorflow": ("tensorflow-cpu", "tensorflow"),
}
UNFROZEN = frozenset({"keras", "tensorflow", "torch"})  # libraries of an image that `freeze` makes no lock of
EXACT = frozenset({"scikit-learn"})  # an older minor version is another one too
NUMBERS = re.compile(r"\d+(?:\.\d+)*")
FREEZE = "airgate-serve freeze FILE --wheels DIR --to LOCK"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the versions in a file mean here: a refusal with its hint and what would be needed, or warnings."""

    refusal: str = ""
    hint: str = ""
    needs: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def judge(libraries: Iterable[Library]) -> Verdict:
    """Return what the versions in a file mean: the first that refuses, or a warning for each that might matter."""
    warnings = []
    for library in libraries:
        refusal = _find_refusal(library)
        if refusal:
            return refusal
        warning = _find_warning(library)
        warnings += [warning] if warning else []
    return Verdict(warnings=tuple(warnings))


def list_warnings(info: ModelInfo) -> tuple[str, ...]:
    """Return what may differ in a loaded model, and which of its functions cannot be called."""
    return (*judge(info.libraries).warnings, *info.left_out)


def require_readable(libraries: Iterable[Library]) -> None:
    """Raise MissingLibrary when a file needs newer libraries than there are."""
    verdict = judge(libraries)
    if verdict.refusal:
        raise MissingLibrary(verdict.refusal, verdict.hint, verdict.needs)


def find_here(versions: Mapping[str, str]) -> tuple[Library, ...]:
    """Return the versions of a file, by library, beside those of this runtime."""
    return tuple(Library(name, version, find_installed(name)) for name, version in versions.items())


def find_installed(name: str) -> str:
    """Return the version of a library here, of ONNX and PMML the newest that is read; nothing for what is not here."""
    if name == PMML:
        return PMML_NEWEST
    limits = {ONNX_IR: "ir", ONNX_OPSET: "opset", ONNX_ML_OPSET: "ml_opset"}
    if name in limits:
        return str(getattr(find_limits(), limits[name]) or "")
    for distribution in DISTRIBUTIONS.get(name, (name,) if name in {**MAKERS, **BESIDE} else ()):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def read_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a version, (1, 9, 1); none for what does not begin with one."""
    found = NUMBERS.match(version)
    return tuple(int(number[:9]) for number in found.group().split(".")) if found else ()


def _find_refusal(library: Library) -> Verdict | None:
    wanted, here = read_numbers(library.in_file), read_numbers(library.installed)
    if not wanted or not here:
        return None
    needs = {library.name: library.in_file}
    if library.name in SPELLED and wanted > here:
        return Verdict(*_explain_onnx(library), needs)
    if library.name == PMML and wanted[:2] > here[:2]:
        return Verdict(*_explain_pmml(library), needs)
    if library.name in MAKERS and wanted[0] > here[0]:
        return Verdict(*_explain_maker(library), needs)
    return None


def _explain_onnx(library: Library) -> tuple[str, str]:
    what = SPELLED[library.name]
    return (
        f"The file is of ONNX {what} {library.in_file}; this runtime's ONNX Runtime {find_installed_onnxruntime()} "
        f"reads {what}s up to {library.installed}.",
        f"Choose a runtime with a newer ONNX Runtime, or export the model for {what} {library.installed}.",
    )


def _explain_pmml(library: Library) -> tuple[str, str]:
    return (
        f"The file is of PMML {library.in_file[:20]}; this runtime reads {PMML_OLDEST} to {library.installed}.",
        f"Choose a runtime with a newer PMML4S, or export the model as PMML {library.installed}.",
    )


def _explain_maker(library: Library) -> tuple[str, str]:
    name = MAKERS[library.name]
    make = "" if library.name in UNFROZEN else f" make one with {FREEZE},"
    return (
        f"The file was saved by {name} {library.in_file}; this runtime has {library.installed}, a major version older.",
        f"Choose a runtime with {name} {library.in_file},{make} or save the model again with {library.installed}.",
    )


def _find_warning(library: Library) -> str:
    wanted, here = read_numbers(library.in_file)[:2], read_numbers(library.installed)[:2]
    name = {**MAKERS, **BESIDE}.get(library.name)
    if not name or not wanted or not here or wanted == here:
        return ""
    if wanted < here and library.name not in EXACT:
        return ""
    make = "" if library.name in UNFROZEN else f", or make a runtime with the file's versions by {FREEZE}"
    age = "older" if here < wanted else "newer"
    return (
        f"The file was made with {name} {library.in_file}; this runtime has {library.installed}, which is {age}. "
        f"Its answers may differ: compare them with your own{make}."
    )


def find_installed_onnxruntime() -> str:
    """Return ONNX Runtime's version."""
    import onnxruntime

    return str(onnxruntime.__version__)
