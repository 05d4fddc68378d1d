"""What `airgate-serve inspect` prints for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from airgate_serving.tensors import explain_shape


def explain_inspection(answer: Mapping[str, Any]) -> str:
    """Return the signature, the task and the libraries as lines."""
    return "\n".join(_list_lines(answer))


def _list_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"format     {answer['format']}, run by {answer['engine']} on {answer['device']}"
    yield f"task       {answer['task'] or 'unknown'}"
    yield from _list_tensors(answer["signature"])
    for name, function in answer["further"].items():
        yield f"function   {name}"
        yield from _list_tensors(function["signature"])
    for library in answer["libraries"]:
        found = f"{library['in_file'] or '?'} in the file"
        yield f"library    {library['name']}: {found}, {library['installed'] or 'not'} installed"
    for warning in answer["warnings"]:
        yield f"warning    {warning}"
    yield f"lock       {answer['lock']}"


def _list_tensors(signature: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("inputs", "outputs"):
        for spec in signature[kind]:
            yield f"{kind[:-1]:10} {_explain_spec(spec)}"


def _explain_spec(spec: Mapping[str, Any]) -> str:
    texts = f", each the JSON of {spec['schema']['title']}" if spec.get("schema") else ""
    values = f", one of {', '.join(map(str, spec['values']))}" if spec["values"] else ""
    return f"{spec['name']}  {spec['datatype']} {explain_shape(tuple(spec['shape']))}{texts}{values}"
