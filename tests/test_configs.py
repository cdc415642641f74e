"""The configuration files that come with mlukit say what the code does by default, or what their comments say."""

import tomllib
from pathlib import Path

from mlukit.corpus.dumps.files import FilePatterns
from mlukit.corpus.languages.load import load_language
from mlukit.pipelines.settings import Settings, command_parser, read_settings

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "wikipedia24.toml"


def read() -> Settings:
    parser = command_parser("build", "", "")
    return read_settings(parser, ["--config", str(CONFIG), "--output", "out"])[0]


def test_languages_are_known() -> None:
    settings = read()
    assert len(settings.languages) == 24
    assert [load_language(code).code for code in settings.languages] == sorted(settings.languages)


def test_options_are_the_defaults() -> None:
    settings, defaults = read(), Settings(output="out")
    written = set(tomllib.loads(CONFIG.read_text(encoding="utf-8"))) - {"patterns", "languages", "date"}
    assert {name: getattr(settings, name) for name in written} == {
        name: getattr(defaults, name) for name in written - {"min_languages"}
    } | {"min_languages": 3}


def test_patterns_are_the_defaults() -> None:
    assert FilePatterns.from_table(read().patterns) == FilePatterns()
