"""The test runtime's door: POST /inspect, POST /test and POST /fit."""

from typing import Any

import orjson

from airgate_serving.errors import BadRequest, ServingError, UnknownPath, WrongVerb
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import Answer, write_json
from airgate_serving.trials.keeper import CallReport
from airgate_serving.trials.service import Trials

REFUSED = 422


class TrialsDoor:
    """Answers the webapp. What a file or a model does wrong is a 422; what the runtime cannot do now is not."""

    def __init__(self, trials: Trials) -> None:
        """Answer for `trials`."""
        self._trials = trials

    async def __call__(self, request: Request) -> Answer:
        """Answer one of the three paths. Raises the error that explains any other."""
        handler = {"/inspect": self._inspect, "/test": self._test, "/fit": self._fit}.get(request.path)
        if handler is None:
            raise UnknownPath(f"There is nothing at {request.path[:200]}.", "Use POST /inspect, /test or /fit.")
        if request.verb != "POST":
            raise WrongVerb(f"{request.verb} is not possible at {request.path}.", "Use POST.")
        return await handler(_read_body(request.body))

    async def _inspect(self, body: dict[str, Any]) -> Answer:
        override = _read_override(body)
        report = await self._trials.inspect(_read_text(body, "digest"), _read_text(body, "format", ""), override)
        refusal = _find_refusal(report)
        return _refuse(refusal, report) if refusal else write_json(report.answer)

    async def _fit(self, body: dict[str, Any]) -> Answer:
        report = await self._trials.fit(_read_versions(body))
        refusal = _find_refusal(report)
        return _refuse(refusal, report) if refusal else write_json(report.answer)

    async def _test(self, body: dict[str, Any]) -> Answer:
        function = _read_text(body, "function", "predict")
        digest, format_name, override = _read_text(body, "digest"), _read_text(body, "format", ""), _read_override(body)
        report = await self._trials.test(digest, format_name, function, body.get("args"), override)
        refusal = _find_refusal(report)
        if refusal:
            return _refuse(refusal, report)
        return write_json({**report.answer, "stdout": report.stdout, "stderr": report.stderr})


def _read_override(body: dict[str, Any]) -> str:
    """Return the digest for which the scanner was overruled: that of the very file, or none."""
    override = _read_text(body, "override", "")
    if override not in ("", body.get("digest")):
        raise BadRequest("The field 'override' names another file.", "Send the digest itself, or leave it out.")
    return override


def _read_versions(body: dict[str, Any]) -> dict[str, str]:
    versions = body.get("libraries")
    if not isinstance(versions, dict) or not all(isinstance(version, str) for version in versions.values()):
        raise BadRequest("The field 'libraries' is not an object of versions by library.")
    return versions


def _read_body(body: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", 'Send {"digest":"sha256:…","filename":"…"}.') from error
    if not isinstance(fields, dict):
        raise BadRequest("The body is not a JSON object.", 'Send {"digest":"sha256:…","filename":"…"}.')
    return fields


def _read_text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise BadRequest(f"The field {name!r} is missing or not a text.")
    return value


def _find_refusal(report: CallReport) -> dict[str, Any] | None:
    """Return code, error and hint of a call that was stopped or refused."""
    if isinstance(report.error, ServingError):
        return {"code": report.error.code, "error": report.error.sentence, "hint": report.error.hint}
    if "error" in report.answer:
        needs = {"needs": report.answer["needs"]} if "needs" in report.answer else {}
        return {name: str(report.answer.get(name, "")) for name in ("code", "error", "hint")} | needs
    return None


def _refuse(refusal: dict[str, Any], report: CallReport) -> Answer:
    return write_json({**refusal, "stdout": report.stdout, "stderr": report.stderr}, REFUSED)
