"""Makes `corpus/languages/wikitext/messages.json`: the words and formats of MediaWiki that affect running text.

    python tools/make_wikitext_messages.py MEDIAWIKI_FOLDER

The file has a row for each Wikipedia: the words for the places of pictures, the number format of {{formatnum:}}, and
the names of magic words. Only making the file needs MediaWiki's sources and PHP.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from read_mediawiki_messages import MEDIAWIKI_CODES

LANGUAGES = Path(__file__).resolve().parents[1] / "corpus" / "languages"
PLACES = ("img_thumbnail", "img_manualthumb", "img_framed", "img_left", "img_right", "img_center", "img_none")
FUNCTIONS = ("pagename", "fullpagename", "basepagename", "subpagename", "rootpagename")
FUNCTIONS += ("formatnum", "lc", "uc", "lcfirst", "ucfirst")
_READ = """
foreach (["MEDIA", "SPECIAL", "MAIN", "TALK", "USER", "USER_TALK", "PROJECT", "PROJECT_TALK", "FILE", "FILE_TALK",
    "MEDIAWIKI", "MEDIAWIKI_TALK", "TEMPLATE", "TEMPLATE_TALK", "HELP", "HELP_TALK", "CATEGORY", "CATEGORY_TALK"]
    as $i => $name) define("NS_$name", $i - 2);
function messages($file) { include $file; unset($file); return get_defined_vars(); }
$kept = array_flip(["fallback", "separatorTransformTable", "digitTransformTable", "digitGroupingPattern",
    "minimumGroupingDigits"]);
foreach (glob($argv[1] . "/languages/messages/Messages*.php") as $file) {
    $all = messages($file);
    $found[substr(basename($file, ".php"), 8)] =
        array_intersect_key($all, $kept) + ["words" => $all["magicWords"] ?? []];
}
echo json_encode($found, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_IGNORE);
"""


def read_messages(mediawiki: Path) -> dict[str, dict[str, Any]]:
    """{name of a MessagesXx.php: the variables in it that matter here}."""
    command = ["php", "-r", _READ, str(mediawiki)]
    found: dict[str, dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def chain(messages: dict[str, dict[str, Any]], code: str) -> Iterator[str]:
    """The file of a language, then MediaWiki's fallbacks for it, without English, which is always known."""
    todo = [MEDIAWIKI_CODES.get(code, code)]
    seen: set[str] = set()
    while todo:
        name = todo.pop(0).strip().replace("-", "_").capitalize()
        if name in messages and name not in seen and name != "En":
            seen.add(name)
            yield name
            todo += str(messages[name].get("fallback") or "").split(",")


def row(files: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of a language with these files."""
    words = [word for file in files for place in PLACES for word in dict(file["words"]).get(place, ())[1:]]
    places = list(dict.fromkeys(word.partition("=")[0] for word in words))
    names = {
        name.removesuffix(":").lower(): function
        for file in reversed(files)
        for function in FUNCTIONS
        for name in dict(file["words"]).get(function, ())[1:]
    }
    local = {name: function for name, function in sorted(names.items()) if name != function}
    return {"picture_places": places, "numbers": numbers(files), "functions": local}


def numbers(files: list[dict[str, Any]]) -> dict[str, Any]:
    """The keys of corpus.wikitext.number_format.NumberFormat that differ from English."""

    def first(name: str) -> Any:
        return next((file[name] for file in files if file.get(name)), None)

    separators, digits = dict(first("separatorTransformTable") or {}), first("digitTransformTable")
    found: dict[str, Any] = {}
    if "." in separators:
        found["decimal"] = separators["."]
    if "," in separators:
        found["separator"] = separators[","].replace("\u00a0", " ")
    if first("minimumGroupingDigits"):
        found["minimum"] = first("minimumGroupingDigits")
    if str(first("digitGroupingPattern")).startswith("#,##,##0"):
        found["indian"] = True
    if digits:
        by_digit = digits if isinstance(digits, dict) else dict(enumerate(digits))
        found["digits"] = "".join(
            {str(key): value for key, value in by_digit.items()}.get(str(i), str(i)) for i in range(10)
        )
    return found


def main() -> None:
    """Writes the file."""
    mediawiki = Path(sys.argv[1])
    messages = read_messages(mediawiki)
    codes = json.loads((LANGUAGES / "messages.json").read_text(encoding="utf-8"))["languages"]
    rows = {code: row([messages[name] for name in chain(messages, code)]) for code in codes}
    lines = [f"{json.dumps(code)}: {json.dumps(found, ensure_ascii=False)}" for code, found in sorted(rows.items())]
    source = json.dumps(f"MediaWiki {mediawiki_version(mediawiki)}, languages/messages/MessagesXx.php")
    text = '{"source": ' + source + ', "languages": {\n' + ",\n".join(lines) + "\n}}\n"
    (LANGUAGES / "wikitext" / "messages.json").write_text(text, encoding="utf-8")


def mediawiki_version(mediawiki: Path) -> str:
    """The version of MediaWiki in includes/Defines.php."""
    text = (mediawiki / "includes" / "Defines.php").read_text(encoding="utf-8")
    return text.partition("'MW_VERSION', '")[2].partition("'")[0]


if __name__ == "__main__":
    main()
