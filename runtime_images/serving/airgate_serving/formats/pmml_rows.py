"""Rows into Java and columns out of it, without a step of Python for each row.

A call from Python into Java takes microseconds, and one for every row and value took twenty times what the model did.
So the way of a row (series, prediction, array) is put together of method handles once, and Java's own streams walk
over all rows; columns of numbers come back as one array of doubles, which have every bit that the model gave.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from airgate_serving.formats.java import find_class
from airgate_serving.tensors import Array

HANDLES, HANDLE_TYPE = "java.lang.invoke.MethodHandles", "java.lang.invoke.MethodType"
PROXIES = "java.lang.invoke.MethodHandleProxies"


class Scorer:
    """A model of PMML4S as a function of many rows at once. Calls may come from any thread."""

    def __init__(self, model: Any) -> None:
        """Put the way of one row together."""
        import jpype

        self._numbers, self._objects = jpype.JArray(jpype.JDouble, 2), jpype.JArray(jpype.JObject, 2)
        self._arrays = find_class("java.util.Arrays")
        self._score = _make_row_function(model)
        self._readers: dict[int, Any] = {}
        self._getters: dict[int, Any] = {}

    def score_numbers(self, rows: Array) -> Any:
        """Return the answers, in Java, to a matrix of doubles."""
        return self._run(self._numbers(rows))

    def score_objects(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Return the answers, in Java, to rows of numbers, texts, booleans and None."""
        return self._run(self._objects([list(row) for row in rows]))

    def read_numbers(self, answers: Any, place: int) -> Array:
        """Return one column as doubles, not-a-number where the model has no answer."""
        if place not in self._readers:
            self._readers[place] = _make_reader(place)
        column = self._arrays.asList(answers).stream().mapToDouble(self._readers[place]).toArray()
        return np.array(column, dtype=np.float64)

    def read_objects(self, answers: Any, place: int) -> list[Any]:
        """Return one column as Java has it, None where the model has no answer."""
        if place not in self._getters:
            self._getters[place] = _make_getter(place)
        return list(self._arrays.asList(answers).stream().map(self._getters[place]).toArray())

    def _run(self, rows: Any) -> Any:
        return self._arrays.asList(rows).stream().map(self._score).toArray()


def _make_row_function(model: Any) -> Any:
    """Return row -> Series.fromArray -> model.predict -> asArray, as a java.util.function.Function."""
    series, lookup, kind = find_class("org.pmml4s.data.Series"), _find_lookup(), find_class(HANDLE_TYPE)
    plain = find_class("java.lang.Object").class_
    make = lookup.findStatic(series.class_, "fromArray", kind.methodType(series.class_, plain))
    model_class = find_class("org.pmml4s.model.Model").class_
    predict = lookup.findVirtual(model_class, "predict", kind.methodType(series.class_, series.class_)).bindTo(model)
    unpack = lookup.findVirtual(series.class_, "asArray", kind.methodType(_find_array_class()))
    handles = find_class(HANDLES)
    whole = handles.filterReturnValue(handles.filterReturnValue(make, predict), unpack)
    return _make_function("java.util.function.Function", whole)


def _make_reader(place: int) -> Any:
    """Return row -> its value at a place as a double, by PMML4S's own conversion."""
    plain, kind = find_class("java.lang.Object").class_, find_class(HANDLE_TYPE)
    number = find_class("java.lang.Double").TYPE
    convert = _find_lookup().findStatic(
        find_class("org.pmml4s.util.Utils").class_, "toDouble", kind.methodType(number, plain)
    )
    whole = find_class(HANDLES).filterReturnValue(_get_element(place), convert)
    return _make_function("java.util.function.ToDoubleFunction", whole)


def _make_getter(place: int) -> Any:
    return _make_function("java.util.function.Function", _get_element(place))


def _get_element(place: int) -> Any:
    import jpype

    handles = find_class(HANDLES)
    return handles.insertArguments(handles.arrayElementGetter(_find_array_class()), 1, jpype.JInt(place))


def _make_function(interface: str, handle: Any) -> Any:
    return find_class(PROXIES).asInterfaceInstance(find_class(interface).class_, handle)


def _find_lookup() -> Any:
    return find_class(HANDLES).publicLookup()


def _find_array_class() -> Any:
    import jpype

    return jpype.JArray(jpype.JObject).class_
