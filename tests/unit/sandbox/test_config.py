import pytest

from convertapi_sandbox.config import SandboxConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"faults": {"nonsense": 1}},
        {"workers": 0},
        {"secret": ""},
        {"dialects": frozenset()},
        {"spacing_s": -1},
        {"slow_s": -1},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        SandboxConfig(**wrong)
