"""What things may be called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_web.domain.errors import Invalid
from airgate_web.domain.names import find_workload_name, read_route, read_title, suggest_route

DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
ROUTES = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z")


@pytest.mark.parametrize("name", ["a", "7", "quality-control", "a" * 40, "1-2-3"])
def test_a_route_that_can_stand_in_an_address_is_taken_as_it_is(name: str) -> None:
    """No name is changed behind a user's back."""
    assert read_route("Project route", name) == name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Project route is empty."),
        ("a" * 41, "Project route has 41 characters, 40 fit."),
        ("Digits", "Project route 'Digits' has the capital 'D', and addresses are in small letters."),
        ("a/b", "Project route 'a/b' has '/', which cannot stand in an address."),
        ("-a", "Project route '-a' begins or ends with '-', which an address must not."),
        ("a-", "Project route 'a-' begins or ends with '-', which an address must not."),
        ("a\n", "Project route 'a\n' has the character U+000A, which cannot stand in an address."),
        ("ä", "Project route 'ä' has 'ä', which cannot stand in an address."),
        ("..", "Project route '..' has '.', which cannot stand in an address."),
    ],
)
def test_a_route_that_cannot_is_refused_in_one_sentence(name: str, sentence: str) -> None:
    """Capitals, slashes, dots and line ends are named, not swallowed."""
    with pytest.raises(Invalid) as refused:
        read_route("Project route", name)
    assert refused.value.sentence == sentence
    assert refused.value.hint


@given(st.text(max_size=80))
def test_a_suggestion_is_always_a_route(text: str) -> None:
    """What the page proposes, the page accepts."""
    assert read_route("Route", suggest_route(text)) == suggest_route(text)


def test_a_title_loses_the_blanks_around_it_and_nothing_else() -> None:
    """People may write their own words and letters."""
    assert read_title("Name", "  Qualität & Prüfung ") == "Qualität & Prüfung"


@pytest.mark.parametrize("title", ["", "   ", "x" * 81, "two\nlines", "bell\a"])
def test_a_title_that_cannot_be_shown_is_refused(title: str) -> None:
    """Nothing invisible stands in a list."""
    with pytest.raises(Invalid):
        read_title("Name", title)


@given(ROUTES, ROUTES)
def test_a_workloads_name_is_a_dns_label_however_long_its_parts_are(route: str, name: str) -> None:
    """Every pair of names can be deployed."""
    assert DNS_LABEL.fullmatch(find_workload_name("d", route, name))


def test_two_wishes_never_share_a_workloads_name() -> None:
    """A dash in a name must not let one deployment take another's place."""
    pairs = [("c", "a-b"), ("c-a", "b"), ("c-a-b", "x"), ("x" * 40, "y" * 40), ("x" * 40, "y" * 39)]
    assert len({find_workload_name("d", *pair) for pair in pairs}) == len(pairs)
