"""SIMULATED: stands in for the messages of Qualcomm's SDK. Their content is JSON here, not protobuf."""

import json
import math
from types import SimpleNamespace

FLOAT_TYPE, FLOAT_16_TYPE, INT8_Q_TYPE, UINT8_Q_TYPE, INT16_Q_TYPE = range(5)
INT32_Q_TYPE, INT32_I_TYPE, INT64_I_TYPE, INT8_TYPE = range(5, 9)
BFLOAT16_TYPE = 11
BUFFER_IO_TYPE_INPUT, BUFFER_IO_TYPE_OUTPUT = 0, 1
WIDTHS = {"FLOAT_TYPE": 4, "FLOAT_16_TYPE": 2, "INT64_I_TYPE": 8, "UINT8_Q_TYPE": 1, "BFLOAT16_TYPE": 2}


class IoDesc:
    """The description of a program's inputs and outputs."""

    def ParseFromString(self, content: bytes) -> None:
        bindings = [
            SimpleNamespace(
                name=one["name"],
                index=place,
                type=globals()[one["type"]],
                dims=one["dims"],
                dir=BUFFER_IO_TYPE_INPUT if one["input"] else BUFFER_IO_TYPE_OUTPUT,
                size=WIDTHS[one["type"]] * math.prod(one["dims"]),
            )
            for place, one in enumerate(json.loads(content))
        ]
        self.selected_set = SimpleNamespace(bindings=bindings)
