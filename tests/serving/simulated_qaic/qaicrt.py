"""SIMULATED: stands in for Qualcomm's qaicrt where there is no card and no Platform SDK. Nothing here is Qualcomm's.

It has the names and the order of calls that open programs for the card use, and computes with NumPy. A program is JSON:
{"simulated": "QPC", "cards": 1, "bindings": [{"name", "type", "dims", "input"}], "outputs": {name: [input, factor]}}
"""

import enum
import json
import math
from pathlib import Path

import numpy as np

SIMULATED = True  # a runtime that finds this says so on every device line
CARDS = range(4)  # the QIDs there are
WIDTHS = {"FLOAT_TYPE": "f4", "FLOAT_16_TYPE": "f2", "INT64_I_TYPE": "i8", "UINT8_Q_TYPE": "u1", "BFLOAT16_TYPE": "u2"}


class QStatus(enum.Enum):
    """What calls answer."""

    QS_SUCCESS = 0
    QS_ERROR = 1


class Qpc:
    """A program in a folder."""

    def __init__(self, folder: str) -> None:
        content = json.loads((Path(folder) / "programqpc.bin").read_bytes())
        if content.get("simulated") != "QPC":
            raise RuntimeError("not a program")
        self.content = content

    def getIoDescriptor(self):
        return QStatus.QS_SUCCESS, json.dumps(self.content["bindings"]).encode()


class QIDList(list):
    """Cards."""


class Context:
    """A hold on cards."""

    def __init__(self, qids: QIDList) -> None:
        missing = [qid for qid in qids if qid not in CARDS]
        if missing:
            raise RuntimeError(f"no device with QID {missing[0]}")
        self.qids = qids


class QAicProgramProperties:
    """How a program is loaded."""

    SubmitRetryTimeoutMs = 0
    devMapping = ""


class Program:
    """A program on its way to cards."""

    def __init__(self, context: Context, name: None, qpc: Qpc, properties: QAicProgramProperties) -> None:
        self.context, self.content, self.mapping = context, qpc.content, properties.devMapping

    def load(self):
        cards = self.mapping.split(":") if self.mapping else self.context.qids[:1]
        return QStatus.QS_SUCCESS if len(cards) == self.content.get("cards", 1) else QStatus.QS_ERROR

    def activate(self):
        return QStatus.QS_SUCCESS


class QBuffer(bytes):
    """Bytes on their way."""


class BufferDimensionsVecRef(list):
    """Widths and shapes of buffers."""


class ExecObj:
    """One run after the other."""

    def __init__(self, context: Context, program: Program) -> None:
        self.content = program.content

    def setData(self, buffers, sizes):
        fits = all(
            len(buffer) == width * math.prod(shape) for buffer, (width, shape) in zip(buffers, sizes, strict=True)
        )
        self.buffers = buffers
        return QStatus.QS_SUCCESS if fits else QStatus.QS_ERROR

    def waitForCompletion(self):
        bindings = {one["name"]: (place, one) for place, one in enumerate(self.content["bindings"])}
        self.answers = list(self.buffers)
        for name, (source, factor) in self.content["outputs"].items():
            place, given = bindings[source]
            values = np.frombuffer(self.buffers[place], WIDTHS[given["type"]])
            if np.isnan(values.astype(float)).any():
                return QStatus.QS_ERROR
            to, wanted = bindings[name]
            self.answers[to] = QBuffer((values * factor).astype(WIDTHS[wanted["type"]]).tobytes())
        return QStatus.QS_SUCCESS

    def getData(self):
        return QStatus.QS_SUCCESS, self.answers


class Queue:
    """A way to a card."""

    def __init__(self, context: Context, qid: int) -> None:
        assert qid in context.qids

    def enqueue(self, execution: ExecObj):
        return QStatus.QS_SUCCESS
