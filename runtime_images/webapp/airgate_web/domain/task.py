"""Tasks: what a job does with a model and a data set, in the words that the serving runtime understands."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from airgate_web.domain.amounts import read_whole
from airgate_web.domain.errors import Invalid
from airgate_web.domain.names import read_title

ROWS_KINDS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
MEASURES = ("classification", "regression", "clustering")
NEEDS_NO_TARGET = "clustering"  # what was found can be judged without right answers
COLUMNS_MAX, CHUNK, CHUNK_MAX = 200, 1000, 1_000_000


class TaskKind(StrEnum):
    """batch: predictions for every row. evaluate: how good they are, by a column with the right answers."""

    BATCH = "batch"
    EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done.

    keep: columns copied beside the predictions. target: the column with the right answers. measure: how an evaluation
    judges. chunk: rows at a time.
    """

    kind: TaskKind
    keep: tuple[str, ...] = ()
    target: str = ""
    measure: str = ""
    chunk: int = CHUNK


@dataclass(frozen=True, slots=True)
class DataFile:
    """The file of a data set as a job reads it. kind: csv, jsonl or parquet. digest: "sha256:…". size: bytes."""

    filename: str
    kind: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a workload of the kind job does. job: the number by which its process reports."""

    job: int
    task: Task
    data: DataFile


def find_run_words(run: Run, rows: str, folder: str, web: str) -> list[str]:
    """Return the words that tell the serving runtime what to run.

    rows: where the data set's file lies. folder: where it may write, and goes on from after a restart. web: address of
    the web process.
    """
    task = run.task
    return [
        *("--task", task.kind, "--rows", rows, "--rows-kind", run.data.kind, "--folder", folder),
        *("--web", web, "--job", str(run.job), "--chunk", str(task.chunk)),
        *(f"--keep={name}" for name in task.keep),  # a column may begin with -
        *([f"--target={task.target}"] if task.target else []),
        *(["--measure", task.measure] if task.measure else []),
    ]


def read_rows_kind(filename: str) -> str:
    """Return what a data set's file is (csv, jsonl or parquet) by its name; Invalid when no job can read it."""
    kind = ROWS_KINDS.get(PurePath(filename).suffix.lower())
    if kind is None:
        raise Invalid(
            f"The file '{filename}' is neither CSV nor JSON lines nor Parquet.",
            "Upload rows as .csv, .jsonl or .parquet.",
        )
    return kind


def read_task(kind: str, keep: object, target: str, measure: str, chunk: object, known: str) -> Task:
    """Return a task from what somebody wrote; Invalid with one sentence.

    known: the task of the model as its file says it, "" when it does not.
    """
    if kind not in list(TaskKind):
        raise Invalid(f"'{kind}' is no task of a job.", f"Choose one: {', '.join(TaskKind)}.")
    at_a_time = read_whole("Rows at a time", chunk, 1, CHUNK_MAX)
    if kind == TaskKind.BATCH:
        return Task(TaskKind.BATCH, keep=read_columns(keep), chunk=at_a_time)
    measure = read_measure(measure or known)
    return Task(TaskKind.EVALUATE, target=read_target(target, measure), measure=measure, chunk=at_a_time)


def read_columns(names: object) -> tuple[str, ...]:
    """Return names of columns: of a list, or of a text with commas between; Invalid otherwise."""
    words = names.split(",") if isinstance(names, str) else names
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise Invalid("The columns to keep are not a list of names.", 'Write for example ["id", "name"].')
    found = tuple(read_title("The name of a column", word) for word in words if word.strip())
    if len(found) > COLUMNS_MAX:
        raise Invalid(f"{len(found)} columns are to be kept, {COLUMNS_MAX} fit.", "Name fewer.")
    return found


def read_measure(measure: str) -> str:
    """Return how an evaluation judges; Invalid with what there is."""
    if measure in MEASURES:
        return measure
    unknown = f"'{measure}' is not how a model is judged." if measure else "The model does not say what its task is."
    raise Invalid(unknown, f"Choose one: {', '.join(MEASURES)}.")


def read_target(target: str, measure: str) -> str:
    """Return the name of the column with the right answers; Invalid when it is needed and missing."""
    if target.strip():
        return read_title("The name of a column", target)
    if measure == NEEDS_NO_TARGET:
        return ""
    raise Invalid("No column with the right answers is named.", "Name the column of the data set that has them.")
