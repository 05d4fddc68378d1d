"""How a deployment is called: addresses and commands to copy."""

from collections.abc import Sequence

from nicegui import ui

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.functions import (
    PREDICT,
    choose_function,
    explain_functions,
    find_function,
    list_functions,
    make_path,
)
from airgate_web.domain.model import Signature
from airgate_web.domain.scaffold import make_curl, make_get, make_sample, make_tensors
from airgate_web.domain.server import Server
from airgate_web.ui.parts import card, show_code, show_note

Signatures = Sequence[Signature | None]  # of a deployment's models in order; None for one that was removed


def show_calls(address: str, one: Deployment, signatures: Signatures, sample: object) -> None:
    """Draw the address and how to call it. address: of predict. sample: of its first model."""
    with card("Call it"):
        if one.server:
            show_server_calls(address, one.server)
            return
        base = address.removesuffix(PREDICT)
        if signatures and signatures[0]:
            show_model_calls(base, one, signatures[0], sample)
        else:
            show_code(address)
        show_other_calls(base, one, signatures[1:])


def show_model_calls(base: str, one: Deployment, signature: Signature, sample: object) -> None:
    """Draw how to call the first model: the function that is meant where none is named, then the others."""
    usual, *others = list_functions(signature) or (PREDICT,)
    show_code(base + make_path(usual))
    if sentence := explain_functions(signature):
        show_note(sentence)
    show_function_call(base, signature, sample, usual, "Records")
    if signature.inputs and one.model:  # a script takes no tensors
        with ui.expansion("Open Inference Protocol").props("dense").classes("fold"):
            show_code(make_curl(f"{base}v2/models/{one.model.name}/infer", make_tensors(signature)))
    if others:
        with ui.expansion("Its other functions").props("dense").classes("fold"):
            for name in others:
                show_function_call(base, signature, sample, name, name)


def show_function_call(base: str, signature: Signature, sample: object, name: str, label: str) -> None:
    """Draw a call of one function with its sample."""
    show_code(make_curl(base + make_path(name), make_sample(*find_function(signature, sample, name))), label)


def show_other_calls(base: str, one: Deployment, signatures: Signatures) -> None:
    """Draw where the further models of a deployment answer."""
    for other, signature in zip(one.others, signatures, strict=True):
        function = choose_function(signature) if signature else PREDICT
        show_code(f"{base}models/{other.name}/{make_path(function)}", f"Records of {other.name}")
        if signature is None or signature.inputs:
            show_code(f"{base}v2/models/{other.name}/infer", f"Open Inference of {other.name}")


def show_server_calls(address: str, server: Server) -> None:
    """Draw where somebody else's server answers: its own paths follow the deployment's address."""
    show_code(address)
    show_code(make_get(address + server.health), "Its health")
    if server.metrics:
        show_code(make_get(address + server.metrics), "Its metrics, for Prometheus")
    show_note(
        "Every path of the server follows this address. Streams pass as they come, for as long as the timeout says."
    )
