"""ISO 639 codes of Wikipedias."""

import icu
import pytest

from mlukit.corpus.languages.iso_codes import iso_codes


@pytest.mark.parametrize(
    ("wikipedias", "languages"),
    [
        (["de", "als", "simple", "en"], ["de", "en", "gsw"]),
        (["be-tarask", "be-x-old", "nds-nl", "zh-classical", "zh-min-nan"], ["be", "lzh", "nan", "nds"]),
        (["bat-smg", "fiu-vro", "roa-rup", "roa-tara", "cbk-zam"], ["cbk", "nap", "rup", "sgs", "vro"]),
        (["map-bms", "eml", "nrm", "bh", "ceb"], ["bho", "ceb", "egl", "jv", "nrf"]),
        (["test2wiki", "UPPER"], []),
    ],
)
def test_languages_are_of_iso_639(wikipedias: list[str], languages: list[str]) -> None:
    assert iso_codes(wikipedias) == languages
    known = {*icu.Locale.getISOLanguages(), "cbk", "nrf", "vro"}  # of ISO 639-3; ICU has a part
    assert set(languages) <= known
