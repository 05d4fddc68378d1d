"""A person's own Python file: `predict(args)`, and any further function as the last part of the path.

It may come in an archive with whatever it needs; `open_file(name)` gives it a file of that archive. All of it runs
behind the lock: no other file, no network, no program.
"""

import ast
import builtins
import io
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airgate_serving.errors import (
    BadModelFile,
    MissingLibrary,
    ModelFailed,
    ModelRefused,
    ServingError,
    UnknownFunction,
)
from airgate_serving.formats.archive import find_one, is_archive, read_members
from airgate_serving.formats.interface import LoadOptions, ModelInfo
from airgate_serving.tensors import Signature

PREDICT = "predict"
MODULE = "airgate_script"
SAMPLE = "SAMPLE"  # the script's own example of `args`, where it has one
HINT_PREDICT = "Write def predict(args): ... and return what JSON can hold."


def load(path: Path, options: LoadOptions) -> "ScriptRunner":
    """Return the script in `path`, run once from top to bottom. Raises BadModelFile with one sentence."""
    del options  # a script decides itself
    is_packed = is_archive(path)
    files = read_members(path) if is_packed else {path.name: path.read_bytes()}
    name = find_one(files, ".py", "script") if is_packed else path.name
    source = decode(files[name])
    functions = find_functions(source)
    return ScriptRunner(run_module(source, files), functions)


def find_functions(source: str) -> tuple[str, ...]:
    """Return the names of a script's public functions, predict first. Raises BadModelFile when it has no predict."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadModelFile(f"The script is not Python: {error}.", "Run it once where it was written.") from error
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    if PREDICT not in names:
        raise BadModelFile("The script has no function predict.", HINT_PREDICT)
    return (PREDICT, *(name for name in dict.fromkeys(names) if name != PREDICT))


def looks_like_script(head: bytes) -> bool:
    """Return whether these bytes are text that defines a function somewhere."""
    return b"\0" not in head and (b"def " in head or b"import " in head)


def decode(raw: bytes) -> str:
    """Return a source as text. Raises BadModelFile."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadModelFile("The script is not UTF-8.", "Save it as UTF-8.") from error


def run_module(source: str, files: dict[str, bytes]) -> types.ModuleType:
    """Run the script as a module. What it raises becomes a sentence, and its traceback is printed."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    vars(module)["open_file"] = make_opener(files)
    try:
        exec(compile(source, "script.py", "exec"), vars(module))  # noqa: S102 - the person's own code, behind the lock
    except ImportError as error:
        traceback.print_exc()
        raise MissingLibrary(f"The script needs a library that is not here: {error}.", HINT_LIBRARY) from error
    except Exception as error:
        traceback.print_exc()
        raise BadModelFile(f"The script fails when it starts: {_explain(error)}.", HINT_START) from error
    return module


HINT_LIBRARY = "Write it without, or ask your administrator for a runtime that has it."
HINT_START = "Its output says where. It may read its own files by open_file(name), and no others."


def make_opener(files: dict[str, bytes]) -> Callable[[str], io.BytesIO]:
    """Return the function that gives a script the files it came with."""

    def open_file(name: str) -> io.BytesIO:
        """Return a file of the script's archive, to be read as bytes."""
        if name not in files:
            raise FileNotFoundError(f"there is no {name!r} in the archive; there is {', '.join(sorted(files))[:300]}")
        return io.BytesIO(files[name])

    return open_file


class ScriptRunner:
    """A script that has been run once, and its functions."""

    def __init__(self, module: types.ModuleType, functions: tuple[str, ...]) -> None:
        """Answer for the functions of a module."""
        self._module = module
        self.info = ModelInfo(
            Signature((), ()),
            platform="python",
            engine="Python",
            device="CPU",
            functions=functions,
            is_script=True,
            sample=getattr(module, SAMPLE, {}),
        )

    def call(self, function: str, args: Any) -> Any:
        """Return what a function answers. Raises UnknownFunction, ModelRefused or ModelFailed."""
        if function not in self.info.functions:
            raise UnknownFunction(f"There is no {function[:60]!r}.", f"There is {', '.join(self.info.functions)}.")
        try:
            return getattr(self._module, function)(args)
        except ServingError:
            raise
        except _REFUSALS as error:
            traceback.print_exc()
            raise ModelRefused(f"The script refused the values: {_explain(error)}") from error
        except Exception as error:
            traceback.print_exc()
            raise ModelFailed(f"The script failed: {_explain(error)}") from error

    def run(self, inputs: Any) -> Any:
        """Refuse: a script has no tensors of its own."""
        del inputs
        raise ModelRefused("This model is a script, which takes no tensors.", "Ask POST /predict.")


_REFUSALS: tuple[type[builtins.Exception], ...] = (ValueError, TypeError, KeyError, IndexError)


def _explain(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"
