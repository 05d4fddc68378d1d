"""What one call is told and what it reports: plain data that crosses between processes as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from airgate_kit import names

MEBIBYTE = 1024 * 1024
INSPECT, TEST, CONVERT, FIT = "inspect", "test", "convert", "fit"
CONVERTED = "converted.onnx"  # the file that a conversion leaves in the scratch folder


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may use. `print_bytes` bounds every file it writes, what it prints and what it answers alike."""

    seconds: float = 60.0
    memory_bytes: int = 2048 * MEBIBYTE
    print_bytes: int = 32 * MEBIBYTE
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call finds around it: the cards it was granted, and how the lock is judged."""

    granted: str = ""
    nvidia: bool = False
    landlock: bool = True  # False: as if the kernel had none
    excused: bool = False  # formats that carry code may be opened without a whole lock
    qids: tuple[int, ...] = ()  # of the Qualcomm cards among the granted
    qaic_sdk: str = names.QAIC_SDK


@dataclass(frozen=True, slots=True)
class Job:
    """One call. An empty `format` is found out from the file; `function` and `arguments` are for a test.

    `arguments` may be the text of a CSV file for a conversion, or versions by library for `fit`, which has no file.
    `override` is the digest of the one file for which an administrator has overruled the scanner.
    """

    action: str
    file: str
    scratch: str
    bounds: Bounds
    around: Surroundings
    format: str = ""
    function: str = "predict"
    arguments: Any = None
    override: str = ""


def write_job(job: Job) -> bytes:
    """Return the job as JSON."""
    return orjson.dumps(asdict(job))


def read_job(content: bytes) -> Job:
    """Return the job that `write_job` wrote."""
    fields = orjson.loads(content)
    bounds, around = Bounds(**fields.pop("bounds")), fields.pop("around")
    around = Surroundings(**{**around, "qids": tuple(around["qids"])})
    return Job(**fields, bounds=bounds, around=around)
