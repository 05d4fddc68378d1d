"""Inventory variables held against what the roles document: a misspelled or wrongly typed one gets a sentence."""

from __future__ import annotations

import difflib
from typing import Any

PREFIX = "airgate_"
WORDS = {"bool": "true or false", "int": "a whole number", "list": "a list", "dict": "a mapping"}
TRUTHS = ("true", "false", "yes", "no", "on", "off", "1", "0")


def collect_options(specs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return every option of the roles' argument specs by name."""
    options: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for entry in spec["argument_specs"].values():
            options.update(entry.get("options", {}))
    return options


def judge_variables(given: dict[str, Any], options: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong with the variables of our prefix, each in one sentence."""
    problems = []
    for name in sorted(given):
        if name not in options:
            problems.append(explain_unknown(name, options))
        elif wrong := explain_wrong(name, given[name], options[name]):
            problems.append(wrong)
    return problems


def explain_unknown(name: str, options: dict[str, dict[str, Any]]) -> str:
    """Return the sentence for a variable that no role reads."""
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.75)
    advice = f"write {near[0]}" if near else "remove it, or look it up in roles/*/README.md"
    return f"No role reads the variable {name}; {advice}."


def explain_wrong(name: str, value: Any, option: dict[str, Any]) -> str:
    """Return the sentence for a value that its option does not allow, or nothing."""
    kind = option.get("type", "str")
    if not is_of(value, kind):
        return f"{name} is {value!r} where {WORDS[kind]} is needed; correct it in the inventory."
    choices = option.get("choices")
    if choices and value not in choices:
        return (
            f"{name} is {value!r} where one of {', '.join(map(str, choices))} is needed; correct it in the inventory."
        )
    return ""


def is_of(value: Any, kind: str) -> bool:
    """Say whether a value passes as a type of an argument spec; text is what a command line gives for any of them."""
    if kind == "bool":
        return isinstance(value, bool) or str(value).lower() in TRUTHS
    if kind == "int":
        return not isinstance(value, bool) and str(value).lstrip("-").isdigit()
    return {"list": isinstance(value, list), "dict": isinstance(value, dict)}.get(kind, True)
