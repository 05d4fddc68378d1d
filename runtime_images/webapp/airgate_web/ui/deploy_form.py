"""The form of a deployment's wish: checked while one types, with what it will cost beside it."""

import asyncio

from nicegui import background_tasks, ui

from airgate_web.domain.errors import Conflict, Refusal
from airgate_web.domain.functions import PREDICT, choose_function, make_path
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.names import read_route
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.server import Server
from airgate_web.services.deployments import DeploymentWish, find_base_path, read_wish
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import Caution
from airgate_web.services.models import LATEST
from airgate_web.ui.cautions import show_cautions
from airgate_web.ui.deploy_choices import Choices, Start
from airgate_web.ui.deploy_words import count_own, find_card_cost, find_cost, find_free_cards, find_idle_cards
from airgate_web.ui.fields import Stepper
from airgate_web.ui.gauges import SIMULATED
from airgate_web.ui.parts import box, card, show_wrong, write_refusal
from airgate_web.ui.visit import Visit

NO_CARD = "No accelerator"
PAUSE_S = 0.2  # how long typing must rest before the services are asked


class DeployForm:
    """Fields, preview and the sentence that the server would refuse with. `button` is enabled while there is none."""

    def __init__(self, visit: Visit, route: str, choices: Choices, start: Start) -> None:
        self._visit, self._route, self._choices, self._start = visit, route, choices, start
        self._asked = 0  # counts the checks, so that a slow one cannot overwrite a later one
        self.button: ui.button | None = None
        with box("wide-narrow"):
            with card():
                self._show_what()
                self._show_amounts()
                self._show_timeouts()
                self._wrong = show_wrong()
                self.place = box("ends line")
            with card("What it will be"):
                self._address = ui.label().classes("mono")
                self._cost = ui.label()
                self._wait = ui.label().classes("mute small")
        self._check()

    @property
    def name(self) -> str:
        """The deployment's name as typed."""
        return (self._name.value or "").strip()

    @property
    def deed(self) -> str:
        """What the filled button says."""
        what = f"{self._model.value} v{self._version.value}" if self._model.value else self._runtime.value
        return f"{'Apply to' if self._start.fixed else 'Deploy'} {what}"

    def read(self) -> DeploymentWish:
        """Return the wish as typed; the services check it."""
        return DeploymentWish(
            model=self._model.value or "",
            version=self._version.value or "latest",
            runtime=self._runtime.value or "",
            cpu=self._cpu.value or "",
            memory=self._memory.value or "",
            accelerators=self._cards.value if self._resource.value else 0,
            resource=self._resource.value or "",
            replicas=self._replicas.value,
            arguments=(self._arguments.value or "") if self._find_server() else "",
            others=self._read_others(),
            timeout=self._timeout.value or "",
            idle_timeout=self._idle.value or "",
        )

    def refuse(self, refusal: Refusal) -> None:
        """Show why the wish was refused."""
        self._wrong.text = write_refusal(refusal)

    def _show_what(self) -> None:
        start = self._start
        self._name = ui.input("Name", value=start.name, on_change=self._check).props("outlined dense maxlength=60")
        self._name.props("readonly" if start.fixed else "autofocus")
        with box("two"):
            self._model = ui.select(self._choices.name_models(), label="Model", value=start.model, on_change=self._pick)
            self._model.props("outlined dense options-dense")
            self._version = ui.select(
                self._choices.name_versions(start.model), label="Version", value=start.version, on_change=self._check
            ).props("outlined dense options-dense")
        more = {name: name for name in self._choices.name_models() if name}
        self._others = ui.select(more, label="More models on the same cards", multiple=True, value=list(start.others))
        self._others.props("outlined dense options-dense use-chips").on_value_change(self._check)
        self._others.set_visibility(len(more) > 1)
        names = {one.slug: one.name for one in self._choices.runtimes}
        first = start.runtime if start.runtime in names else next(iter(names), None)
        self._runtime = ui.select(names, label="Runtime", value=first, on_change=self._pick_runtime)
        self._runtime.props("outlined dense options-dense")
        self._cautions, self._shown = box("stack"), tuple[Caution, ...]()
        self._cautions.set_visibility(False)
        self._arguments = ui.input("Arguments of the server", value=start.arguments, on_change=self._check)
        self._arguments.props("outlined dense").classes("mono").set_visibility(self._find_server() is not None)

    def _show_amounts(self) -> None:
        start = self._start
        with box("two"):
            self._cpu = ui.input("CPU, cores", value=start.cpu, on_change=self._check)
            self._memory = ui.input("Memory, GiB", value=start.memory, on_change=self._check)
            for field in (self._cpu, self._memory):
                field.props("outlined dense inputmode=decimal")
        kinds = {"": NO_CARD} | {gauge.resource: gauge.resource for gauge in self._choices.overview.gauges}
        kinds |= {start.resource: start.resource or NO_CARD}
        self._resource = ui.select(kinds, label="Accelerator", value=start.resource, on_change=self._pick_cards)
        self._resource.props("outlined dense options-dense")
        self._cards = Stepper("Accelerators for each replica, whole cards", start.accelerators, 0, self._check)
        self._cards.show(bool(start.resource))
        self._simulated = ui.label(SIMULATED).classes("mute small")
        self._idle_cards = ui.label().classes("why").props("role=status")
        self._replicas = Stepper("Replicas", start.replicas, 1, self._check)

    def _show_timeouts(self) -> None:
        start = self._start
        with ui.expansion("Timeouts").props("dense").classes("fold"), box("two"):
            self._timeout = ui.input("Whole answer, seconds", value=str(start.timeout), on_change=self._check)
            self._idle = ui.input("Silence, seconds; 0: no limit", value=str(start.idle_timeout), on_change=self._check)
            for field in (self._timeout, self._idle):
                field.props("outlined dense inputmode=numeric")

    def _read_others(self) -> list[str | tuple[str, str | int]]:
        """Return the further models: those that are deployed in the version that is, new ones in their newest."""
        return [(name, self._start.versions.get(name, LATEST)) for name in self._others.value or ()]

    def _find_version(self) -> ModelVersion | None:
        return self._choices.find_version(self._model.value, self._version.value)

    def _find_runtime(self) -> Runtime | None:
        return self._choices.find_runtime(self._runtime.value)

    def _find_server(self) -> Server | None:
        runtime = self._find_runtime()
        return runtime.server if runtime else None

    def _pick_runtime(self) -> None:
        self._arguments.set_visibility(self._find_server() is not None)
        self._check()

    def _pick(self) -> None:
        versions = self._choices.name_versions(self._model.value)
        self._version.set_options(versions, value=next(iter(versions), None))
        self._check()

    def _pick_cards(self) -> None:
        self._cards.set(max(1, self._cards.count()) if self._resource.value else 0)
        self._cards.show(bool(self._resource.value))
        self._check()

    def _check(self) -> None:
        if not hasattr(self, "_wait"):  # a field changed while the form is being drawn
            return
        self._asked += 1
        self._preview()
        background_tasks.create(self._judge(self._asked), name="check a wish")

    async def _judge(self, number: int) -> None:
        await asyncio.sleep(PAUSE_S)
        if number != self._asked:
            return
        sentence, cautions = await self._visit.ask(judge_form, self._visit.desk, self._route, self)
        if number == self._asked:
            self._wrong.text = sentence
            self._warn(cautions)
            if self.button:
                self.button.set_enabled(not sentence)

    def _warn(self, cautions: tuple[Caution, ...]) -> None:
        """Show what the chosen runtime warns of; what stands there already is not drawn anew."""
        if cautions != self._shown:
            self._shown = cautions
            self._cautions.set_visibility(bool(cautions))
            self._cautions.clear()
            with self._cautions:
                show_cautions(cautions, beside=True)

    def _preview(self) -> None:
        version = self._find_version()
        self._address.text = self._visit.origin + self._find_path(version)
        cards, replicas = self._cards.count() if self._resource.value else 0, self._replicas.count()
        self._cost.text = find_cost(self._cpu.value or "", self._memory.value or "", replicas)
        gauge = next((one for one in self._choices.overview.gauges if one.resource == self._resource.value), None)
        owner = f"{self._route}/{self.name}" if self._start.fixed else ""
        own = count_own(self._choices.overview, owner, self._resource.value)
        self._cards.note(find_free_cards(gauge, own) if gauge else "")
        self._wait.text = find_card_cost(cards * replicas, gauge, own) if gauge else ""
        self._simulated.set_visibility(bool(gauge and gauge.simulated))
        self._idle_cards.text = find_idle_cards(
            cards, self._resource.value, version, self._find_runtime(), self._choices.runtimes
        )
        self._idle_cards.set_visibility(bool(self._idle_cards.text))
        if self.button:
            self.button.text = self.deed

    def _find_path(self, version: ModelVersion | None) -> str:
        base = find_base_path(self._route, self.name or "…")
        if self._find_server():
            return base
        return f"{base}/{make_path(choose_function(version.signature) if version else PREDICT)}"

    def is_new_name_taken(self) -> bool:
        """Return whether another deployment has the name."""
        return not self._start.fixed and self.name in self._choices.taken


def judge_form(desk: Desk, route: str, form: DeployForm) -> tuple[str, tuple[Caution, ...]]:
    """Return the sentence that the services would refuse the form with, or "", and what the runtime warns of."""
    try:
        read_route("Deployment name", form.name)
        if form.is_new_name_taken():
            raise Conflict(f"There is a deployment '{form.name}' already.", "Choose another name, or edit that one.")
        return "", read_wish(desk, route, form.read()).cautions
    except Refusal as refusal:
        return write_refusal(refusal), ()
