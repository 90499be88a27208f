"""A platform for the tests of the engine's order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.platform import Platform, platform_in


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with platform_in(tmp_path) as built:
        yield built
