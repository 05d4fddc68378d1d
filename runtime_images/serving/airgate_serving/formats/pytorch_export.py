"""Programs of torch.export: a graph of operations as JSON, its weights, and the types and sizes of its inputs.

Opening one evaluates expressions and looks operations up by name, and PyTorch would fall back to an unrestricted
unpickling; so the JSON is judged first, and no pickle may name anything while the file is being opened.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, DangerousModelFile, ServingError
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.pytorch_library import DATATYPE_BY_TYPE, Torch, TorchRunner, find_reason
from airgate_serving.formats.pytorch_trial import describe
from airgate_serving.formats.quiet import hushed, keeping_files_in
from airgate_serving.formats.safety import forbidden_unpickling
from airgate_serving.tensors import DATATYPES

PLATFORM = "pytorch_export"
PROGRAMS = re.compile(r"(?:[^/]+/)?(?:models/\w+\.json|serialized_exported_program\.json)")
COMPILED = re.compile(r"(?:[^/]+/)?data/aotinductor/|.*\.(?:so|o|cubin|ptx)$")
MOST_PROGRAM = 256 * 1024**2  # bytes of JSON
TARGETS = re.compile(
    r"torch\.ops\.(aten|quantized|quantized_decomposed|prims)\.\w+(\.\w+)?|torch\._?sym_\w+|math\.\w+"
    r"|torch\.ops\.higher_order\.(cond|while_loop|map_impl|scan|associative_scan|flex_attention|auto_functionalized\w*"
    r"|wrap_with_set_grad_enabled|wrap_with_autocast)|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_"
    r"|not_|xor|getitem|lshift|rshift|index)"
)
PLAIN = re.compile(r'(?:[\w\s\[\]{}",:./-]|\\")*')  # how arguments are nested: JSON, whose keys become names in code
REACH_OUT = re.compile(r"torch\.ops\.aten\.(from_file|save)\b.*")
ARRANGED = ("in_spec", "out_spec")
DOTTED = re.compile(r"[\w.]*")
WORD = re.compile(r"[A-Za-z_]\w*")
EXPRESSION = re.compile(r"(?:[\w\s,()+\-*/%<>=&|~]|\d\.\d|'\w+')*")
TERMS = re.compile(
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|Abs|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|[tT]rue|[fF]alse|floor"
    "|ceiling|Piecewise|ExprCondPair|(Strict)?(Less|Greater)Than|Equality|Unequality|Boolean(True|False)|evaluate"
    "|(non)?(positive|negative)|integer|real|zero|finite|precision|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv"
    "|(Ceil|Floor|Trunc|Round)ToInt|CeilDiv|[LR]Shift|PowByNatural|FloatPow|(Float|Int)TrueDiv|TruncToFloat|ToFloat"
    "|RoundDecimal|IsNonOverlappingAndDenseIndicator|Identity|(int_)?oo|(Negative)?(Int)?Infinity"
)
SYMBOL = re.compile(r"(?:[suz]{1,2}|zuf|unbacked_|backed_)\w*\d+")
HINT_EXPORT = "Export it again on the CPU by torch.export.save(torch.export.export(model, (example,)), 'model.pt2')."
HINT_OUT = "Export only what answers, of PyTorch's own operations; all else belongs before the model or in a script."


def read_program(path: Path) -> dict[str, Any]:
    """Return the program in a file as JSON. Raises BadModelFile when there is none, or compiled code instead."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(COMPILED.match(name) for name in names):
            raise BadModelFile("The file holds compiled code (AOTInductor), which is not opened.", HINT_EXPORT)
        places = [name for name in names if PROGRAMS.fullmatch(name)]
        if len(places) != 1 or archive.getinfo(places[0]).file_size > MOST_PROGRAM:
            raise BadModelFile(f"The file holds {len(places)} programs, not one of a readable size.", HINT_EXPORT)
        content = archive.read(places[0])
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadModelFile("The file's program is no JSON.", HINT_EXPORT) from error
    if not isinstance(found, dict):
        raise BadModelFile("The file's program is no object.", HINT_EXPORT)
    return found


def require_calm(program: dict[str, Any]) -> None:
    """Raise DangerousModelFile, naming it, for an operation or an expression that is more than arithmetic."""
    for key, value in list_facts(program):
        if key in ("target", "as_operator") and (not TARGETS.fullmatch(value) or REACH_OUT.fullmatch(value)):
            raise _refuse(f"the operation {value[:80]!r}")
        if key == "expr_str" and not is_arithmetic(value):
            raise _refuse(f"the expression {value[:80]!r}")
        if (key == "name" and not DOTTED.fullmatch(value)) or (key in ARRANGED and not PLAIN.fullmatch(value)):
            raise _refuse(f"the name {value[:80]!r}")
    for name in (name for key, value in list_facts(program, list) if key == "forward_arg_names" for name in value):
        if not str(name).isidentifier():
            raise _refuse(f"the name {str(name)[:80]!r}")


def is_arithmetic(expression: str) -> bool:
    """Return whether an expression is made of numbers, sizes and arithmetic alone: SymPy evaluates it as Python."""
    return bool(EXPRESSION.fullmatch(expression)) and all(
        TERMS.fullmatch(word) or SYMBOL.fullmatch(word) for word in WORD.findall(expression)
    )


def list_facts(program: Any, kind: type = str) -> Iterator[tuple[str, Any]]:
    """Yield every value of a kind with its key, however deep it lies."""
    waiting = [program]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield from ((key, value) for key, value in found.items() if isinstance(value, kind))
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _refuse(what: str) -> DangerousModelFile:
    return DangerousModelFile(f"The program has {what}, which reaches out of a model, so it was not opened.", HINT_OUT)


def load(path: Path, torch: Torch, libraries: tuple[Library, ...], options: LoadOptions) -> TorchRunner:
    """Return the program in a file. Raises BadModelFile or one of its kin with one sentence."""
    program = open_program(path, torch, options)
    inputs = list_inputs(program)
    model = program.module(check_guards=False)
    types = {name: value.dtype for name, value in inputs.items()}
    placed = len(program.call_spec.in_spec.child(0).children()) if program.call_spec.in_spec else len(inputs)

    def call(tensors: Mapping[str, Any]) -> Any:
        given = [tensors[name].to(types[name]) for name in types]
        return model(*given[:placed], **dict(zip(list(types)[placed:], given[placed:], strict=True)))

    example = {name: make_example(name, value) for name, value in inputs.items()}
    return TorchRunner(torch, call, describe(torch, call, example), PLATFORM, libraries)


def open_program(path: Path, torch: Torch, options: LoadOptions) -> Any:
    """Return what PyTorch opens, on the device that computes. Raises BadModelFile."""
    try:
        with hushed(), keeping_files_in(options.scratch or Path()), forbidden_unpickling(options.scanned):
            with path.open("rb") as file:
                program = torch.library.export.load(file)
            if torch.device == "cuda":
                from torch.export.passes import move_to_device_pass

                program = move_to_device_pass(program, torch.device)
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(f"PyTorch cannot open the program: {find_reason(error)}", HINT_EXPORT) from error
    return program


def list_inputs(program: Any) -> dict[str, Any]:
    """Return what stands for each input, with its type and sizes. Raises BadModelFile for one that is no tensor."""
    found = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    wanted = list(program.graph_signature.user_inputs)
    for name in wanted:
        kind = str(getattr(found.get(name), "dtype", type(found.get(name)).__name__)).removeprefix("torch.")
        if kind not in DATATYPE_BY_TYPE:
            raise BadModelFile(
                f"The program's input {name!r} is of the type {kind}, which Open Inference has no counterpart of.",
                "Export a model whose inputs are tensors of numbers.",
            )
    return {name: found[name] for name in wanted}


def make_example(name: str, value: Any) -> Any:
    """Return zeros for an input; a size that is free is one that every such program takes."""
    del name
    kind = str(value.dtype).removeprefix("torch.")
    shape = tuple(size if isinstance(size, int) else int(size.node.hint or 2) for size in value.shape)
    return np.zeros(shape, DATATYPES[DATATYPE_BY_TYPE[kind]])
