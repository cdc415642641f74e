"""Titles in MediaWiki's form: the page that a link's target, a template's name or a redirect denotes.

The rules are MediaWiki 1.39's: `MediaWikiTitleCodec::splitTitleString`, percent decoding from
`Parser::handleInternalLinks2`, entities from `Sanitizer::decodeCharReferences`.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from html.entities import html5
from urllib.parse import unquote_to_bytes

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import any_language

__all__ = ["Title", "capitalise", "decode_entities", "fold_name", "namespace_of", "normalise_title", "page_title"]


@dataclass(frozen=True, slots=True)
class Title:
    """A page that a link leads to; it may not exist."""

    language: str | None  # code of the page's Wikipedia; None: a wiki that is not a Wikipedia
    namespace: int
    title: str  # with the local name of the namespace before it, except for articles; "" for [[#X]] and [[fr:]]
    fragment: str | None = None  # the text after "#"
    leading_colon: bool = False  # [[:X]], and [[en:X]] on en: a link in the text, whatever X is
    interlanguage: bool = False  # [[fr:X]]: not in the text but in the list of languages beside it


MAX_BYTES = 255  # of a title without its namespace, in UTF-8
MAX_SPECIAL_BYTES = 512
_MAX_WIKIS = 8  # of a chain such as w:fr:de:X; a longer chain is no title

# Matches a text that is a title already, except that its first letter may be small: words separated by one space, a
# full stop, a slash, or a full stop and a space. The words have no characters that MediaWiki decodes, folds or forbids.
_WORD = (
    r"[^\x00-\x20\x7f\xa0\u1680\u180e\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u3000\ud800-\udfff\ufffd"
    r"#%&./:<>\[\]_{|}~]++"
)
USUAL = rf"{_WORD}(?:(?:\. |[ ./]){_WORD})*+"
_USUAL = re.compile(USUAL)
# $wgUrlProtocols of 1.39, which Parser::handleInternalLinks2 keeps out of links.
_URL = re.compile(
    "bitcoin:|ftps?://|geo:|git://|gopher://|https?://|ircs?://|magnet:|mailto:|matrix:|mms://|news:|nntp://|redis://"
    "|sftp://|sips?:|sms:|ssh://|svn://|tel:|telnet://|urn:|worldwind://|xmpp:|//",
    re.IGNORECASE,
)
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e]+")
_BLANK = "_\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_BLANK}][ {_BLANK}]*| [ {_BLANK}]+")  # all but a single plain space
# Every match of _ILLEGAL contains one of these characters.
_SUSPECT = re.compile("[\x00-\x1f\x7f#%&<>\\[\\]{|}~\ufffd\ud800-\udfff]")
_ILLEGAL = re.compile(
    "[\x00-\x1f\x7f#<>\\[\\]{|}\ufffd\ud800-\udfff]|%[0-9A-Fa-f]{2}|&[A-Za-z0-9\x80-\U0010ffff]+;|~~~"
)
_RELATIVE = re.compile(r"(?:^|/)\.\.?(?:/|$)")
_ENTITY = re.compile("&(?:([A-Za-z0-9\x80-\U0010ffff]+;)|#([0-9]+);|#[xX]([0-9A-Fa-f]+);)")
_EXTRA_ENTITIES = {"רלמ;": "\u200f", "رلم;": "\u200f"}  # MediaWiki's own: Sanitizer::MW_ENTITY_ALIASES

# Letters that MediaWiki leaves small though Unicode has a single capital letter for them: resources of 1.39,
# mediawiki.Title/phpCharToUpper.json, which holds for the Wikimedia wikis. Those with a capital of several letters
# (ß, ŉ, ﬁ) stay by rule.
_STAY_SMALL = re.compile("[\u0345ʂა-ჺჽ-ჿᶎⅰ-ⅿⓐ-ⓩꞔꞹꞻꞽꞿꟃ\U00016e60-\U00016e7f]")


def normalise_title(raw: str, language: Language) -> Title | None:
    """The page that `[[raw]]` leads to on a language's wiki.

    A target in another language's Wikipedia is read by the rules of that Wikipedia.

    Args:
        raw: the text of the target.
        language: the language of the wiki that the link is on.

    Returns:
        None if MediaWiki does not make a link and shows the brackets: the target is empty, too long, relative (`./`), a
        URL, or has illegal characters, before or after decoding.
    """
    usual = usual_title(raw, language) if _USUAL.fullmatch(raw) else None
    if usual is not None:
        return Title(language.code, 0, usual)
    text = _percent_decode(raw)
    if text is None or _URL.match(text.lstrip(" ")):
        return None
    return page_title(text, language)


def usual_title(raw: str, language: Language) -> str | None:
    """The title of the article that `[[raw]]` leads to, for a target that USUAL matches.

    Returns:
        None if `normalise_title` must read the target, because it is long, or not in normal form C.
    """
    if len(raw) > MAX_BYTES:
        return None
    if not raw.isascii() and not (unicodedata.is_normalized("NFC", raw) and len(raw.encode()) <= MAX_BYTES):
        return None
    return capitalise(raw, language)


def page_title(text: str, language: Language) -> Title | None:
    """The title that `text` denotes outside of a link, where nothing is percent encoded and a URL may be a title.

    `page_title(title.title)` is the same page again.

    Returns:
        None if MediaWiki does not allow such a title.
    """
    text = decode_entities(text) if "&" in text else text
    if not text.isascii():
        text = unicodedata.normalize("NFC", _BIDI.sub("", text))
    text = _SPACES.sub(" ", text).strip(" ")
    return None if "\ufffd" in text else _split(text, language, _MAX_WIKIS)


def capitalise(title: str, language: Language) -> str:
    """`title` with its first letter changed as MediaWiki's Language::ucfirst does."""
    first = title[:1]
    if "A" <= first <= "Z" or not language.capitalised:
        return title
    upper = language.uppercase.get(first) or _upper(first)
    if upper == first:
        return title
    if title[1:2] < "\u0300":
        return upper + title[1:]
    return unicodedata.normalize("NFC", upper + title[1:])  # "ı\u0308" -> "Ï"


def decode_entities(text: str) -> str:
    """`text` with its character references decoded; references that MediaWiki does not know stay."""
    return _ENTITY.sub(_decode_entity, text)


def namespace_of(title: str, language: Language) -> int:
    """The namespace of a page's title, for old dumps, which do not have its number."""
    parts = _split_prefix(title)
    return language.namespaces.get(parts[0].lower(), 0) if parts else 0


@lru_cache(maxsize=1 << 12)
def _upper(letter: str) -> str:
    """The capital of a letter; the letter itself if it has no capital, or a capital of several letters."""
    upper = letter.upper()
    if len(upper) > 1:
        upper = letter.title()  # ᾳ -> ᾼ; ß -> Ss
    return letter if len(upper) > 1 or _STAY_SMALL.match(letter) else upper


def _split_prefix(title: str) -> tuple[str, str] | None:
    """(prefix, rest) of "prefix : rest"; None for a title without a colon, or with nothing before it."""
    prefix, colon, rest = title.partition(":")
    if not colon or not prefix:
        return None
    return prefix.rstrip(" "), rest.lstrip(" ")


def _decode_entity(match: re.Match[str]) -> str:
    """The character of a reference; U+FFFD for a number that stands for no character."""
    name, decimal, hexadecimal = match.groups()
    if name:
        return html5.get(name) or _EXTRA_ENTITIES.get(name, match[0])
    digits = (decimal or hexadecimal).lstrip("0")
    code = int(digits or "0", 10 if decimal else 16) if len(digits) <= 8 else 0x110000
    return chr(code) if _is_character(code) else "\ufffd"


def _is_character(code: int) -> bool:
    """Sanitizer::validateCodepoint: XML's characters, without the controls of Latin-1."""
    return (
        code in (0x09, 0x0A)
        or 0x20 <= code <= 0x7E
        or 0xA0 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )


def _percent_decode(raw: str) -> str | None:
    """`raw` decoded as by PHP's rawurldecode; None if the bytes are not UTF-8."""
    if "%" not in raw:
        return raw
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeError:
        return None


def _split(text: str, language: Language, wikis_left: int) -> Title | None:
    """The title of a decoded target; `wikis_left` is how many prefixes of wikis it may still have."""
    colon = text.startswith(":")
    if colon:
        text = text[1:].strip(" ")
    if not text:
        return None
    namespace = 0
    while parts := _split_prefix(text):
        if wikis_left == 0:
            return None
        prefix = parts[0].lower()
        if prefix in language.namespaces:
            namespace, text = language.namespaces[prefix], parts[1]
            if namespace == 1 and _has_prefix(text, language):
                return None
            break
        if prefix not in language.interwiki:
            break
        if prefix not in language.local_interwiki:
            return _split_elsewhere(prefix, parts[1], colon, language, wikis_left)
        colon, text, wikis_left = True, parts[1], wikis_left - 1
        if not text:
            return Title(language.code, 0, "", leading_colon=True)
    return _finish(text, namespace, colon, language)


def _has_prefix(text: str, language: Language) -> bool:
    """Whether a text begins with the prefix of a namespace or a wiki: "Talk:File:X" is not a valid title."""
    parts = _split_prefix(text)
    return parts is not None and (parts[0].lower() in language.namespaces or parts[0].lower() in language.interwiki)


def _split_elsewhere(prefix: str, text: str, colon: bool, language: Language, wikis_left: int) -> Title | None:
    """The title of a target on another wiki, read by the rules of that wiki."""
    sidebar = not colon and prefix in language.sidebar_prefixes
    code = language.interwiki[prefix]
    text = text.removeprefix(":").strip(" ")
    name, _, fragment = text.partition("#")
    if code is None or not name.strip(" "):
        if _is_illegal(name):
            return None
        return Title(code, 0, name.strip(" "), fragment or None, colon, sidebar)
    title = _split(text, any_language(code), wikis_left - 1)
    if title is None:
        return None
    return Title(title.language, title.namespace, title.title, title.fragment, colon, sidebar)


def _finish(text: str, namespace: int, colon: bool, language: Language) -> Title | None:
    """The title of a target on this wiki, given without the prefix of its namespace; None for an illegal title."""
    name, _, fragment = text.partition("#")
    name = name.rstrip(" ")
    if _is_illegal(name) or len(name.encode()) > (MAX_SPECIAL_BYTES if namespace == -1 else MAX_BYTES):
        return None
    capitalised = capitalise(name, language)
    if capitalised.startswith(":") or (namespace and not name):
        return None
    if namespace:
        capitalised = f"{language.namespace_names[namespace]}:{capitalised}"
    elif capitalised != name and _has_prefix(capitalised, language):
        return None  # "ſpecial:X": MediaWiki allows this title, but a link to its normalised form leads elsewhere
    return Title(language.code, namespace, capitalised, fragment or None, colon)


def _is_illegal(name: str) -> bool:
    """Whether a title has illegal characters, or parts such as "./"."""
    if _SUSPECT.search(name) and _ILLEGAL.search(name):
        return True
    return "." in name and _RELATIVE.search(name) is not None
