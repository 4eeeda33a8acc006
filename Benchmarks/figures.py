# SPDX-License-Identifier: Apache-2.0
"""A measured figure, and how figures are printed and kept."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass
class Spread:
    """A value with the range in which it moved."""

    middle: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        """Median, least and greatest of what rounds gave."""
        return Spread(statistics.median(values), min(values), max(values))

    @staticmethod
    def quartiles(quantiles: dict) -> Spread:
        """Median and quartiles of what one of the C programs measured."""
        return Spread(quantiles["p50"], quantiles["p25"], quantiles["p75"])

    @staticmethod
    def exactly(value: float) -> Spread:
        return Spread(value, value, value)

    def scaled(self, factor: float) -> Spread:
        return Spread(self.middle * factor, self.low * factor, self.high * factor)

    def text(self, unit: str) -> str:
        middle = f"{number(self.middle)} {unit}".strip()
        if self.low == self.high:
            return middle
        return f"{middle} [{number(self.low)}..{number(self.high)}]"


@dataclass
class Figure:
    """One line of the table."""

    section: str
    name: str
    unit: str
    value: Spread
    #: The same without the agent, or with less to do, from the same run.
    baseline: Spread | None = None
    #: What the baseline makes of the value: "×" a ratio, "+" a difference.
    comparison: str = ""
    #: Of the rounds, where rounds are compared one by one; else from the two middles.
    compared: Spread | None = None
    #: The comparison, or where there is none the value, is to be at most this.
    aim: float | None = None
    #: The same figure of another agent, and how it came about.
    peer: str = ""
    note: str = ""

    def __post_init__(self):
        if self.baseline and self.comparison and not self.compared:
            difference = self.value.middle - self.baseline.middle
            ratio = self.value.middle / self.baseline.middle if self.baseline.middle else 0
            self.compared = Spread.exactly(ratio if self.comparison == "×" else difference)

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        return (self.compared or self.value).middle <= self.aim

    def cells(self) -> list[str]:
        unit = "" if self.comparison == "×" else self.unit
        sign = "" if self.compared and self.compared.middle < 0 else self.comparison
        return [
            self.name,
            self.baseline.text(self.unit) if self.baseline else "",
            self.value.text(self.unit),
            sign + self.compared.text(unit) if self.compared else "",
            "" if self.aim is None else f"{self.comparison}{number(self.aim)} {unit}".strip(),
            {True: "met", False: "MISSED", None: ""}[self.met],
        ]

    def as_json(self) -> dict:
        def spread(it: Spread | None):
            return it and {"middle": it.middle, "low": it.low, "high": it.high}

        return {
            "section": self.section, "name": self.name, "unit": self.unit, "value": spread(self.value),
            "baseline": spread(self.baseline), "comparison": self.comparison, "compared": spread(self.compared),
            "aim": self.aim, "met": self.met, "peer": self.peer, "note": self.note,
        }


def number(value: float) -> str:
    """Three digits that mean something, four for ratios near one."""
    size = abs(value)
    if value == int(value) and size < 1e9:
        return f"{int(value):,}"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 2 else 3
    return f"{value:,.{digits}f}"


def table(figures: list[Figure]) -> str:
    """The figures for people, in sections."""
    heading = ["", "baseline", "measured", "compared", "aim", ""]
    rows = [figure.cells() for figure in figures]
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]

    def line(cells: list[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()

    lines, section = ["  " + line(heading)], None
    for figure, row in zip(figures, rows):
        if figure.section != section:
            section = figure.section
            lines += ["", section]
        lines.append("  " + line(row))
        lines += [f"      {text}" for text in (figure.note, figure.peer) if text]
    return "\n".join(lines)


def markdown(figures: list[Figure]) -> str:
    """The figures for a document: without ranges and notes."""
    lines, section = ["| | baseline | measured | compared | aim | Tetragon |", "|---|---|---|---|---|---|"], None
    for figure in figures:
        if figure.section != section:
            section = figure.section
            lines.append(f"| **{section}** | | | | | |")
        name, *values, aim, verdict = (cell.split(" [")[0] for cell in figure.cells())
        peer = figure.peer.removeprefix("Tetragon").lstrip(": ")
        lines.append("| " + " | ".join([name, *values, ", ".join(filter(None, [aim, verdict])), peer]) + " |")
    return "\n".join(lines)
