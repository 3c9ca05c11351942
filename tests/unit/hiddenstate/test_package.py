"""The package is light: nothing heavy is imported before it is used."""

import subprocess
import sys

import pytest

import hiddenstate


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_imports_neither_grpc_nor_numpy_nor_protobuf():
    heavy = run("import sys, hiddenstate; print(*{'grpc', 'numpy', 'google.protobuf', 'rich'} & set(sys.modules))")
    assert heavy == []


def test_a_client_imports_neither_the_service_nor_the_open_inference_stubs():
    code = "import sys, hiddenstate; hiddenstate.Client; hiddenstate.AsyncClient; print(*sys.modules)"
    modules = run(code)
    assert not [name for name in modules if name.startswith(("service", "training", "hiddenstate.oip"))]
    assert "grpc" in modules


@pytest.mark.parametrize("name", hiddenstate.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(hiddenstate, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        hiddenstate.nonsense  # noqa: B018
