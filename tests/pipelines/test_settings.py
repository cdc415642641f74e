from pathlib import Path

import pytest

from mlukit.pipelines.settings import Settings, SettingsError, command_parser, read_settings


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
    assert beam == ["--runner=FlinkRunner", "--direct_num_workers", "2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vocabulary-sise", "3"], "unknown flag --vocabulary-sise; did you mean '--vocabulary-size'?"),
        (["--direct_num_worker=3"], "unknown flag --direct_num_worker; did you mean '--direct_num_workers'?"),
        (
            ["--kinds", "artcle"],
            "'artcle' is not one of article, list, disambiguation, date, other; did you mean 'article'?",
        ),
        (["--format", "tfrecrod"], "'tfrecrod' is not one of parquet, tfrecord; did you mean 'tfrecord'?"),
        (["--vocabulary-size", "-3"], "--vocabulary-size"),
        (["--range-size", "many"], "'many' is not a size such as 32MiB"),
        (["--validation-share", "1"], "'1' is not a number from 0 up to, not including, 1"),
        (["--dump", "enwiki.xml"], "'enwiki.xml' is not LANGUAGE=PATH"),
        (["stray"], "'stray' is no flag"),
    ],
)
def test_what_is_wrong_is_shown_with_what_would_be_right(arguments: list[str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
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
        ("wikidata_api = 1", "wikidata_api = 1 is neither true nor false"),
        ("= 3", "Invalid statement"),
    ],
)
def test_a_wrong_configuration_is_shown(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    with pytest.raises(SettingsError) as error:
        read("build", "--output", "O", "--config", str(config))
    assert said in str(error.value)


def test_only_options_that_decide_bytes_are_compared() -> None:
    output_options = Settings(output="O", date="2026", languages=("en",)).output_options("link")
    assert output_options == {
        "range_size": None,
        "wikidata_api": False,
        "allow_unresolved": False,
        "validation_share": 0.01,
    }
