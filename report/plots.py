"""The plots of a report: SVG by Matplotlib, whose colours and fonts are those of the page.

Matplotlib writes colours into the SVG. Here it draws with a few colours that stand for variables of the page's style.
The SVG then names the variables instead, so that a plot changes with the colour scheme.
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_INK, _LINE, _MAIN = "#010101", "#020202", "#030303"
_VARIABLES = {_INK: "var(--ink)", _LINE: "var(--line)", _MAIN: "var(--blue)"}
_SIZE = (5.2, 3.3)  # inches of 72 points: 374 points, about the width of a phone
_GLOBAL_STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)  # would apply to the whole page
_NAMES = re.compile(r'(\bid="|url\(#|href="#)')


def rank_plot(points: Sequence[Mapping[str, Any]]) -> Markup:
    """The number of links to an entity by its rank, with names at both ends.

    Args:
        points: ranks in order, each with `rank`, `links`, `name` and `label`.
    """

    def draw(axes: Axes) -> None:
        ranks, links = [point["rank"] for point in points], [point["links"] for point in points]
        axes.loglog(ranks, links, color=_MAIN, linewidth=1.8, marker="o", markersize=3)
        for number, word, place in ((0, "head", (0.98, 0.92)), (-1, "tail", (0.98, 0.55))):
            text = f"{word}: {_plain(points[number]['label']['text']) or points[number]['name']}"
            arrow = {"arrowstyle": "-", "color": _LINE, "shrinkB": 4}
            end = (ranks[number], links[number])
            axes.annotate(
                text, end, place, textcoords="axes fraction", ha="right", color=_INK, arrowprops=arrow, parse_math=False
            )
        axes.set(xlabel="rank of the entity", ylabel="links to the entity", ylim=(0.7, max(links) * 2))

    return _svg("rank", draw)


def spread_plot(entities: Mapping[str, int]) -> Markup:
    """The number of entities by the number of languages that link to them."""

    def draw(axes: Axes) -> None:
        numbers = [int(number) for number in entities]
        axes.bar(numbers, list(entities.values()), color=_MAIN, width=0.8, log=True)
        axes.set(xlabel="languages that link to the entity", ylabel="entities", ylim=(0.7, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return _svg("spread", draw)


def length_plot(examples: Sequence[int], bin_tokens: int) -> Markup:
    """The number of examples by the number of tokens."""

    def draw(axes: Axes) -> None:
        starts = [number * bin_tokens for number in range(len(examples))]
        axes.bar(starts, examples, width=bin_tokens * 0.92, align="edge", color=_MAIN)
        axes.set(xlabel="tokens of the example", ylabel="examples", xlim=(0, len(examples) * bin_tokens))
        axes.yaxis.set_major_formatter("{x:,.0f}")

    return _svg("lengths", draw)


def _plain(label: str) -> str:
    """A label that fits into a plot, without control characters."""
    text = "".join(letter for letter in label if letter.isprintable())
    return text if len(text) <= 24 else f"{text[:23]}…"


def _svg(name: str, draw: Callable[[Axes], None]) -> Markup:
    """Draws a plot, and returns it as an element of HTML that a screen reader leaves out: a table has its numbers."""
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 12}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph")  # the fonts of the browser draw the text, and not this font
        figure = Figure(_SIZE, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.tick_params(which="both", color=_LINE, labelcolor=_INK)
        axes.xaxis.label.set_color(_INK)
        axes.yaxis.label.set_color(_INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_LINE)
        stream = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
    text = _GLOBAL_STYLE.sub("", stream.getvalue())
    text = _NAMES.sub(rf"\g<1>{name}-", text[text.index("<svg") :])
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" ', 1))  # Matplotlib escapes all texts
