"""Tables: sortable, with a filter from ten rows on, as a list of cards on a phone."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import app, ui

from airgate_web.domain.job import JobState
from airgate_web.domain.workload import ReplicaState
from airgate_web.ui.parts import box, show_text

FILTER_FROM = 10  # rows
PAGE = 50  # rows

SORT = "(a, b) => { const x = a.sort ?? '', y = b.sort ?? ''; return x < y ? -1 : x > y ? 1 : 0 }"
CELL = """
  <span v-if="cell.state" class="chip"><i :class="'dot ' + cell.state"></i>{{ cell.text }}</span>
  <time v-else-if="cell.at" :datetime="cell.at"></time>
  <a v-else-if="cell.href" :href="cell.href" :class="cell.mono ? 'mono' : ''" @click.stop>{{ cell.text }}</a>
  <span v-else :class="cell.mono ? 'mono' : ''">{{ cell.text }}</span>
"""
OPEN = "if (props.row.open) window.location.href = props.row.open"
BODY = f"""
<q-tr :props="props" :data-open="props.row.open || null" @click="() => {{ {OPEN} }}">
  <q-td v-for="col in props.cols" :key="col.name" :props="props">
    <template v-for="cell in [props.row[col.name] || {{}}]">{CELL}</template>
  </q-td>
</q-tr>
"""
ITEM = f"""
<div class="row-card" @click="() => {{ {OPEN} }}">
  <template v-for="col in props.cols" :key="col.name">
    <span class="mute">{{{{ col.label }}}}</span>
    <span><template v-for="cell in [props.row[col.name] || {{}}]">{CELL}</template></span>
  </template>
</div>
"""

# The server echoes an order back; until then a second click would be taken for the first. `element` is the page's copy.
ORDER_AT_ONCE = "(order) => { element.props.pagination = order }"

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a field of a table. sort: what it is ordered by, the text when None."""

    text: str
    href: str = ""
    mono: bool = False
    sort: object = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key of its cells and its heading. end: figures stand on the right."""

    name: str
    label: str
    end: bool = False


def show_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Draw rows of str, int, Cell, a state or datetime (shown as an age). "open": where a click on a row leads.

    Order, page and filter outlast drawing the table anew, as a live place does.
    """
    plain = [{name: make_plain_cell(name, value) for name, value in row.items()} for row in rows]
    memory = find_memory(columns)
    field = show_filter(memory) if len(rows) >= FILTER_FROM else None
    table = ui.table(
        columns=[make_column(column) for column in columns],
        rows=[{"id": str(number), **row} for number, row in enumerate(plain)],
        pagination={**memory["order"], "rowsPerPage": PAGE if len(rows) > PAGE else 0},
        on_pagination_change=lambda event: memory.update(order=event.value),
    )
    table.on("update:pagination", js_handler=ORDER_AT_ONCE)
    table.props(":grid='Quasar.Screen.lt.sm' flat wrap-cells binary-state-sort")
    table.props["hide-pagination"] = len(rows) <= PAGE
    table.add_slot("body", BODY)
    table.add_slot("item", ITEM)
    if field:
        table.bind_filter_from(field, "value", lambda text: text or "")


def find_memory(columns: Sequence[Column]) -> dict[str, Any]:
    """Return what this window remembers of a table, known by its columns."""
    tables: dict[str, dict[str, Any]] = app.storage.client.setdefault("tables", {})
    return tables.setdefault(" ".join(column.name for column in columns), {"order": {}, "filter": ""})


def show_filter(memory: dict[str, Any]) -> ui.input:
    """Draw a field that narrows a table while one types."""
    field = ui.input(placeholder="Filter", value=memory["filter"])
    field.on_value_change(lambda event: memory.update(filter=event.value or ""))
    return field.props("outlined dense clearable aria-label=Filter").classes("filter")


def make_column(column: Column) -> dict[str, Any]:
    """Return a column as the table's component takes it."""
    align = "right" if column.end else "left"
    return {
        "name": column.name,
        "label": column.label,
        "field": column.name,
        "align": align,
        "sortable": True,
        ":sort": SORT,
        ":format": "cell => cell?.text ?? ''",
    }


def make_plain_cell(name: str, value: object) -> Any:
    """Return a cell as the browser takes it."""
    if name == "open":
        return value
    if isinstance(value, ReplicaState | JobState):
        return {"text": value.value, "state": value.value.lower(), "sort": list(type(value)).index(value)}
    if isinstance(value, datetime.datetime):
        return {"text": value.isoformat(), "at": value.isoformat(), "sort": value.timestamp()}
    if isinstance(value, Cell):
        sort = value.text.lower() if value.sort is None else value.sort
        return {"text": value.text, "href": value.href, "mono": value.mono, "sort": sort}
    return {"text": str(value), "sort": value if isinstance(value, int | float) else str(value).lower()}


def show_table_card(title: str, columns: Sequence[Column], rows: Sequence[Row], empty: str) -> None:
    """Draw a card with a table, or with a sentence where there is nothing."""
    with box("card", "section"):
        if title:
            show_text(title, "h2", "h2")
        if rows:
            show_table(columns, rows)
        else:
            show_text(empty, "mute")
