"""A dump that is taken away while a run reads it: one error that names the file, and a run that goes on."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from schemas.manifest import Receipt
from tests.pipelines.conftest import build
from tests.small_dumps import checksums
from transforms import share_units
from transforms.do_units import Unit

GOES_ON = "What was finished is kept: the same command goes on from there."


@pytest.mark.parametrize("phase", ["parse", "checksum"])
def test_a_dump_that_vanishes_is_named(
    dumps: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    own_dumps, output = Path(shutil.copytree(dumps, tmp_path / "dumps")), tmp_path / "OUT"
    (dump,) = own_dumps.glob("enwiki-*pages-articles*")
    away, do_unit = tmp_path / "away", share_units.do_unit

    def take_away_before(unit: Unit, *others: Any) -> Receipt:
        if unit.phase == phase and dump.exists():
            dump.rename(away)
        return do_unit(unit, *others)

    with monkeypatch.context() as patched:
        patched.setattr(share_units, "do_unit", take_away_before)
        ran = build(own_dumps, output)
    assert ran.status == 1
    said = ran.err.splitlines()[-1]
    assert f"{phase}/en/" in said and str(dump) in said and said.endswith(GOES_ON)
    away.rename(dump)
    assert build(own_dumps, output).status == 0
    assert checksums(output) == checksums(built)
