from pathlib import Path

import pytest

from mlukit.corpus.entities.vocabulary import MIN_LANGUAGES_RULE
from mlukit.engine.errors import RefusedError
from mlukit.pipelines.settings import (
    GROUPS,
    Settings,
    SettingsError,
    bundled_configs,
    command_parser,
    read_settings,
)
from mlukit.schemas.formats import format_names

CONFIG = Path(__file__).resolve().parents[2] / "configs/wikipedia24.toml"


def read(command: str, *arguments: str) -> tuple[Settings, list[str]]:
    return read_settings(command_parser(command, "", ""), arguments)


def test_flags_are_read_and_beam_gets_the_rest() -> None:
    settings, beam = read(
        "build", "--dumps", "D", "--output=O", "--languages", "en,de ja", "--dump", "en=a=b.xml", "--dump", "de=c",
        "--range-size", "8MiB", "--kinds", "list,article", "--runner=FlinkRunner", "--direct_num_workers", "2",
    )  # fmt: skip
    assert settings == Settings(
        dumps="D",
        output="O",
        languages=("en", "de", "ja"),
        dump=(("en", "a=b.xml"), ("de", "c")),
        range_size=8 << 20,
        kinds=("article", "list"),
    )
    assert beam == ["--runner=FlinkRunner", "--direct_num_workers", "2", "--flink_version=1.19"]


def test_the_number_of_workers_becomes_beam_s() -> None:
    settings, beam = read("link", "--output=O", "--workers", "3")
    assert (settings.workers, beam) == (3, ["--direct_num_workers=3"])
    assert settings.output_options("link") == Settings(output="O").output_options("link")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vocabulary-sise", "3"], "unknown flag --vocabulary-sise; did you mean '--vocabulary-size'?"),
        (["--direct_num_worker=3"], "unknown flag --direct_num_worker; did you mean '--direct_num_workers'?"),
        (
            ["--kinds", "artcle"],
            "'artcle' is not one of article, list, disambiguation, date, other; did you mean 'article'?",
        ),
        (
            ["--format", "tfrecrod"],
            f"'tfrecrod' is not one of {', '.join(format_names('examples'))}; did you mean 'tfrecord'?",
        ),
        (["--articles-format", "jsonl"], "'jsonl' lacks parquet, which later stages read; accepted: parquet,jsonl"),
        (["--articles-format", "tfrecord"], f"'tfrecord' is not one of {', '.join(format_names('articles'))}"),
        (["--vocabulary-size", "-3"], "--vocabulary-size"),
        (["--range-size", "many"], "'many' is not a size such as 32MiB"),
        (["--validation-share", "1"], "'1' is not a share; accepted: a number from 0 to less than 1, such as 0.01"),
        (["--dump", "enwiki.xml"], "'enwiki.xml' is not LANGUAGE=PATH"),
        (["stray"], "'stray' is not a flag"),
    ],
)
def test_what_is_wrong_is_shown_with_what_would_be_right(arguments: list[str], said: str) -> None:
    with pytest.raises(RefusedError) as error:
        read("build", "--output", "O", *arguments)
    assert said in str(error.value)


def test_an_output_is_needed() -> None:
    with pytest.raises(SettingsError, match="--output is missing"):
        read("vocabulary")


def test_a_stage_knows_only_its_own_flags() -> None:
    with pytest.raises(SettingsError, match="unknown flag --dumps"):
        read("vocabulary", "--output", "O", "--dumps", "D")


def test_a_configuration_is_read_and_flags_override_it(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        'languages = ["en", "de"]\ndate = "20260901"\nmin_count = 2\nwikidata_api = true\n'
        '[patterns]\npages = "x-{wiki}.xml"\n'
    )
    settings, _ = read("build", "--output", "O", "--config", str(config), "--languages", "ja")
    assert (settings.languages, settings.date, settings.min_count, settings.wikidata_api) == (
        ("ja",),
        "20260901",
        2,
        True,
    )
    assert settings.patterns == {"pages": "x-{wiki}.xml"}
    settings, _ = read("vocabulary", "--output", "O", "--config", str(config))
    assert (settings.languages, settings.min_count) == ((), 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("langauges = []", "unknown option 'langauges'; did you mean 'languages'?"),
        ("min_count = 'x'", "min_count: 'x' is not a whole number of at least 1"),
        ("wikidata_api = 1", "wikidata_api = 1 is wrong; accepted: true or false"),
        ("= 3", "Invalid statement"),
    ],
)
def test_a_wrong_configuration_is_shown(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    with pytest.raises(RefusedError) as error:
        read("build", "--output", "O", "--config", str(config))
    assert said in str(error.value)


def test_a_configuration_that_comes_with_mlukit_has_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(bundled_configs()) == ["wikipedia24"]
    (tmp_path / "wikipedia24").mkdir()  # an output folder may be called so
    settings, _ = read("build", "--output", "O", "--config", "wikipedia24", "--min-count", "7")
    assert (len(settings.languages), settings.vocabulary_size, settings.min_count) == (24, 1_200_000, 7)
    assert settings.config == "wikipedia24"
    assert read("build", "--output", "O", "--config", str(CONFIG))[0].languages == settings.languages


def test_a_file_goes_before_a_configuration_of_that_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wikipedia24").write_text("min_count = 9")
    assert read("build", "--output", "O", "--config", "wikipedia24")[0].min_count == 9


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ("wikipedia42", "; did you mean 'wikipedia24'?"),
        ("configs/wikipedia24.toml", "; did you mean 'wikipedia24'?"),
        ("mine", ""),
    ],
)
def test_what_is_neither_a_file_nor_a_name_is_shown_with_the_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedError) as error:
        read("build", "--output", "O", "--config", config)
    reason = f"[Errno 2] No such file or directory: '{config}'; accepted names: wikipedia24"
    assert str(error.value) == f"--config {config}: {reason}{hint}"


def test_only_options_that_decide_bytes_are_compared() -> None:
    output_options = Settings(output="O", date="2026", languages=("en",)).output_options("link")
    assert output_options == {
        "range_size": None,
        "wikidata_api": False,
        "allow_unresolved": False,
        "validation_share": 0.01,
        "articles_format": ["parquet"],
    }


def test_the_help_has_groups_and_prints_defaults_of_the_code() -> None:
    text = command_parser("build", "Makes it.", "  mlukit build").format_help()
    places = [text.index(f"\n{group}:\n") for group in GROUPS]
    assert places == sorted(places)
    words = " ".join(text.split())
    for name in ("vocabulary_size", "min_count", "max_tokens", "max_entities", "validation_share"):
        flag = "--" + name.replace("_", "-")
        assert f"Default: {getattr(Settings(), name)}." in words.split(f" {flag} ")[-1].split(" --")[0]
    assert f"Default: {MIN_LANGUAGES_RULE}." in words
    assert "--output OUT Folder to write to. Required." in words
