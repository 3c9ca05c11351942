"""Devices: what is asked for is what runs, or an error that names the remedy, or a fallback that is stated."""

import pytest

from service.errors import Reason, ServiceError
from service.runtime import Device, ort, resolve_device


@pytest.fixture
def providers(monkeypatch):
    """Pretend that this build of ONNX Runtime has the given providers."""

    def pretend(*names: str) -> None:
        monkeypatch.setattr(ort, "get_available_providers", lambda: list(names))

    pretend("CPUExecutionProvider")
    return pretend


def test_the_cpu_is_always_there(providers):
    assert resolve_device("cpu") == Device("cpu")


@pytest.mark.parametrize("wanted", ["cuda", "cuda:1"])
def test_cuda_that_is_missing_is_an_error_that_names_the_remedy(providers, wanted):
    with pytest.raises(ServiceError, match="onnxruntime-gpu") as caught:
        resolve_device(wanted)
    assert caught.value.reason is Reason.DEVICE_NOT_AVAILABLE


def test_an_allowed_fallback_is_stated(providers):
    device = resolve_device("cuda:1", allow_fallback=True)
    assert str(device) == "cpu"
    assert device.fallback is not None
    assert "cuda:1" in device.fallback


def test_auto_takes_cuda_where_there_is_one(providers):
    assert resolve_device("auto").kind == "cpu"
    assert resolve_device("auto").fallback is not None
    providers("CUDAExecutionProvider", "CPUExecutionProvider")
    assert resolve_device("auto") == Device("cuda", 0)
    assert str(resolve_device("cuda:3")) == "cuda:3"


@pytest.mark.parametrize("wanted", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cpu:0"])
def test_another_name_is_an_invalid_setting(providers, wanted):
    with pytest.raises(ServiceError) as caught:
        resolve_device(wanted)
    assert caught.value.reason is Reason.SETTING_INVALID
