"""The page of a report: hostile texts, the structure of its HTML, and what it does in Chromium."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from mlukit.report.gather import FAILURES_SHOWN, MOST_TEXTS, ShownText
from mlukit.report.page import render
from mlukit.report.shown_text import Mark, Paragraph, Part, direction, language_name, language_tag
from mlukit.report.vocabulary_numbers import LANGUAGES_SHOWN
from tests.browser import Browser, browser, needs_chromium
from tests.small_dumps import SmallPage, load, run, write_dump, write_items
from tests.small_wikis import EN, build, write_small_wikis

ATTACK = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
BREAKOUT = '" onfocus="window.hacked = 3" x="'
HOSTILE = SmallPage(
    200,
    '" onmouseover="window.hacked = 4" x=\'{{ 7 * 7 }}',
    f"See [[Berlin|<nowiki>{ATTACK}</nowiki>]], [[{BREAKOUT}]] and <nowiki>{ATTACK}</nowiki> at [[Germany|{{{{!}}}}]].",
)
AR = [SmallPage(1, "برلين", "برلين هي عاصمة [[ألمانيا]] وأكبر مدنها، وتقع على نهر [[شبريه]] في شمال شرق [[ألمانيا]].")]
WIDTHS = (390, 820, 1440)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a build with hostile titles, anchors and texts, and with Arabic."""
    dumps, output = tmp_path_factory.mktemp("dumps"), tmp_path_factory.mktemp("out") / "<i>OUT & more"
    write_small_wikis(dumps)
    write_dump(dumps, "en", [*EN, HOSTILE])
    write_dump(dumps, "ar", AR)
    write_items(dumps, "ar", {1: 64})
    ran = build(dumps, output)
    assert ran.status == 0, ran.err
    ran = run("report", output, "--samples", 20)
    assert ran.status == 0, ran.err
    return output / "report/index.html"


class Elements(HTMLParser):
    """Collects what an HTML file has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_hostile_texts_stay_texts(page: Path) -> None:
    text = page.read_text()
    tags = Elements(text).tags
    assert [tag for tag, _ in tags].count("script") == 1 and "img" not in {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert text.count("&lt;script&gt;window.hacked = 1&lt;/script&gt;") >= 2
    assert "<bdi>&lt;i&gt;OUT &amp; more</bdi>" in text
    assert "{{ 7 * 7 }}" in text


def test_the_page_needs_no_network_and_is_well_formed(page: Path) -> None:
    tags = Elements(page.read_text()).tags
    places = [
        value for _, attributes in tags for name, value in attributes.items() if name in ("href", "src", "xlink:href")
    ]
    assert places and all(str(place).startswith("#") for place in places)
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {str(place)[1:] for place in places} <= set(names)
    kinds = [tag for tag, _ in tags]
    assert kinds.count("table") == kinds.count("caption") > 8
    assert kinds.count("figure") == kinds.count("figcaption") == kinds.count("details") == kinds.count("svg") == 3
    levels = [int(tag[1]) for tag in kinds if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    assert all({"lang", "dir"} <= attributes.keys() for _, attributes in tags if attributes.get("class") == "words")
    assert page.stat().st_size < 5e6


def test_a_page_of_350_languages_with_long_texts_is_under_5_MB(page: Path) -> None:
    value = load(page.with_name("report.json"))
    english = value["languages"]["en"]
    value["languages"] = {f"x{number}": english for number in range(350)}
    value["entities"]["languages_shown"] = [f"x{number}" for number in range(LANGUAGES_SHOWN)]
    value["entities"]["shared"] = [[1_000_000] * LANGUAGES_SHOWN] * LANGUAGES_SHOWN
    value["failures"] *= FAILURES_SHOWN
    mark = Mark(0, 9, "Q123456789", "字" * 80, "字" * 80, "resolved")
    paragraph = Paragraph(0, [Part(("字" * 9,), mark)] * 130)
    facts = {"title": "字" * 80, "qid": "Q1", "kind": "article", "split": "train"}
    texts = [ShownText("article", f"x{number}", 1, facts, [paragraph]) for number in range(2 * MOST_TEXTS)]
    made = render(value, texts, "OUT")
    assert 3e6 < len(made) < 5e6
    shown = made.count(b"<article")
    assert f"{2 * MOST_TEXTS - shown:,} further texts are left out".encode() in made


def colours(style: str) -> tuple[dict[str, str], dict[str, str]]:
    """The colours of the light and of the dark scheme."""
    light, dark = style.split("prefers-color-scheme: dark", 1)
    found = [dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in (light, dark)]
    return found[0], found[1]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_is_AA_in_both_schemes(scheme: int) -> None:
    palette = colours(files("mlukit.report").joinpath("templates/page.css").read_text())[scheme]
    for text, ground in [
        *product(("ink", "soft"), ("paper", "card", "warn", "tint")),
        ("blue", "paper"),
        ("red", "paper"),
    ]:
        assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for shape in ("line", "blue", "teal", "amber", "red", "violet", "brown", "grey"):
        assert contrast(palette[shape], palette["paper"]) >= 3, shape
    channels = [(int(palette[name][i : i + 2], 16) for i in (1, 3, 5)) for name in ("blue", "paper")]
    strongest = "#" + "".join(f"{(one + other) // 2:02x}" for one, other in zip(*channels, strict=True))
    assert contrast(palette["ink"], strongest) >= 4.5  # a cell of the heat map


@pytest.mark.parametrize(
    ("code", "tag", "name", "side"),
    [
        ("en", "en", "English", "ltr"),
        ("ar", "ar", "Arabic", "rtl"),
        ("azb", "azb", "azb", "rtl"),
        ("ku", "ku", "Kurdish", "ltr"),
        ("ckb", "ckb", "Central Kurdish", "rtl"),
        ("zh-min-nan", "nan", "Min Nan Chinese", "ltr"),
        ("als", "gsw", "Swiss German", "ltr"),
        ("x0", "x0", "x0", "ltr"),
    ],
)
def test_languages(code: str, tag: str, name: str, side: str) -> None:
    assert language_tag(code) == tag and direction(code) == side
    assert language_name(code) == name or code == "azb"  # ICU may learn its name


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), list(product(WIDTHS, ("light", "dark"))))
def test_no_errors_and_nothing_wider_than_the_screen(chromium: Browser, page: Path, width: int, scheme: str) -> None:
    chromium.open(page, width, scheme)
    assert chromium.errors() == []
    assert chromium.run("return window.hacked") is None
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    wide = """return [...document.querySelectorAll("body *")].filter((one) => !one.closest(".scroll > *, svg, .skip"))
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
        .map((one) => one.outerHTML.slice(0, 99))"""
    assert chromium.run(wide) == []
    dark = chromium.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
    assert dark == (scheme == "dark")


def shown(chromium: Browser) -> list[list[str]]:
    """Language and kind of each text that is shown."""
    found: list[list[str]] = chromium.run(
        """return [...document.querySelectorAll(".text")].filter((one) => one.offsetParent)
        .map((one) => [one.dataset.language, one.dataset.kind])"""
    )
    return found


def choose(chromium: Browser, **values: str) -> str:
    """Chooses values of filters, and returns the number of texts that the page announces."""
    for name, value in values.items():
        script = """const select = document.getElementById(arguments[0]); select.value = arguments[1];
            select.dispatchEvent(new Event("change"))"""
        chromium.run(script, f"by-{name}", value)
    count: str = chromium.run("return document.getElementById('count').textContent")
    return count


@needs_chromium
def test_filters(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    everything = choose(chromium)
    whole = int(everything.split()[0])
    assert everything == f"{whole} of {whole} texts" and len(shown(chromium)) == 8 < whole
    chromium.run("document.getElementById('more').click()")
    assert len(shown(chromium)) == whole
    assert choose(chromium, language="de") == f"6 of {whole} texts"
    assert shown(chromium).count(["de", "article"]) == shown(chromium).count(["de", "example"]) == 3
    assert choose(chromium, kind="article") == f"3 of {whole} texts"
    assert choose(chromium, language="", kind="", status="redirect_loop") == f"1 of {whole} texts"
    assert shown(chromium) == [["en", "article"]]
    marked = "return [...document.querySelectorAll('.text:not([hidden]) .m:not(.other)')].map((one) => one.textContent)"
    assert chromium.run(marked) == ["Loop"]
    assert choose(chromium, status="unknown_entity") == f"0 of {whole} texts" and shown(chromium) == []
    assert choose(chromium, status="") == everything
    assert chromium.errors() == []


def tip(chromium: Browser) -> list[str] | None:
    """The lines about a mention; None if they are hidden."""
    lines: list[str] | None = chromium.run(
        """const tip = document.getElementById("tip");
        return tip.offsetWidth ? [...tip.children].map((one) => one.textContent) : null"""
    )
    return lines


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS)
def test_mentions_by_keyboard_and_pointer(chromium: Browser, page: Path, width: int) -> None:
    chromium.open(page, width)
    choose(chromium, language="de", kind="article")
    chromium.run("document.querySelector('.text:not([hidden]) .m').focus()")
    seen = [tip(chromium)]
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.HOME, Keys.ESCAPE):
        chromium.press(key)
        seen.append(tip(chromium))
    assert seen[0] == seen[3] and seen[4] is None and None not in seen[:4]
    berlin = ["Berlin", "Q64", "target: Berlin", "resolved: the target page has an item"]
    assert chromium.run(
        """const mark = [...document.querySelectorAll('.text:not([hidden]) .m')].find((one) => one.dataset.q === "Q64");
        mark.click(); return [mark.getAttribute("aria-describedby"), mark.textContent.startsWith("Berlin")]"""
    ) == ["tip", True]
    assert tip(chromium) == berlin
    box: dict[str, Any] = chromium.run("return document.getElementById('tip').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0 and box["right"] <= width
    chromium.run("document.querySelector('.text:not([hidden])').click()")
    assert tip(chromium) is None
    assert chromium.errors() == []


@needs_chromium
def test_right_to_left_and_token_borders(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    choose(chromium, language="ar", kind="article")
    style = """const words = document.querySelector('.text:not([hidden]) .words'), style = getComputedStyle(words);
        return [words.lang, style.direction, style.fontFamily.split(",")[0]]"""
    assert chromium.run(style) == ["ar", "rtl", '"Noto Naskh Arabic"']
    chromium.run("document.querySelector('.text:not([hidden]) .m').focus()")
    chromium.press(Keys.ARROW_LEFT)
    assert (
        chromium.run(
            "return [...document.activeElement.parentElement.querySelectorAll('.m')].indexOf(document.activeElement)"
        )
        == 1
    )
    choose(chromium, language="de", kind="example")
    border = """const [special, piece] = document.querySelectorAll('.text:not([hidden]) .words i');
        return [special.textContent, special.offsetWidth > 0, getComputedStyle(piece).boxShadow !== "none"]"""
    assert chromium.run(border) == ["<s>", False, False]
    chromium.run("document.getElementById('tokens').click()")
    assert chromium.run(border) == ["<s>", True, True]
