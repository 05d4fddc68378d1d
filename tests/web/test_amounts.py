"""What a person may write for cores, memory and cards."""

import pytest

from airgate_web.domain.amounts import Amounts, read_amounts
from airgate_web.domain.errors import Invalid

QAIC = "qualcomm.com/qaic"


@pytest.mark.parametrize(
    ("cpu", "memory", "cards", "resource", "read"),
    [
        (1, 1, 0, "", Amounts(1000, 1024)),
        ("0.5", "0.25", "0", "", Amounts(500, 256)),
        (0.1, 1.5, 2, QAIC, Amounts(100, 1536, 2, QAIC)),
        (256, 4096, "64", "nvidia.com/mig-1g.10gb", Amounts(256_000, 4_194_304, 64, "nvidia.com/mig-1g.10gb")),
        (1, 1, 2.0, QAIC, Amounts(1000, 1024, 2, QAIC)),
        (1, 1, 0, QAIC, Amounts(1000, 1024)),
    ],
)
def test_amounts_are_read_as_they_were_meant(
    cpu: object, memory: object, cards: object, resource: str, read: Amounts
) -> None:
    """Cores and GiB may have decimals; a kind of card without a count means none."""
    assert read_amounts(cpu, memory, cards, resource) == read


@pytest.mark.parametrize(
    ("cpu", "memory", "cards", "resource", "sentence", "hint"),
    [
        ("much", 1, 0, "", "CPU 'much' is not a number.", "Write 0.1 to 256 cores."),
        (0, 1, 0, "", "CPU 0 cores is out of range.", "Write 0.1 to 256 cores."),
        (257, 1, 0, "", "CPU 257 cores is out of range.", "Write 0.1 to 256 cores."),
        ("nan", 1, 0, "", "CPU nan cores is out of range.", "Write 0.1 to 256 cores."),
        (1, "", 0, "", "Memory '' is not a number.", "Write 0.25 to 4096 GiB."),
        (1, "inf", 0, "", "Memory inf GiB is out of range.", "Write 0.25 to 4096 GiB."),
        (
            1,
            1,
            1.5,
            QAIC,
            "Accelerators must be a whole number, 1.5 is not: a card cannot be shared.",
            "Write 0 to 64.",
        ),
        (1, 1, "two", QAIC, "Accelerators 'two' is not a number.", "Write 0 to 64."),
        (
            1,
            1,
            "nan",
            QAIC,
            "Accelerators must be a whole number, nan is not: a card cannot be shared.",
            "Write 0 to 64.",
        ),
        (1, 1, "-1", QAIC, "Accelerators -1 is out of range.", "Write 0 to 64."),
        (1, 1, 65, QAIC, "Accelerators 65 is out of range.", "Write 0 to 64."),
        (
            1,
            1,
            1,
            "",
            "Accelerators are asked for without saying of which kind.",
            "Choose one, for example qualcomm.com/qaic.",
        ),
        (1, 1, 1, "qaic", "'qaic' is not the name of an accelerator.", "Choose one, for example qualcomm.com/qaic."),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    cpu: object, memory: object, cards: object, resource: str, sentence: str, hint: str
) -> None:
    """A refusal says what is wrong and what to write instead."""
    with pytest.raises(Invalid) as refused:
        read_amounts(cpu, memory, cards, resource)
    assert (refused.value.sentence, refused.value.hint) == (sentence, hint)
