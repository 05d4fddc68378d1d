"""The functions of a model: `predict`, which is meant where none is named, and others by their names. Pure.

A script has what it defines; a SavedModel a function for each further signature, and no `predict` where none of several
signatures is meant to answer.
"""

from urllib.parse import quote

from airgate_web.domain.errors import NotFound
from airgate_web.domain.model import Signature

PREDICT = "predict"
NAMED_MAX = 8  # functions in a sentence


def list_functions(signature: Signature) -> tuple[str, ...]:
    """Return the names of a model's functions, predict first where there is one."""
    own = tuple(function.name for function in signature.further)
    return (PREDICT, *own) if signature.has_predict else own


def choose_function(signature: Signature) -> str:
    """Return the function that is meant where none is named: predict, or the first where there is no predict."""
    return next(iter(list_functions(signature)), PREDICT)


def find_function(signature: Signature, sample: object, name: str) -> tuple[Signature, object]:
    """Return what goes into a function and comes out, and its own example of its arguments.

    sample: of the whole model, a script's own, which is predict's. Raises NotFound, naming the functions there are.
    """
    if name == PREDICT and signature.has_predict:
        return Signature(signature.inputs, signature.outputs), sample
    for function in signature.further:
        if function.name == name:
            return Signature(function.inputs, function.outputs), None
    known = ", ".join(list_functions(signature)[:NAMED_MAX])
    raise NotFound(f"The model has no function '{name[:60]}'.", f"It has {known}.")


def make_path(function: str) -> str:
    """Return the end of the address at which a deployment answers for a function.

    A slash in its name stays one: the gateway refuses an escaped one.
    """
    return quote(function)


def explain_functions(signature: Signature) -> str:
    """Return why a call has to name a function, in a sentence; empty where predict answers."""
    if signature.has_predict:
        return ""
    path = make_path(choose_function(signature))
    return f"The model has no function predict, so each call names one of its own, as POST …/{path} does."
