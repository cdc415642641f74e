"""The ISO 639 codes of languages, for Wikipedias whose code is another one."""

import re
from collections.abc import Iterable

LABEL_CODES = {  # https://www.mediawiki.org/wiki/Manual:$wgExtraLanguageCodes and Wikidata's own use
    "als": "gsw",
    "bat-smg": "sgs",
    "fiu-vro": "vro",
    "no": "nb",
    "roa-rup": "rup",
    "simple": "en",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
    "zh-yue": "yue",
}
_CODES = {  # Wikipedias whose code is not ISO 639: includes/language/LanguageCode.php of MediaWiki, without subtags
    **LABEL_CODES,
    **{"be-x-old": "be", "bh": "bho", "cbk-zam": "cbk", "eml": "egl", "map-bms": "jv", "mo": "ro", "nrm": "nrf"},
    "roa-tara": "nap",
}
_CODE = re.compile(r"[a-z]{2,3}(?=-|$)")


def iso_codes(wikipedias: Iterable[str]) -> list[str]:
    """The ISO 639 codes of the languages of Wikipedias, sorted; a code that names no language is left out."""
    found = (match for code in wikipedias if (match := _CODE.match(_CODES.get(code, code))))
    return sorted({match[0] for match in found})
