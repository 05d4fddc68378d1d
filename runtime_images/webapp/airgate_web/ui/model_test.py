"""Test a version: an input on one side, and on the other what one call of the model answers."""

from collections.abc import Sequence
from html import escape

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.domain.functions import PREDICT, choose_function, find_function
from airgate_web.domain.model import ModelVersion, Signature
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.scaffold import make_curl
from airgate_web.domain.workload import ReplicaState
from airgate_web.ports import TrialRun
from airgate_web.services.fitting import Caution
from airgate_web.services.trials import run_trial
from airgate_web.ui.cautions import show_cautions
from airgate_web.ui.functions import show_function_choice
from airgate_web.ui.input_form import InputForm
from airgate_web.ui.parts import (
    box,
    card,
    make_chip,
    show_attention,
    show_bars,
    show_button,
    show_code,
    show_html,
    show_text,
    write_refusal,
)
from airgate_web.ui.pictures import find_shares, write_json, write_seconds
from airgate_web.ui.visit import Visit


class ModelTest:
    """The Test tab of one version. A test holds nothing: once it is done, process and card are free again."""

    def __init__(
        self, visit: Visit, version: ModelVersion, runtimes: Sequence[Runtime], cautions: Sequence[Caution]
    ) -> None:
        self._visit, self._version, self._all_cautions = visit, version, cautions
        with box("two"):
            with card():
                self._choice = show_function_choice(version.signature, self._pick_function)
                self._place = box("tight").style("gap:12px")
                self._show_input(choose_function(version.signature))
                self._runtime = ui.select(
                    {one.slug: one.name for one in runtimes}, label="Runtime", on_change=self._pick_runtime
                )
                self._cautions = box("stack")
                self._cautions.set_visibility(False)
                self._runtime.props("outlined dense options-dense").set_value(next((r.slug for r in runtimes), None))
                with box("line"):
                    self._button = show_button("Run test", self._run, "deed", "play_arrow")
                    sample = ui.button("Fill in sample", on_click=lambda: self._input.sample(), color=None)
                    sample.props("flat no-caps").classes("quiet")
            self._output = card().props("aria-live=polite")
            self._show_no_output()

    def _show_input(self, function: str) -> None:
        """Draw the form of a function, with its sample."""
        self._function = function
        self._signature, sample = find_function(self._version.signature, self._version.sample, function)
        self._place.clear()
        with self._place:
            self._input = InputForm(self._signature, sample)

    def _show_no_output(self) -> None:
        self._output.clear()
        with self._output:
            show_text("Output", "h2", "h2")
            show_text("Run the test to see what the model answers.", "mute")

    def _pick_function(self, function: str) -> None:
        """Begin anew with another function: what the last one answered would be taken for an answer of this one."""
        self._show_input(function)
        self._show_no_output()

    def _pick_runtime(self) -> None:
        """Show what the chosen runtime warns of."""
        found = [one for one in self._all_cautions if one.runtime.slug == self._runtime.value]
        self._cautions.set_visibility(bool(found))
        self._cautions.clear()
        with self._cautions:
            show_cautions(found, beside=True)

    async def _run(self) -> None:
        self._input.wrong.text = ""
        try:
            body = self._input.read()
            self._wait(True)
            run = await self._call(body["args"])
        except Refusal as refusal:
            self._input.wrong.text = write_refusal(refusal)
            return
        finally:
            self._wait(False)
        self._output.clear()
        with self._output:
            show_run(run, self._signature)
            self._show_call(body)

    def _wait(self, waiting: bool) -> None:
        """Show that a test runs; until it is done no other function can be chosen."""
        self._button.props("loading" if waiting else "", remove="" if waiting else "loading")
        if self._choice:
            self._choice.set_enabled(not waiting)

    async def _call(self, args: object) -> TrialRun:
        visit, version = self._visit, self._version
        place = version.project, version.model, version.version
        chosen = {"function": self._function, "runtime": self._runtime.value or ""}
        return await visit.act(run_trial, visit.desk, visit.user, *place, args=args, **chosen)

    def _show_call(self, body: dict[str, object]) -> None:
        version = self._version
        path = f"/api/v2/projects/{version.project}/models/{version.model}/versions/{version.version}/test"
        named = {} if self._function == PREDICT else {"function": self._function}
        show_code(make_curl(self._visit.origin + path, {**body, **named}), "Run this test from a script")
        show_text("TOKEN is the token that POST /api/v2/session answers.", "mute small")


def show_run(run: TrialRun, signature: Signature) -> None:
    """Draw what came of one test: the picture first, then the words."""
    with box("line"):
        show_text("Output", "h2", "h2")
        if run.ok:  # what was refused or failed has no time worth a word
            answered = f"{write_seconds(run.seconds)} on {run.device or 'an unknown device'}"
            show_html(make_chip(ReplicaState.READY, answered))
            show_text(f"loaded in {write_seconds(run.load_seconds)}, then released", "mute small")
    if not run.ok:
        show_attention(run.error or "The model failed.", escape(run.hint))
    shares = find_shares(run.result, signature)
    if shares:
        show_bars(shares)
    if run.ok:
        show_code(write_json(run.result), "Result")
    if run.stdout.strip():
        show_code(run.stdout.rstrip(), "stdout")
    if run.stderr.strip():
        show_code(run.stderr.rstrip(), "stderr")
