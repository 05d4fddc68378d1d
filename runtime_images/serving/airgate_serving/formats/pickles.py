"""Reads pickles and joblib files under the guard, and finds out which library versions made them."""

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadModelFile, MissingLibrary, ServingError
from airgate_serving.formats.compressed import ends_early, read_head, read_plainly
from airgate_serving.formats.looks import looks_pickled
from airgate_serving.formats.safety import check_pickle, guarded_unpickling
from airgate_serving.formats.versions import FREEZE

MARK_JOBLIB = b"joblib.numpy_pickle"
SEARCHED = 256 * 1024 * 1024  # bytes
OVERLAP, LONGEST = 64, 20  # bytes: what is searched for is shorter than the one, a version's last part than the other
VERSION = re.compile(rb"_sklearn_version.{1,6}?(\d+\.\d+(?:\.\d+)?(?:\.?[a-z]+\d*)?)", re.DOTALL)
HINT_SAVE = "Save the fitted estimator itself: joblib.dump(model, 'model.joblib')."


def read_object(path: Path, scanned: bool = True) -> Any:
    """Return the object in the file. Raises BadModelFile, DangerousModelFile or MissingLibrary with one sentence.

    scanned: see LoadOptions.
    """
    plain = is_plain_pickle(path)
    if plain and scanned:
        check_pickle(path)
    with warnings.catch_warnings(), guarded_unpickling(scanned):
        warnings.simplefilter("ignore")  # a version that differs is reported by `find_sklearn_version`
        try:
            return _read_plain(path) if plain else _read_joblib(path)
        except ServingError:
            raise
        except Exception as error:
            raise explain_failure(path, error) from error


def is_plain_pickle(path: Path) -> bool:
    """Return whether the file is a pickle that joblib has put no arrays into."""
    return looks_pickled(read_head(path)) and MARK_JOBLIB not in path.read_bytes()


def find_sklearn_version(path: Path) -> str:
    """Return the scikit-learn version that a file says it was saved with, or nothing.

    Of a compressed file the first SEARCHED bytes are searched: the first estimator in it says the version.
    """
    tail, found = b"", None
    for block in read_plainly(path, SEARCHED):
        seen = tail + block
        found = VERSION.search(seen)
        if found and found.end() + LONGEST <= len(seen):
            break
        tail = seen[-OVERLAP:]  # a version at the end of a block may go on in the next
    return found.group(1).decode() if found else ""


def explain_failure(path: Path, error: Exception) -> ServingError:
    """Return the sentence for a file that could not be opened: cut short, another version, or damaged."""
    if isinstance(error, EOFError) or "truncated" in str(error) or lacks_end(path):
        return BadModelFile("The file is cut short: the pickle ends too early.", "Upload the whole file again.")
    made_with, installed = find_sklearn_version(path), _find_installed()
    if made_with not in ("", installed):
        return MissingLibrary(
            f"The file was saved by scikit-learn {made_with}; this runtime has {installed}, which cannot open it "
            f"({type(error).__name__}: {str(error)[:120]}).",
            f"Choose a runtime with scikit-learn {made_with}, make one with {FREEZE}, or save the model again with "
            f"{installed}.",
            {"scikit-learn": made_with},
        )
    return BadModelFile(f"The file cannot be opened as a pickle: {type(error).__name__}: {str(error)[:200]}", HINT_SAVE)


def lacks_end(path: Path) -> bool:
    """Return whether a file does not end as every whole pickle does, joblib's too, or its compression does not."""
    if looks_pickled(read_head(path)):
        return not path.read_bytes().endswith(pickle.STOP)
    return ends_early(path)


def _find_installed() -> str:
    import sklearn

    return str(sklearn.__version__)


def _read_plain(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - behind the lock, under the guard


def _read_joblib(path: Path) -> Any:
    import joblib

    return joblib.load(path)
