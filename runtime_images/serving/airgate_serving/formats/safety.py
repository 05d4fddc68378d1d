"""What a pickle may name. A scanner says it before the file is opened; a guard holds to it while it is being opened.

Neither is the lock: that is `sandbox`. They turn an attack into a sentence, and they keep what the lock would let
through (reading the libraries, using the CPU) out of most hands. An administrator may overrule both for one file; the
lock nobody can.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary
from airgate_serving.formats.pytorch_file import HINT_SOURCE

SCAN_LIMIT = 8 * 1024 * 1024  # bytes; the scanner builds a syntax tree, some 40 times the file's size

ALLOWED_ROOTS = {"sklearn", "numpy", "scipy", "pandas", "joblib"}
ALLOWED_NAMES = {
    "builtins": {"object", "list", "dict", "set", "frozenset", "tuple", "int", "float", "complex", "str"}
    | {"bytes", "bytearray", "bool", "slice", "range"},
    "__builtin__": {"object", "list", "dict", "set", "frozenset", "tuple", "int", "float", "unicode", "str", "long"},
    "collections": {"OrderedDict", "defaultdict", "deque", "Counter"},
    "copyreg": {"_reconstructor", "__newobj__"},
    "copy_reg": {"_reconstructor", "__newobj__"},
    "_codecs": {"encode"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "functools": {"partial"},
    "pathlib": {"PurePosixPath"},
    "joblib.numpy_pickle": {"NumpyArrayWrapper", "NDArrayWrapper", "ZNDArrayWrapper"},
    "joblib.numpy_pickle_compat": {"NDArrayWrapper", "ZNDArrayWrapper"},
    "xgboost.core": {"Booster"},
    "xgboost.sklearn": {"XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"},
    "lightgbm.basic": {"Booster"},
    "lightgbm.sklearn": {"LGBMClassifier", "LGBMRegressor"},
}
DENIED_PREFIXES = (
    "joblib.",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.lib",
    "numpy.testing",
    "pandas.compat.pickle",
    "pandas.core.computation",
    "pandas.io",
    "pandas.util",
    "scipy._lib",
    "scipy.datasets",
    "scipy.io",
    "sklearn._build",
    "sklearn.conftest",
    "sklearn.datasets",
    "sklearn.externals",
    "sklearn.utils._testing",
    "sklearn.utils.fixes",
)
DENIED_FUNCTIONS = {"load", "save", "savez", "savez_compressed", "savetxt", "loadtxt", "genfromtxt", "fromregex"} | {
    "fromfile",
    "memmap",
    "fromstring",
    "eval",
    "read_pickle",
    "open_memmap",
    "show_config",
}
PLAIN_CALLABLES = (FunctionType, BuiltinFunctionType)


def judge_name(module: str, name: str) -> bool:
    """Return whether a model may name this class or function. Pure: nothing is imported."""
    if name in ALLOWED_NAMES.get(module, ()):
        return True
    if "." in name or name.startswith("__import"):
        return False
    if module.split(".")[0] not in ALLOWED_ROOTS or module == "joblib":
        return False
    return not f"{module}.".startswith(DENIED_PREFIXES) and name not in DENIED_FUNCTIONS


def explain_name(module: str, name: str) -> BadModelFile:
    """Return the error for a name that a model may not use: dangerous, somebody's own class, or a missing library."""
    root = module.split(".")[0]
    if root == "__main__":
        return BadModelFile(
            f"The file needs the class {name} of the script that saved it, which does not travel with the file.",
            "Build the model of scikit-learn's own classes, or export it to ONNX.",
        )
    if root == "torch":
        return BadModelFile(f"The file is a pickle of PyTorch, which names {module}.{name}.", HINT_SOURCE)
    if root not in sys.stdlib_module_names and importlib.util.find_spec(root) is None:
        return MissingLibrary(
            f"The file needs the library {root}, which this runtime does not have.",
            "Export the model to ONNX, or ask your administrator for a runtime that has it.",
        )
    return DangerousModelFile(
        f"Opening this file would use {module}.{name}, which no scikit-learn model needs, so it was not opened.",
        "Save the model again with pickle or joblib from the code you trust, or export it to ONNX.",
    )


def check_pickle(path: Path) -> None:
    """Scan a plain pickle without opening it. Raises the error that `explain_name` gives for the first bad name.

    What the scanner cannot read (a cut file, arrays between the opcodes) it leaves to the guard.
    """
    if path.stat().st_size > SCAN_LIMIT:
        return
    for module, name in _scan_names(path):
        if not judge_name(module, name):
            raise explain_name(module, name)


def _scan_names(path: Path) -> list[tuple[str, str]]:
    from fickling.fickle import Pickled

    try:
        with path.open("rb") as file:
            imports = Pickled.load(file).properties.imports
    except Exception:  # noqa: BLE001 - whatever the scanner stumbles over, the guarded opening says it better
        return []
    return [(node.module or "builtins", alias.name) for node in imports for alias in node.names]


class _Guard:
    """The process's one audit hook for unpickling; hooks cannot be taken off, so it has a switch."""

    def __init__(self) -> None:
        self.judge: Callable[[str, str], None] | None = None
        self.installed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.judge and event == "pickle.find_class":
            self.judge(str(arguments[0]), str(arguments[1]))


_guard = _Guard()


@contextmanager
def guarded_unpickling(scanned: bool = True) -> Iterator[None]:
    """While it lasts, every unpickler of the process, nested ones too, may name only what `judge_name` allows.

    scanned: see LoadOptions; nothing is judged otherwise.
    """
    with _guarding(check_global if scanned else None):
        yield


@contextmanager
def forbidden_unpickling(scanned: bool = True) -> Iterator[None]:
    """While it lasts, no unpickler of the process may name anything: PyTorch's own restricted one does not ask Python.

    scanned: see LoadOptions; nothing is judged otherwise.
    """
    with _guarding(forbid_global if scanned else None):
        yield


@contextmanager
def _guarding(judge: Callable[[str, str], None] | None) -> Iterator[None]:
    if judge and not _guard.installed:
        sys.addaudithook(_guard)
        _guard.installed = True
    _guard.judge = judge
    try:
        yield
    finally:
        _guard.judge = None


def forbid_global(module: str, name: str) -> None:
    """Raise DangerousModelFile for whatever a pickle names."""
    raise DangerousModelFile(
        f"Opening this file would use {module}.{name}, which no weights need, so it was not opened.",
        "Save it again with weights and example inputs that are tensors alone.",
    )


def check_global(module: str, name: str) -> None:
    """Judge a name, then the thing behind it: a module, or a function from elsewhere, is refused too."""
    if not judge_name(module, name):
        raise explain_name(module, name)
    if name in ALLOWED_NAMES.get(module, ()):
        return
    found = getattr(importlib.import_module(module), name, None)
    if isinstance(found, ModuleType) or not _is_from_allowed_root(found):
        raise explain_name(module, name)


def _is_from_allowed_root(found: object) -> bool:
    """Return whether a class or function was defined where models live, not imported into there from elsewhere."""
    if not isinstance(found, (type, *PLAIN_CALLABLES)):
        return True
    home = getattr(found, "__module__", None) or "numpy"
    return home.split(".")[0] in ALLOWED_ROOTS or found.__name__ in ALLOWED_NAMES.get(home, ())
