"""Whether cards would lie idle: said on the deploy form before, and on the deployment's page after."""

import pytest

from airgate_kit.names import FORMAT_QPC, FORMATS, FORMATS_PYTORCH, FORMATS_TENSORFLOW
from airgate_web.domain.idle_cards import COMPUTES_ON
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.ui.deploy_words import find_idle_cards
from airgate_web.ui.runtimes import name_cards
from tests.fakes.samples import make_runtime, make_version

QAIC, NVIDIA = "qualcomm.com/qaic", "nvidia.com/gpu"


@pytest.mark.parametrize(
    ("format_name", "resource", "idle"),
    [
        ("onnx", QAIC, True),
        ("onnx", NVIDIA, False),  # whether the image has the provider, only a replica can say
        ("onnx", "nvidia.com/mig-1g.10gb", False),
        ("mlflow", NVIDIA, False),
        ("qpc", QAIC, False),
        ("qpc", NVIDIA, True),
        ("sklearn", NVIDIA, True),
        ("script", QAIC, True),
    ],
)
def test_a_card_that_the_runtime_cannot_use_is_told_before(format_name, resource, idle):
    """Nobody takes a card from others for a model that computes on the CPU, without having read so."""
    version = make_version(format=format_name)
    said = find_idle_cards(2, resource, version, make_runtime())
    why = f"this runtime has no provider that uses it for {format_name} models."
    assert said == (f"Holds 2 {resource} but computes on the CPU: {why}" if idle else "")


@pytest.mark.parametrize(
    ("cards", "format_name", "resource", "idle"),
    [
        ((), "onnx", NVIDIA, True),  # the image for the CPU
        (("nvidia.com",), "onnx", NVIDIA, False),
        (("nvidia.com",), "pytorch", "nvidia.com/mig-1g.10gb", False),
        (("nvidia.com",), "sklearn", NVIDIA, True),  # the image could, the format cannot
        (("nvidia.com",), "onnx", QAIC, True),
        (("qualcomm.com",), "qpc", QAIC, False),
    ],
)
def test_a_runtime_that_says_what_it_computes_on_is_believed(cards, format_name, resource, idle):
    """A card beside the image for the CPU is warned of, one beside the image for cards is not."""
    said = find_idle_cards(1, resource, make_version(format=format_name), make_runtime(cards=cards))
    assert bool(said) is idle


def test_the_runtime_that_would_use_the_card_is_named():
    """Who is warned reads what to choose instead: nothing that does not say so itself, or reads other formats."""
    chosen = make_runtime(cards=())
    others = [chosen, make_runtime("a"), make_runtime("b", cards=("nvidia.com",), formats=("pytorch",))]
    fitting = make_runtime("c", name="ONNX GPU", cards=("nvidia.com",))
    version = make_version(format="onnx")
    assert find_idle_cards(1, NVIDIA, version, chosen, others).endswith("for onnx models.")
    said = find_idle_cards(1, NVIDIA, version, chosen, [*others, fitting])
    assert said.endswith("for onnx models. Choose 'ONNX GPU', which has one.")


@pytest.mark.parametrize(
    ("cards", "shown"),
    [
        (None, "–"),
        ((), "none"),
        (("nvidia.com",), "nvidia.com"),
        (("nvidia.com", "qualcomm.com"), "nvidia.com, qualcomm.com"),
    ],
)
def test_the_page_of_runtimes_shows_whose_cards_each_uses(cards, shown):
    """A dash where the definition does not say."""
    assert name_cards(make_runtime(cards=cards)) == shown


def test_nothing_is_said_without_a_card_nor_of_a_server_of_others():
    """What somebody else's image does with its cards is not known here."""
    version, server = make_version(format="onnx"), make_runtime(kind=RuntimeKind.SERVER)
    assert find_idle_cards(0, QAIC, version, make_runtime()) == ""
    assert find_idle_cards(1, QAIC, version, server) == ""
    assert find_idle_cards(1, QAIC, None, server) == ""


def test_the_table_knows_only_formats_that_there_are():
    """A format that is renamed takes its line along."""
    assert set(COMPUTES_ON) <= {*FORMATS, *FORMATS_TENSORFLOW, *FORMATS_PYTORCH, FORMAT_QPC}
