"""Reads MediaWiki's data for every language: names of namespaces, redirect words, link trails and prefixes.

The data becomes `messages.json` in `corpus/languages/`, which is used for Wikipedias without a table, and for the link
trails of tables that are made from a dump's header. Only making the file needs MediaWiki's sources and PHP.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

Messages: TypeAlias = dict[str, dict[str, Any]]

# Wikipedias with another code than MediaWiki's files: LanguageCode::DEPRECATED_LANGUAGE_CODE_MAPPING, and no, simple
# and eml from Wikimedia's settings.
MEDIAWIKI_CODES = {
    "als": "gsw",
    "bat-smg": "sgs",
    "eml": "egl",
    "fiu-vro": "vro",
    "no": "nb",
    "roa-rup": "rup",
    "simple": "en",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
    "zh-yue": "yue",
}
_NAMESPACES = ["MEDIA", "SPECIAL", "MAIN", "TALK", "USER", "USER_TALK", "PROJECT", "PROJECT_TALK", "FILE", "FILE_TALK"]
_NAMESPACES += ["MEDIAWIKI", "MEDIAWIKI_TALK", "TEMPLATE", "TEMPLATE_TALK", "HELP", "HELP_TALK"]
_NAMESPACES += ["CATEGORY", "CATEGORY_TALK"]
_NUMBERS = {name: number for number, name in enumerate(_NAMESPACES, start=-2)}  # NS_MEDIA is -2: includes/Defines.php
_READ = """
foreach (json_decode($argv[2], true) as $name => $number) define("NS_$name", $number);
function messages($file) { include $file; unset($file); return get_defined_vars(); }
$kept = array_flip(["fallback", "namespaceNames", "namespaceAliases", "namespaceGenderAliases", "linkTrail",
    "linkPrefixExtension", "linkPrefixCharset"]);
foreach (glob($argv[1] . "/languages/messages/Messages*.php") as $file) {
    $all = messages($file);
    $found[substr(basename($file, ".php"), 8)] =
        array_intersect_key($all, $kept) + ["redirect" => $all["magicWords"]["redirect"] ?? []];
}
echo json_encode($found, JSON_UNESCAPED_UNICODE);
"""


def read_messages(mediawiki: Path) -> Messages:
    """{name of a MessagesXx.php: the variables in it that matter here}."""
    command = ["php", "-r", _READ, str(mediawiki), json.dumps(_NUMBERS)]
    found: Messages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def message_rows(messages: Messages, codes: Iterable[str]) -> dict[str, Any]:
    """{code of a Wikipedia: row of its language}; fallback languages complete the files."""
    return {code: _row(messages, code) for code in sorted(codes)}


def _row(messages: Messages, code: str) -> dict[str, Any]:
    """The row of a Wikipedia's language."""
    chain = list(_fallbacks(messages, MEDIAWIKI_CODES.get(code, code)))
    files = [messages[name] for name in chain]
    names: dict[str, list[str]] = {}
    for number, name in _names(files[:-1]):  # the last is English, whose names every wiki has anyway
        if name not in names.setdefault(number, []):
            names[number].append(name)
    words = [word for file in files for word in file["redirect"][1:]]
    extension = next((file["linkPrefixExtension"] for file in files if "linkPrefixExtension" in file), False)
    charset = next(file["linkPrefixCharset"] for file in files if "linkPrefixCharset" in file)
    return {
        "files": chain,
        "namespaces": names,
        "redirect_words": list(dict.fromkeys(words)),
        "link_trail": _python_trail(next(file["linkTrail"] for file in files if "linkTrail" in file)),
        "link_prefix": _python_characters(f"[{charset}]+") if extension else "",
    }


def _fallbacks(messages: Messages, code: str) -> Iterator[str]:
    """The files of a language and of its fallbacks; the last one is English."""
    name = code.replace("-", "_").capitalize()
    first = messages.get(name, {})
    if name in messages and name != "En":
        yield name
    for fallback in str(first.get("fallback", "")).split(","):
        other = fallback.strip().replace("-", "_").capitalize()
        if other in messages and other not in (name, "En"):
            yield other
    yield "En"


def _names(files: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(number, name) of the namespaces in each file: names, names for men and women, and aliases.

    Names of the project are left out, because MediaWiki's files do not have them.
    """
    for file in files:
        rows = list(dict(file.get("namespaceNames") or {}).items())
        for number, genders in dict(file.get("namespaceGenderAliases") or {}).items():
            rows += [(number, name) for name in genders.values()]
        rows += [(str(number), alias) for alias, number in dict(file.get("namespaceAliases") or {}).items()]
        for number, name in rows:
            if number != "0" and name and "$1" not in name:
                yield number, name.replace("_", " ")


def _python_trail(pattern: str) -> str:
    """The inner part of PHP's `/^(…)(.*)$/sDu`; ValueError for a pattern of another form."""
    match = re.fullmatch(r"/\^\((.*)\)\(\.\*\)\$/[a-zA-Z]+", pattern)
    if not match:
        raise ValueError(f"link trail {pattern!r} has an unknown form; accepted: /^(…)(.*)$/sDu")
    return _python_characters(match[1])


def _python_characters(pattern: str) -> str:
    return re.sub(r"\\x\{([0-9A-Fa-f]+)\}|\\x([0-9A-Fa-f]{2})", lambda m: chr(int(m[1] or m[2], 16)), pattern)
