"""Names: what a project, model or deployment may be called, and what its objects are called in a cluster."""

import hashlib
import re

from airgate_web.domain.errors import Invalid

ROUTE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
FOREIGN = re.compile(r"[^a-z0-9-]")
ROUTE_MAX = 40  # leaves room for prefixes in a DNS label of 63
TITLE_MAX = 80
TEXT_MAX = 2000
DNS_LABEL_MAX = 63


def read_route(what: str, text: str) -> str:
    """Return `text` when it can stand in a URL and in a DNS label; raise Invalid with what to write instead.

    what: the field as the page names it, for example "Project route".
    """
    if not text:
        raise Invalid(f"{what} is empty.", "Write 1 to 40 of: a-z, 0-9 and -.")
    if len(text) > ROUTE_MAX:
        raise Invalid(f"{what} has {len(text)} characters, {ROUTE_MAX} fit.", "Choose a shorter one.")
    if not ROUTE.fullmatch(text):
        raise Invalid(
            f"{what} '{text}' {explain_route(text)}.", f"Use a-z, 0-9 and -, for example '{suggest_route(text)}'."
        )
    return text


def explain_route(text: str) -> str:
    """Return why `text` is no route, as the rest of a sentence: the first character that is wrong, by its name."""
    wrong = FOREIGN.search(text)
    if not wrong:
        return "begins or ends with '-', which an address must not"
    if wrong[0].isascii() and wrong[0].isupper():
        return f"has the capital '{wrong[0]}', and addresses are in small letters"
    shown = f"'{wrong[0]}'" if wrong[0].isprintable() else f"the character U+{ord(wrong[0]):04X}"
    return f"has {shown}, which cannot stand in an address"


def suggest_route(text: str) -> str:
    """Return the nearest valid route to `text`: lower case, runs of anything else as one '-'."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:ROUTE_MAX].strip("-")
    return slug or "unnamed"


def read_title(what: str, text: str) -> str:
    """Return `text` without blanks around it when it can be shown as a name; raise Invalid otherwise."""
    text = text.strip()
    if not text:
        raise Invalid(f"{what} is empty.", f"Write up to {TITLE_MAX} characters.")
    if len(text) > TITLE_MAX:
        raise Invalid(f"{what} has {len(text)} characters, {TITLE_MAX} fit.", "Choose a shorter one.")
    if not text.isprintable():
        raise Invalid(f"{what} has a character that cannot be shown.", "Use letters, digits and blanks.")
    return text


def read_text(what: str, text: str) -> str:
    """Return a longer text (a description, a note) without blanks around it; raise Invalid when it cannot be kept."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > TEXT_MAX:
        raise Invalid(f"{what} has {len(text)} characters, {TEXT_MAX} fit.", "Write a shorter one.")
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise Invalid(f"{what} has a character that cannot be shown.", "Use letters, digits, blanks and new lines.")
    return text


def find_workload_name(prefix: str, *parts: str) -> str:
    """Return a DNS label for an object: prefix and parts joined, with a digest so that no two wishes share it.

    "a-b" in project "c" and "b" in project "c-a" must not meet, and long names must fit: hence 8 hex digits of the
    parts' SHA-256 at the end.
    """
    mark = hashlib.sha256("/".join(parts).encode()).hexdigest()[:8]
    stem = "-".join((prefix, *parts))[: DNS_LABEL_MAX - 9].rstrip("-")
    return f"{stem}-{mark}"
