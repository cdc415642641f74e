"""A table without a proper end: what stands behind its last cell is text, whatever was written for the end."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.languages.load import any_language, language_codes
from mlukit.corpus.wikitext import parse_wikitext

CODES = st.sampled_from(language_codes())
ROWS = st.lists(
    st.sampled_from(["<td>a</td>", "<th>[[b]]</th>", "<td>a<td>c</td>", "<td><b>d</b></td>"]), min_size=1, max_size=3
)
CAPTIONS = st.sampled_from(["", "<caption>e</caption>", "\n<CAPTION align=top>e</CAPTION>\n"])
SLIPS = st.sampled_from(["", "</tabel>", "</tabl>", "< /table>", "<table>", "</div>", "</center>", "</tbody>", "</td>"])
END_TEMPLATES = st.sampled_from(
    ["{{end}}", "{{s-end}}", "{{Table end}}", "{{fb end}}", "{{!)}}", "{{End|x=1}}", "{{S-end}}{{clear}}"]
)
REST = "Rest [[z]].\n\n== H ==\n* more [[y]]"
SHOWN = ["Rest z.", "H", "more y"]


def read(wikitext: str, code: str) -> list[str]:
    parsed = parse_wikitext(wikitext, "T", any_language(code))
    assert not parsed.unclosed_tables
    assert [link.target for link in parsed.links] == ["Z", "Y"]
    return parsed.text.split("\n")


@settings(max_examples=400, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), CAPTIONS, SLIPS, CODES)
def test_of_html(rows: list[list[str]], caption: str, slip: str, code: str) -> None:
    cells = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    assert read(f"before\n<table border=1>{caption}{cells}\n{slip}\n\n{REST}", code) == ["before", *SHOWN]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["|-", "| a || [[b]]", "! c", "|+ d", "|\n* e"]), min_size=1, max_size=6),
    END_TEMPLATES,
    CODES,
)
def test_of_wikitext_that_a_template_ends(lines: list[str], end: str, code: str) -> None:
    table = "\n".join(itertools.chain(["{| class=x"], lines, ["| f", end]))
    assert read(f"before\n{table}\n\n{REST}\n{{|\n| g\n|}}", code) == ["before", *SHOWN]
