"""The page has a hint for each class of dead letters."""

from __future__ import annotations

import re

from conveyor.domain.conversion import FailureKind
from local_stack.environment import ROOT

SCRIPT = ROOT / "web" / "static" / "failures.js"


def test_page_has_a_hint_for_each_class_of_dead_letters():
    hints = re.search(r"const HINTS = \{(.*?)\};", SCRIPT.read_text(), re.DOTALL)

    assert set(re.findall(r"^  (\w+):", hints[1], re.MULTILINE)) == set(FailureKind) - {
        FailureKind.CANCELLED
    }
