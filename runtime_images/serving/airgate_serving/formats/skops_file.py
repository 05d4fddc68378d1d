"""Reads .skops files: scikit-learn estimators as a zip of JSON and arrays, without a pickle.

The library says which classes a file names beyond its own list; those are judged as a pickle's are.
"""

import re
import zipfile
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadModelFile, ServingError
from airgate_serving.formats.safety import explain_name, guarded_unpickling, judge_name

SCHEMA = "schema.json"
MARK_ZIP = b"PK\x03\x04"
VERSION = re.compile(rb'_sklearn_version": \{[^}]{1,300}"content": "\\"(\d[\w.]*)')
MOST_UNPACKED = 4 * 1024**3  # bytes of all members together
HINT_SAVE = "Save it again with skops.io.dump(model, 'model.skops')."


def is_skops(path: Path) -> bool:
    """Return whether the file is a zip with skops' schema in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return SCHEMA in archive.namelist()


def read_skops(path: Path, scanned: bool = True) -> Any:
    """Return the object in the file. Raises BadModelFile, DangerousModelFile or MissingLibrary with one sentence.

    scanned: see LoadOptions.
    """
    import skops.io

    _check_size(path)
    try:
        named = skops.io.get_untrusted_types(file=path)
        for name in named if scanned else ():
            _judge(name)
        with guarded_unpickling(scanned):
            return skops.io.load(path, trusted=named)
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(
            f"skops cannot open the model: {type(error).__name__}: {str(error)[:200]}", HINT_SAVE
        ) from error


def find_skops_version(path: Path) -> str:
    """Return the scikit-learn version that the file says it was saved with, or nothing."""
    with zipfile.ZipFile(path) as archive:
        found = VERSION.search(archive.read(SCHEMA))
    return found.group(1).decode() if found else ""


def _judge(name: str) -> None:
    module, _, kind = name.rpartition(".")
    if not judge_name(module, kind):
        raise explain_name(module, kind)


def _check_size(path: Path) -> None:
    """Raise BadModelFile for a zip that would unpack to more than a model of this kind has."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MOST_UNPACKED:
        raise BadModelFile(f"The file would unpack to {size} bytes; the limit is {MOST_UNPACKED}.", HINT_SAVE)
