"""Nearly every check of the suite is seen to fail, and alone, for a platform that breaks that rule and no other."""

from __future__ import annotations

import pytest

from tests.planted_rules import RULED
from tests.test_conformance import Verdicts, all_judged, broken


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    return all_judged(RULED, tmp_path_factory.mktemp("ruled"))


@pytest.mark.parametrize("code", RULED)
def test_a_rule_that_is_broken_is_the_one_that_fails(verdicts: Verdicts, code: str) -> None:
    assert [*broken(verdicts[code])] == [code]
