"""What the tests of the element-wise transforms share."""

from pathlib import Path

import pytest

from tests.transforms.elements.collected import Ran, all_transforms, run_pipeline


@pytest.fixture(scope="session")
def ran(dumps: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All transforms, on the dumps that the small wikis were built of."""
    return run_pipeline(tmp_path_factory.mktemp("ran"), all_transforms(dumps, built, ("de", "en", "ja")))
