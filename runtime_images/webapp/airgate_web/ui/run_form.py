"""The form that starts a job: fields, a look at the data set's columns, and the sentence that the server would say."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from nicegui import background_tasks, ui

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.errors import NotFound, Refusal
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.task import MEASURES, TaskKind, read_rows_kind
from airgate_web.services.datasets import list_datasets, read_head
from airgate_web.services.desk import Desk
from airgate_web.services.jobs import JobWish, read_wish
from airgate_web.services.models import list_models, list_versions
from airgate_web.services.runtimes import list_runtimes
from airgate_web.ui.columns import find_columns, find_others
from airgate_web.ui.jobs import TASKS
from airgate_web.ui.parts import box, card, show_wrong, write_refusal
from airgate_web.ui.visit import Visit

PAUSE_S = 0.3  # after the last key, before the services are asked
AS_MODEL = "As the model says"
SELECT = "outlined dense options-dense"


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen: versions by model, newest first; data sets; workers."""

    versions: Mapping[str, tuple[ModelVersion, ...]]
    datasets: tuple[DataSet, ...]
    workers: tuple[Runtime, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What the form begins with."""

    model: str
    version: int
    dataset: str | None


def find_choices(desk: Desk, route: str) -> Choices:
    """Return what a project has to run and to run it over; models that are folders are no jobs."""
    models = {one.name: tuple(list_versions(desk, route, one.name)) for one in list_models(desk, route)}
    files = {name: tuple(one for one in versions if not one.path) for name, versions in models.items()}
    workers = tuple(list_runtimes(desk, RuntimeKind.WORKER))
    return Choices({name: kept for name, kept in files.items() if kept}, tuple(list_datasets(desk, route)), workers)


def choose_start(choices: Choices, query: Mapping[str, str]) -> Start:
    """Return what a new job's form begins with; NotFound when the project has no such version."""
    model = query.get("model") or next(iter(choices.versions), "")
    wanted = query.get("version") or "latest"
    versions = choices.versions.get(model, ())
    version = next((one for one in versions if wanted in ("latest", str(one.version))), None)
    if version is None:
        raise NotFound("There is no such version to run.", "Upload a model into this project first.")
    names = [one.name for one in choices.datasets]
    dataset = query.get("dataset") if query.get("dataset") in names else next(iter(names), None)
    return Start(model, version.version, dataset)


class RunForm:
    """Fields and the sentence that the server would refuse with. `button` is enabled while there is none."""

    def __init__(self, visit: Visit, route: str, choices: Choices, start: Start) -> None:
        self._visit, self._route, self._choices = visit, route, choices
        self._asked = 0  # counts the checks, so that a slow one cannot overwrite a later one
        self.button: ui.button | None = None
        with card():
            self._show_what(start)
            self._show_columns()
            self._show_amounts()
            self._wrong = show_wrong()
            self.place = box("ends line")
        self._pick_data()

    def read(self) -> JobWish:
        """Return the wish as typed; the services check it."""
        return JobWish(
            model=self._model.value or "",
            version=self._version.value or "latest",
            dataset=self._dataset.value or "",
            task=self._task.value,
            runtime=self._runtime.value or "",
            keep=self._keep.value or "",
            target=self._target.value or "",
            measure=self._measure.value or "",
            chunk=self._chunk.value or "",
            cpu=self._cpu.value or "",
            memory=self._memory.value or "",
        )

    def refuse(self, refusal: Refusal) -> None:
        """Show why the wish was refused."""
        self._wrong.text = write_refusal(refusal)

    def _show_what(self, start: Start) -> None:
        with box("two"):
            models = list(self._choices.versions)
            self._model = ui.select(models, label="Model", value=start.model, on_change=self._pick_model).props(SELECT)
            versions = self._find_versions(start.model)
            self._version = ui.select(versions, label="Version", value=start.version, on_change=self._pick_data)
            self._version.props(SELECT)
        names = [one.name for one in self._choices.datasets]
        self._dataset = ui.select(names, label="Data set", value=start.dataset, on_change=self._pick_data).props(SELECT)
        tasks = {kind.value: word for kind, word in TASKS.items()}
        self._task = ui.select(tasks, label="Task", value=TaskKind.BATCH.value, on_change=self._pick_task).props(SELECT)

    def _show_columns(self) -> None:
        self._keep = ui.input("Columns to copy beside the predictions, with commas", on_change=self._check)
        self._target = ui.input("Column with the right answers", on_change=self._check)
        for field in (self._keep, self._target):
            field.props("outlined dense autocomplete=off")
        measures = {"": AS_MODEL} | {name: name.capitalize() for name in MEASURES}
        self._measure = ui.select(measures, label="Judge it as", value="", on_change=self._check).props(SELECT)
        self._columns = ui.label().classes("mute small")

    def _show_amounts(self) -> None:
        workers = {one.slug: one.name for one in self._choices.workers}
        first = next(iter(workers), None)
        self._runtime = ui.select(workers, label="Runtime", value=first, on_change=self._check).props(SELECT)
        with box("two"):
            self._cpu = ui.input("CPU, cores", value="1", on_change=self._check)
            self._memory = ui.input("Memory, GiB", value="2", on_change=self._check)
        with ui.expansion("Rows at a time").props("dense").classes("fold"):
            self._chunk = ui.input("Rows at a time", value="1000", on_change=self._check)
        for field in (self._cpu, self._memory, self._chunk):
            field.props("outlined dense inputmode=decimal")

    def _find_versions(self, model: str) -> dict[int, str]:
        return {one.version: f"v{one.version}" for one in self._choices.versions.get(model, ())}

    def _find_version(self) -> ModelVersion | None:
        versions = self._choices.versions.get(self._model.value, ())
        return next((one for one in versions if one.version == self._version.value), None)

    def _pick_model(self) -> None:
        versions = self._find_versions(self._model.value)
        self._version.set_options(versions, value=next(iter(versions), None))

    def _pick_task(self) -> None:
        batch = self._task.value == TaskKind.BATCH
        self._keep.set_visibility(batch)
        for field in (self._target, self._measure):
            field.set_visibility(not batch)
        self._check()

    def _pick_data(self) -> None:
        """Suggest columns: what the model does not ask for is kept, and the last of it may be the right answer."""
        fitting = self._find_fitting_worker()
        if fitting:
            self._runtime.value = fitting
        background_tasks.create(self._suggest(), name="look at a data set")

    def _find_fitting_worker(self) -> str:
        version = self._find_version()
        return next((one.slug for one in self._choices.workers if version and version.format in one.formats), "")

    async def _suggest(self) -> None:
        version = self._find_version()
        dataset = next((one for one in self._choices.datasets if one.name == self._dataset.value), None)
        columns = await self._visit.ask(look_at, self._visit.desk, dataset) if dataset else ()
        others = find_others(columns, [one.name for one in version.signature.inputs] if version else [])
        self._columns.text = f"Columns of the file: {', '.join(columns)}." if columns else ""
        self._keep.value, self._target.value = ", ".join(others), others[-1] if others else ""
        self._pick_task()

    def _check(self) -> None:
        if not hasattr(self, "place"):  # a field changed while the form is being drawn
            return
        self._asked += 1
        background_tasks.create(self._judge(self._asked), name="check a wish")

    async def _judge(self, number: int) -> None:
        await asyncio.sleep(PAUSE_S)
        if number != self._asked:
            return
        sentence = await self._visit.ask(judge_form, self._visit, self._route, self.read())
        if number == self._asked:
            self._wrong.text = sentence
            if self.button:
                self.button.set_enabled(not sentence)


def look_at(desk: Desk, dataset: DataSet) -> tuple[str, ...]:
    """Return the columns that a data set seems to have; none where its file is gone, or no rows."""
    try:
        return find_columns(read_head(desk, dataset), read_rows_kind(dataset.filename))
    except Refusal:
        return ()


def judge_form(visit: Visit, route: str, wish: JobWish) -> str:
    """Return the sentence that the services would refuse a wish with, or ""."""
    try:
        read_wish(visit.desk, visit.user, route, wish)
    except Refusal as refusal:
        return write_refusal(refusal)
    return ""
