import pytest

from deepbelief.errors import SettingsError
from deepbelief.machine import choose_device


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "cuda:99", "xpu"):
        with pytest.raises(SettingsError, match=f"the device {name!r} is not there"):
            choose_device(name)
