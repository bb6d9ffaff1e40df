import pytest

from convertapi_sandbox.config import SandboxConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"faults": {"nonsense": 1}},
        {"duration_seconds": (2, 1)},
        {"duration_seconds": (-1, 1)},
        {"workers": 0},
        {"secret": ""},
        {"dialects": frozenset()},
        {"spacing_seconds": -1},
        {"slow_seconds": -1},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        SandboxConfig(**wrong)
