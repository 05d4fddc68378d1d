"""Whether cards lie idle beside a model: what a runtime of ours can compute on, by the model's format. Pure."""

from airgate_web.domain.amounts import Amounts

# As its formats say (airgate_serving/formats): an MLflow folder may hold an ONNX model; the rest know the CPU alone.
COMPUTES_ON = {
    **dict.fromkeys(("onnx", "mlflow", "keras", "tensorflow", "pytorch"), "nvidia.com"),
    "qpc": "qualcomm.com",
}


def has_provider(format_name: str, resource: str, cards: tuple[str, ...] | None = None) -> bool:
    """Return whether our runtime may use such a card for such a model; whether it does shows only once it runs.

    cards: the makers that the runtime's definition names; None where it does not say.
    """
    maker = resource.partition("/")[0]
    return COMPUTES_ON.get(format_name) == maker and (cards is None or maker in cards)


def write_idle_cards(amounts: Amounts, format_name: str) -> str:
    """Return the sentence on cards that are held for nothing."""
    return (
        f"Holds {amounts.accelerators} {amounts.resource} but computes on the CPU: "
        f"this runtime has no provider that uses it for {format_name} models."
    )
