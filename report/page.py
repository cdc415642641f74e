"""Makes the page of a report: one file of HTML with its style, its script and its plots, which needs no network."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlukit.corpus.audit.residue_tally import SIDES
from mlukit.report.gather import ShownText
from mlukit.report.plots import length_plot, rank_plot, spread_plot
from mlukit.report.shown_text import EXAMPLE_STATUSES, direction, language_name, language_tag
from mlukit.schemas.records import KINDS, LINK_STATUSES
from mlukit.schemas.wording import byte_count, counted

TEXT_BYTES = 3_000_000  # of all texts on a page; the tables of 350 languages have less than 2 MB
STATUSES: Mapping[str, str] = dict([*LINK_STATUSES.items(), *EXAMPLE_STATUSES.items()])


def render(value: Mapping[str, Any], texts: Sequence[ShownText], name: str) -> bytes:
    """The page of a report.

    Args:
        value: the value of report.json.
        texts: the texts to show; the last ones are left out if the page would be too large.
        name: the name of the output folder.
    """
    environment = _environment()
    shown = _shown(environment, texts)
    style, script = (files("mlukit.report").joinpath("templates", f"page.{kind}").read_text() for kind in ("css", "js"))
    page = environment.get_template("page.html").render(
        report=value,
        name=name,
        plots=_plots(value),
        texts=Markup("").join(html for html, _ in shown),
        shown=[text for _, text in shown],
        left_out=len(texts) - len(shown),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        kinds=KINDS,
        sides=SIDES,
        statuses=STATUSES,
        link_statuses=LINK_STATUSES,
    )
    return page.encode("utf-8", "replace")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mlukit.report"),
        autoescape=True,  # titles and texts are anyone's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda number: f"{number:,}",
        "short": _short,
        "percent": lambda part, whole=1: f"{part / whole:.1%}" if whole else "–",
        "share": _share,
        "each": lambda part, whole: f"{part / whole:,.1f}" if whole else "–",
        "size": byte_count,
        "tag": language_tag,
        "direction": direction,
        "language": language_name,
        "counted": counted,
    }
    return environment


def _short(number: int) -> str:
    """A number in three digits: 17271809 is 17.3 M."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= limit:
            return f"{number / (1e3 if unit == ' k' else limit):.3g}{unit}"
    return f"{number:,}"


def _share(part: int, whole: int) -> str:
    """A percentage that tells nothing from little."""
    if not part:
        return "0"
    return "under 0.1%" if part / whole < 0.0005 else f"{part / whole:.1%}"


def _shown(environment: Environment, texts: Sequence[ShownText]) -> list[tuple[Markup, ShownText]]:
    """The HTML of the first texts that fit into a page."""
    template, shown, size = environment.get_template("text.html"), [], 0
    for text in texts:
        marks = [part.mark for paragraph in text.paragraphs for part in paragraph.parts if part.mark]
        statuses = " ".join(sorted({mark.status for mark in marks}))
        html = Markup(template.render(text=text, statuses=statuses, marks=len(marks)))
        size += len(html.encode("utf-8", "replace"))
        if size > TEXT_BYTES:
            break
        shown.append((html, text))
    return shown


def _plots(value: Mapping[str, Any]) -> dict[str, Markup]:
    plots, entities, total = {}, value["entities"], value["total"]
    if entities and entities["links_by_rank"]:
        plots["rank"] = rank_plot(entities["links_by_rank"])
    if entities and entities["by_number_of_languages"]:
        plots["spread"] = spread_plot(entities["by_number_of_languages"])
    if any(total.get("examples_by_length", ())):
        plots["lengths"] = length_plot(total["examples_by_length"], value["bin_tokens"])
    return plots
