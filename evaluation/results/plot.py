"""Draws values as an inline SVG: a line for each series, with bars for the spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _LEGEND = 760, 320, 50, 30, 60, 18
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito: all can see
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a line, None where there is no value, and their spread."""

    values: Sequence[float | None]
    spread: Sequence[float] = field(default_factory=tuple)


def plot(title: str, labels: Sequence[str], series: Mapping[str, Series]) -> str:
    """Returns the SVG.

    Args:
        title: for readers and screen readers.
        labels: of the places on the x axis, such as tests or layers.
        series: by name.
    """
    low, high, step_of_y = _range(series)
    height = _TOP + _HEIGHT + _BOTTOM + _LEGEND * len(series)
    step = (_WIDTH - _LEFT - 20) / max(1, len(labels))
    places = [_LEFT + step * (number + 0.5) for number in range(len(labels))]
    parts = [_axis(low, high, step_of_y), *(_label(x, label) for x, label in zip(places, labels, strict=True))]
    for number, (name, one) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_line(one, [x + 4 * number for x in places], colour, low, high))
        y = _TOP + _HEIGHT + _BOTTOM + _LEGEND * number
        parts.append(f'<rect x="{_LEFT}" y="{y - 9}" width="12" height="9" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 18}" y="{y}">{escape(name)}</text>')
    text = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{text}"><title>{text}</title>{"".join(parts)}</svg>'
    )


def _range(series: Mapping[str, Series]) -> tuple[float, float, float]:
    """The ends of the y axis, and the step between two ticks: 1, 2 or 5 times a power of ten."""
    values = [value for one in series.values() for value in one.values if value is not None] or [0.0]
    low, high = min(values), max(values)
    least = (high - low or 1.0) / (_MOST_TICKS - 2)
    power = 10.0 ** floor(log10(least))
    step = next(step for factor in (1, 2, 5, 10) if (step := factor * power) >= least)
    first, last = floor(low / step), ceil(high / step)
    return first * step, max(last, first + 1) * step, step


def _y(value: float, low: float, high: float) -> float:
    return _TOP + _HEIGHT * (high - value) / (high - low)


def _axis(low: float, high: float, step: float) -> str:
    found = []
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        y = _y(value, low, high)
        found.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        found.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    return "".join(found)


def _label(x: float, text: str) -> str:
    shown = text if len(text) <= 14 else f"{text[:13]}…"
    return f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 20}" text-anchor="middle">{escape(shown)}</text>'


def _line(one: Series, places: Sequence[float], colour: str, low: float, high: float) -> str:
    points = [(x, _y(value, low, high)) for x, value in zip(places, one.values, strict=True) if value is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    found = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>']
    found += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    for x, value, spread in zip(places, one.values, one.spread, strict=False):
        if value is not None and spread:
            top, bottom = (max(low, min(high, value + sign * spread)) for sign in (1, -1))
            y1, y2 = _y(top, low, high), _y(bottom, low, high)
            found.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{colour}"/>')
    return "".join(found)
