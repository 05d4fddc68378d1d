"""The signature of a PMML model: one input a field that it uses, and which of its output fields answer what."""

from dataclasses import dataclass
from typing import Any

from airgate_serving.formats.interface import PREDICTED, PROBABILITIES
from airgate_serving.tensors import ANY, Scalar, Signature, TensorSpec

DATATYPES = {"string": "BYTES", "integer": "INT64", "boolean": "BOOL", "float": "FP32"} | dict.fromkeys(
    ("real", "double"), "FP64"
)
WHOLE = "integer"
TASKS = ("classification", "regression", "clustering")
LEAST_CLASSES = 2


@dataclass(frozen=True, slots=True)
class Input:
    """A field that rows have: `whole` when its values are whole numbers, `empty` when an empty text is one of them."""

    spec: TensorSpec
    whole: bool
    empty: bool


@dataclass(frozen=True, slots=True)
class Output:
    """An output and the places of the model's own output fields that make it: several for a matrix."""

    spec: TensorSpec
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """Everything about the fields of a model; `order` names the input at each place of a row, "" for none."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    order: tuple[str, ...]
    task: str

    def describe(self) -> Signature:
        """Return the signature."""
        return Signature(
            tuple(field.spec for field in self.inputs), tuple(output.spec for output in self.outputs), self.task
        )


def read_fields(model: Any) -> Fields:
    """Return the fields of a model of PMML4S, which from now on answers its predefined outputs besides the file's."""
    declared = {str(name) for name in model.outputNames()} if model.output().isDefined() else set()
    model.setSupplementOutput(True)
    inputs = tuple(_read_input(field, model) for field in model.inputFields())
    schema = model.usedSchema()
    used = [str(schema.fieldName(place)) for place in range(schema.size())]
    known = {field.spec.name for field in inputs}
    task = str(model.functionName())
    return Fields(
        inputs,
        _read_outputs(model, declared),
        tuple(name if name in known else "" for name in used),
        task if task in TASKS else "",
    )


def _read_input(field: Any, model: Any) -> Input:
    name, kind = str(field.name()), str(field.dataType())
    values = tuple(_read_value(value) for value in field.validValues())
    datatype = DATATYPES.get(kind, "BYTES")
    if datatype == "INT64":
        datatype = "FP64"  # so that a missing one can be said
    sample = [values[0] if values else _find_usual(field, model, datatype)]
    spec = TensorSpec(name, datatype, (ANY,), sample, values, nullable=datatype == "BYTES")
    return Input(spec, kind == WHOLE, "" in values)


def _find_usual(field: Any, model: Any, datatype: str) -> Scalar:
    """Return what stands for a missing value by the file, else the middle of the field's first interval, else 0."""
    if datatype in ("BYTES", "BOOL"):
        return "a text" if datatype == "BYTES" else False
    replaced = model.miningSchema().apply(field.name()).missingValueReplacement()
    if replaced.isDefined():
        return float(replaced.get().toDouble())
    ends = [_find_ends(interval) for interval in field.intervals()]
    return sum(ends[0]) / len(ends[0]) if ends and ends[0] else 0.0


def _find_ends(interval: Any) -> list[float]:
    """Return the ends of an interval, which may be open to one side and then has no such method."""
    asked = (getattr(interval, name, None) for name in ("leftMargin", "rightMargin"))
    return [float(end()) for end in asked if end is not None]


def _read_value(value: Any) -> Scalar:
    """Return a value of Java as what JSON knows."""
    plain = value.toVal()
    if isinstance(plain, bool | int | float):
        return plain if type(plain) in (bool, int, float) else _read_number(plain)
    return str(plain)


def _read_number(value: Any) -> Scalar:
    return int(value) if isinstance(value, int) else float(value)


def _read_outputs(model: Any, declared: set[str]) -> tuple[Output, ...]:
    """Return PredictedValue and Probabilities, then what else the file declares; of several targets all by name."""
    fields = list(model.outputFields())
    predicted = next((place for place, field in enumerate(fields) if str(field.feature()) == "predictedValue"), None)
    if predicted is None or len(model.targetNames()) > 1:
        return tuple(_name_output(field, place) for place, field in enumerate(fields))
    classes = tuple(_read_value(value) for value in model.classes())
    datatype = _find_datatype(classes) or DATATYPES.get(str(fields[predicted].dataType()), "BYTES")
    found = [Output(TensorSpec(PREDICTED, datatype, (ANY,), values=classes), (predicted,))]
    places = _find_probabilities(fields, classes)
    if places:
        spec = TensorSpec(PROBABILITIES, "FP64", (ANY, len(classes)), values=classes)
        found.append(Output(spec, places))
    taken = {predicted, *places}
    others = [place for place, field in enumerate(fields) if place not in taken and str(field.name()) in declared]
    return (*found, *(_name_output(fields[place], place) for place in others))


def _find_datatype(classes: tuple[Scalar, ...]) -> str:
    kinds = {type(one) for one in classes}
    return {str: "BYTES", int: "INT64", float: "FP64", bool: "BOOL"}[kinds.pop()] if len(kinds) == 1 else ""


def _find_probabilities(fields: list[Any], classes: tuple[Scalar, ...]) -> tuple[int, ...]:
    """Return the place of each class's probability, or nothing where one is lacking."""
    by_class = {
        str(field.value().get()): place
        for place, field in reversed(list(enumerate(fields)))
        if str(field.feature()) == "probability" and field.value().isDefined()
    }
    places = tuple(by_class[str(one)] for one in classes if str(one) in by_class)
    return places if len(places) == len(classes) >= LEAST_CLASSES else ()


def _name_output(field: Any, place: int) -> Output:
    """Return a field under its own name: numbers as fractions, which can say that there is none, all else as texts."""
    kind = str(field.dataType())
    datatype = "FP64" if DATATYPES.get(kind) in ("FP64", "FP32", "INT64") else "BYTES"
    return Output(TensorSpec(str(field.name()), datatype, (ANY,)), (place,))
