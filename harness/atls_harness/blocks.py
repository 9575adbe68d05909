# SPDX-License-Identifier: Apache-2.0
"""Tables wider than a terminal come in blocks of columns: no number and no name is broken."""

from __future__ import annotations

from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

BETWEEN = 3  # what stands between two columns
EDGES = 2  # what rich keeps free at the ends of a row


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _longest_word(text: str) -> int:
    return max((cell_len(word) for word in text.split()), default=0)


def least(column: Column, first: bool) -> int:
    """How narrow a column may be: headings, and what the rows are called, wrap between words."""
    cells = [_plain(cell) for cell in column.cells]
    sizes = [_longest_word(cell) if first else cell_len(cell) for cell in cells]
    return max([_longest_word(_plain(column.header)), *sizes])


def within(table: Table, width: int) -> list[Table]:
    """TABLE, or as many as it takes, each with the first column."""
    first, *others = table.columns
    room = width - EDGES - least(first, True)
    groups: list[list[Column]] = [[]]
    used = 0
    for column in others:
        size = least(column, False) + BETWEEN
        if groups[-1] and used + size > room:
            groups.append([])
            used = 0
        groups[-1].append(column)
        used += size
    return [_part(table, [first, *group], number) for number, group in enumerate(groups)]


def _part(table: Table, columns: list[Column], number: int) -> Table:
    title = f"{table.title} (continued)" if number else table.title
    made = Table(title=title, title_justify=table.title_justify, box=table.box)
    made.pad_edge, made.show_edge = table.pad_edge, table.show_edge
    for place, column in enumerate(columns):
        made.add_column(
            column.header,
            justify=column.justify,
            overflow="fold",
            min_width=least(column, place == 0),
        )
    for cells in zip(*(list(column.cells) for column in columns)):
        made.add_row(*cells)
    return made
