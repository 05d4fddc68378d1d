"""Answers that say what runtimes warn of: of one version or one deployment. Lists do not ask that."""

from collections.abc import Iterable

from airgate_web.api.shapes.models import JudgedVersionAnswer, VersionAnswer, WarningAnswer
from airgate_web.domain.model import ModelVersion
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import Caution, judge_version


def show_version(desk: Desk, version: ModelVersion) -> JudgedVersionAnswer:
    """Return a version with its warnings."""
    plain = VersionAnswer.model_validate(version)
    return JudgedVersionAnswer(**plain.model_dump(), warnings=show_warnings(judge_version(desk, version)))


def show_warnings(cautions: Iterable[Caution]) -> list[WarningAnswer]:
    """Return warnings as the API says them."""
    return [
        WarningAnswer(runtime=one.runtime.slug, model=one.model, sentence=one.sentence, hint=one.hint)
        for one in cautions
    ]
