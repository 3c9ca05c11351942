import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Code, Reason, ServiceError
from service.scheduler import Snapshot
from service.session import Chunk
from service.signing import Keys
from service.snapshot import Label, check_fits, opened, schema_of, seal, unseal
from service.state import StateSpec
from service.stream import Standing
from service.tasks.inference import Inference, InferenceOptions, Inferring, Outputs
from service.tasks.task import Answer, End

SPECS = (StateSpec("h", (2,)),)
KEYS = Keys.fresh()
LABEL = Label("s", "m", 1, "abc", "fp32", "inference", schema_of(SPECS), "x86")
TASK = Inference((), ("y",), max_steps=8)
STANDING = Standing(
    Snapshot("s", {"h": np.ones(2, np.float32)}, 3, (Chunk(4, {"x": np.zeros((2, 1))}, 2, 0.0, End()),), 1, 0.05),
    Inferring(("y",), False, first_step=3),
    InferenceOptions(),
    accepted=4,
    next_answer_number=3,
    answers=(Answer(2, 3, Outputs({"y": np.ones(1)}, 2)),),
)
BLOB = seal(LABEL, STANDING, TASK, KEYS)


def refusal(data: bytes, keys: Keys = KEYS, most: int = 1 << 20) -> Reason:
    with pytest.raises(ServiceError) as caught:
        unseal(data, keys, most)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.reason


def test_a_snapshot_says_again_what_was_put_into_it():
    sealed = unseal(BLOB, KEYS, len(BLOB))
    assert sealed.label == LABEL
    assert repr(opened(sealed, TASK)) == repr(STANDING)


@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(place, by):
    changed = bytearray(BLOB)
    changed[place] ^= by
    assert refusal(bytes(changed)).startswith("SNAPSHOT_")


@given(st.integers(0, len(BLOB) - 1))
def test_a_part_of_it_is_refused(length):
    assert refusal(BLOB[:length]) is (Reason.SNAPSHOT_TRUNCATED if length else Reason.SNAPSHOT_MALFORMED)


def test_each_kind_of_refusal_has_its_reason():
    assert refusal(b"x" * 200) is Reason.SNAPSHOT_MALFORMED
    assert refusal(BLOB + b"x") is Reason.SNAPSHOT_TAMPERED
    assert refusal(BLOB, most=len(BLOB) - 1) is Reason.SNAPSHOT_TOO_LARGE
    assert refusal(BLOB[:4] + b"\x02" + BLOB[5:]) is Reason.SNAPSHOT_FORMAT_UNKNOWN
    assert refusal(BLOB, Keys.fresh()) is Reason.SNAPSHOT_KEY_UNKNOWN
    assert refusal(BLOB, Keys({KEYS.current: bytes(32)}, KEYS.current)) is Reason.SNAPSHOT_TAMPERED


@pytest.mark.parametrize(
    ("task", "digest", "specs", "reason"),
    [
        ("sentiment", "abc", SPECS, Reason.SNAPSHOT_TASK_MISMATCH),
        ("inference", "def", SPECS, Reason.SNAPSHOT_MODEL_MISMATCH),
        ("inference", "abc", (StateSpec("h", (3,)),), Reason.SNAPSHOT_STATE_MISMATCH),
    ],
)
def test_a_snapshot_of_something_else_is_refused(task, digest, specs, reason):
    check_fits(LABEL, task="inference", digest="abc", specs=SPECS)
    with pytest.raises(ServiceError) as caught:
        check_fits(LABEL, task=task, digest=digest, specs=specs)
    assert (caught.value.code, caught.value.reason) == (Code.FAILED_PRECONDITION, reason)


def test_an_older_key_is_still_accepted_and_the_first_signs():
    newer = Keys.fresh()
    both = Keys({**newer.keys, **KEYS.keys}, newer.current)
    assert unseal(BLOB, both, 1 << 20).label == LABEL
    assert refusal(seal(LABEL, STANDING, TASK, both)) is Reason.SNAPSHOT_KEY_UNKNOWN


def test_a_file_of_keys_is_made_once_for_its_owner_alone(tmp_path):
    made = Keys.from_file(tmp_path / "keys")
    assert Keys.from_file(tmp_path / "keys") == made
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("content", ["", "a 00", "a zz", "a", f"a {'00' * 32}\na {'11' * 32}"])
def test_a_file_without_good_keys_is_refused(tmp_path, content):
    (tmp_path / "keys").write_text(content)
    with pytest.raises(ServiceError) as caught:
        Keys.from_file(tmp_path / "keys")
    assert caught.value.reason is Reason.SETTING_INVALID
