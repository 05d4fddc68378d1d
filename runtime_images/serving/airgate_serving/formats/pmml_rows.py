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
FUNCTION = "java.util.function.Function"
MOST_TOGETHER = 100  # columns; Java's functions take 255 arguments at most
PROXIES = "java.lang.invoke.MethodHandleProxies"


class Scorer:
    """A model of PMML4S as a function of many rows at once. Calls may come from any thread."""

    def __init__(self, model: Any) -> None:
        """Put the way of one row together."""
        import jpype

        self._numbers, self._objects = jpype.JArray(jpype.JDouble, 2), jpype.JArray(jpype.JObject, 2)
        self._arrays = find_class("java.util.Arrays")
        self._score = _make_row_function(model)
        self._readers: dict[tuple[int, ...], Any] = {}
        self._getters: dict[int, Any] = {}

    def score_numbers(self, rows: Array) -> Any:
        """Return the answers, in Java, to a matrix of doubles."""
        return self._run(self._numbers(rows))

    def score_objects(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Return the answers, in Java, to rows of numbers, texts, booleans and None."""
        return self._run(self._objects([list(row) for row in rows]))

    def read_numbers(self, answers: Any, places: tuple[int, ...]) -> Array:
        """Return some columns as doubles, [rows, places], not-a-number where the model has no answer."""
        groups = [places[start : start + MOST_TOGETHER] for start in range(0, len(places), MOST_TOGETHER)]
        return np.hstack([self._read_group(answers, group) for group in groups])

    def _read_group(self, answers: Any, places: tuple[int, ...]) -> Array:
        if places not in self._readers:
            self._readers[places] = _make_reader(places)
        flat = self._arrays.asList(answers).stream().flatMapToDouble(self._readers[places]).toArray()
        return np.array(flat, dtype=np.float64).reshape(-1, len(places))

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
    return _make_function(whole)


def _make_reader(places: tuple[int, ...]) -> Any:
    """Return row -> the values at these places as a stream of doubles."""
    import jpype

    handles, stream = find_class(HANDLES), find_class("java.util.stream.DoubleStream").class_
    numbers, kind = jpype.JArray(jpype.JDouble).class_, find_class(HANDLE_TYPE)
    make = _find_lookup().findStatic(stream, "of", kind.methodType(stream, numbers)).asFixedArity()
    collect = handles.filterArguments(make.asCollector(numbers, len(places)), 0, [_get_number(one) for one in places])
    row = kind.methodType(stream, _find_array_class())
    return _make_function(handles.permuteArguments(collect, row, [0] * len(places)))


def _get_number(place: int) -> Any:
    """Return row -> its value at a place as a double, by PMML4S's own conversion."""
    number, plain = find_class("java.lang.Double").TYPE, find_class("java.lang.Object").class_
    kind, tools = find_class(HANDLE_TYPE), find_class("org.pmml4s.util.Utils").class_
    convert = _find_lookup().findStatic(tools, "toDouble", kind.methodType(number, plain))
    return find_class(HANDLES).filterReturnValue(_get_element(place), convert)


def _make_getter(place: int) -> Any:
    return _make_function(_get_element(place))


def _get_element(place: int) -> Any:
    import jpype

    handles = find_class(HANDLES)
    return handles.insertArguments(handles.arrayElementGetter(_find_array_class()), 1, jpype.JInt(place))


def _make_function(handle: Any) -> Any:
    return find_class(PROXIES).asInterfaceInstance(find_class(FUNCTION).class_, handle)


def _find_lookup() -> Any:
    return find_class(HANDLES).publicLookup()


def _find_array_class() -> Any:
    import jpype

    return jpype.JArray(jpype.JObject).class_
