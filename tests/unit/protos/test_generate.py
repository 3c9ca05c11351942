"""The committed stubs are those that the protos give, and the check would see if they were not."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[3] / "protos" / "generate.py"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate_protos", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_stubs_are_up_to_date(generate):
    assert generate.main(["--check"]) == 0


def test_a_changed_a_missing_and_a_left_over_stub_are_found(generate, tmp_path, monkeypatch, capsys):
    generate.generate(tmp_path)
    folder = tmp_path / "hiddenstate" / "v1"
    (folder / "tensor_pb2.py").write_text("# changed\n")
    (folder / "token_pb2.pyi").unlink()
    (folder / "gone_pb2_grpc.py").write_text("# left over\n")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert generate.main(["--check"]) == 1
    named = capsys.readouterr().err
    assert all(name in named for name in ("tensor_pb2.py", "token_pb2.pyi", "gone_pb2_grpc.py"))
