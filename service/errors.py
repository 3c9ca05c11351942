"""The error vocabulary: one exception, a canonical code and a stable reason for every failure a user can meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class Code(Enum):
    """The canonical status codes in use, with their gRPC numbers (google.rpc.Code)."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class Reason(StrEnum):
    """Stable reasons: part of the API, never renamed, never reused."""

    # The stream itself.
    CONFIG_MISSING = "CONFIG_MISSING"
    CONFIG_REPEATED = "CONFIG_REPEATED"
    STREAM_EMPTY = "STREAM_EMPTY"
    MESSAGE_EMPTY = "MESSAGE_EMPTY"
    MESSAGE_MALFORMED = "MESSAGE_MALFORMED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    MESSAGE_AFTER_END = "MESSAGE_AFTER_END"
    SEQUENCE_NUMBER_INVALID = "SEQUENCE_NUMBER_INVALID"
    # What a message says.
    OPTION_OUT_OF_RANGE = "OPTION_OUT_OF_RANGE"
    TEXT_NOT_UTF8 = "TEXT_NOT_UTF8"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    TENSOR_UNKNOWN = "TENSOR_UNKNOWN"
    TENSOR_MISSING = "TENSOR_MISSING"
    TENSOR_DTYPE_MISMATCH = "TENSOR_DTYPE_MISMATCH"
    TENSOR_RANK_MISMATCH = "TENSOR_RANK_MISMATCH"
    TENSOR_SHAPE_MISMATCH = "TENSOR_SHAPE_MISMATCH"
    TENSOR_SIZE_MISMATCH = "TENSOR_SIZE_MISMATCH"
    TENSOR_NOT_FINITE = "TENSOR_NOT_FINITE"
    TENSOR_OUT_OF_RANGE = "TENSOR_OUT_OF_RANGE"
    CHUNK_EMPTY = "CHUNK_EMPTY"
    PROMPT_MISSING = "PROMPT_MISSING"
    TEXT_EMPTY = "TEXT_EMPTY"
    WORD_INVALID = "WORD_INVALID"
    LANGUAGE_UNKNOWN = "LANGUAGE_UNKNOWN"
    SERIES_EMPTY = "SERIES_EMPTY"
    VALUE_NOT_FINITE = "VALUE_NOT_FINITE"
    TIME_NOT_LATER = "TIME_NOT_LATER"
    TIME_MISSING = "TIME_MISSING"
    TIME_OUT_OF_RANGE = "TIME_OUT_OF_RANGE"
    TIME_GAP_TOO_LONG = "TIME_GAP_TOO_LONG"
    FREQUENCY_UNSUPPORTED = "FREQUENCY_UNSUPPORTED"
    FRAME_SIZE_MISMATCH = "FRAME_SIZE_MISMATCH"
    FRAME_NOT_FINITE = "FRAME_NOT_FINITE"
    GESTURE_EMPTY = "GESTURE_EMPTY"
    NOTE_INVALID = "NOTE_INVALID"
    AUDIO_FORMAT_MISSING = "AUDIO_FORMAT_MISSING"
    AUDIO_FORMAT_UNSUPPORTED = "AUDIO_FORMAT_UNSUPPORTED"
    AUDIO_SIZE_MISMATCH = "AUDIO_SIZE_MISMATCH"
    PHRASE_INVALID = "PHRASE_INVALID"
    # Models.
    MODEL_NAME_MISSING = "MODEL_NAME_MISSING"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    MODEL_VERSION_NOT_FOUND = "MODEL_VERSION_NOT_FOUND"
    MODEL_TASK_MISMATCH = "MODEL_TASK_MISMATCH"
    MODEL_NOT_READY = "MODEL_NOT_READY"
    MODEL_RUN_FAILED = "MODEL_RUN_FAILED"
    # Sessions and load.
    SESSION_ID_INVALID = "SESSION_ID_INVALID"
    SESSION_ID_IN_USE = "SESSION_ID_IN_USE"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    SEQUENCE_NOT_STARTED = "SEQUENCE_NOT_STARTED"
    SESSIONS_EXHAUSTED = "SESSIONS_EXHAUSTED"
    BACKLOG_EXHAUSTED = "BACKLOG_EXHAUSTED"
    CONTEXTS_EXHAUSTED = "CONTEXTS_EXHAUSTED"
    SERVER_DRAINING = "SERVER_DRAINING"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SESSION_TAKEN_OVER = "SESSION_TAKEN_OVER"
    SESSION_CLOSED = "SESSION_CLOSED"
    SESSION_ENDED = "SESSION_ENDED"
    SESSION_ROLLED_BACK = "SESSION_ROLLED_BACK"
    RESUME_TOKEN_INVALID = "RESUME_TOKEN_INVALID"
    ANSWERS_ACKNOWLEDGED = "ANSWERS_ACKNOWLEDGED"
    END_MISSING = "END_MISSING"
    STREAM_TOO_OLD = "STREAM_TOO_OLD"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    # Snapshots.
    SNAPSHOT_MALFORMED = "SNAPSHOT_MALFORMED"
    SNAPSHOT_TRUNCATED = "SNAPSHOT_TRUNCATED"
    SNAPSHOT_TOO_LARGE = "SNAPSHOT_TOO_LARGE"
    SNAPSHOT_FORMAT_UNKNOWN = "SNAPSHOT_FORMAT_UNKNOWN"
    SNAPSHOT_KEY_UNKNOWN = "SNAPSHOT_KEY_UNKNOWN"
    SNAPSHOT_TAMPERED = "SNAPSHOT_TAMPERED"
    SNAPSHOT_TASK_MISMATCH = "SNAPSHOT_TASK_MISMATCH"
    SNAPSHOT_STATE_MISMATCH = "SNAPSHOT_STATE_MISMATCH"
    SNAPSHOT_MODEL_MISMATCH = "SNAPSHOT_MODEL_MISMATCH"
    INTERNAL = "INTERNAL"
    # Not served by this version.
    TASK_NOT_SERVED = "TASK_NOT_SERVED"
    DURABILITY_NOT_SERVED = "DURABILITY_NOT_SERVED"
    OPTION_NOT_SERVED = "OPTION_NOT_SERVED"
    # Bundles and the device they run on.
    BUNDLE_MISSING_FILE = "BUNDLE_MISSING_FILE"
    BUNDLE_DIGEST_MISMATCH = "BUNDLE_DIGEST_MISMATCH"
    BUNDLE_MANIFEST_INVALID = "BUNDLE_MANIFEST_INVALID"
    BUNDLE_PATH_OUTSIDE = "BUNDLE_PATH_OUTSIDE"
    BUNDLE_GOLDEN_MISMATCH = "BUNDLE_GOLDEN_MISMATCH"
    BUNDLE_UNSUPPORTED = "BUNDLE_UNSUPPORTED"
    BUNDLE_DAMAGED = "BUNDLE_DAMAGED"
    DEVICE_NOT_AVAILABLE = "DEVICE_NOT_AVAILABLE"
    # Settings.
    SETTING_INVALID = "SETTING_INVALID"


@dataclass(frozen=True)
class Violation:
    """One field of a message that is wrong, and why (google.rpc.BadRequest.FieldViolation)."""

    field: str
    description: str


class ServiceError(Exception):
    """A failure with its code, reason and, where known, the field at fault, more facts and when to try again.

    `retry_after` is in seconds. Nothing of it is specific to a transport: `rpc.status` turns it into a status.
    """

    def __init__(
        self,
        code: Code,
        reason: Reason,
        message: str,
        *,
        field: str | None = None,
        facts: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.violations: tuple[Violation, ...] = (Violation(field, message),) if field else ()
        self.facts = dict(facts or {})
        self.retry_after = retry_after


class BundleError(ServiceError):
    """A bundle that is refused; the message says which file and why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(Code.FAILED_PRECONDITION, reason, message)


def invalid(reason: Reason, message: str, field: str | None = None) -> ServiceError:
    """A bad request: the caller has to change it before sending it again."""
    return ServiceError(Code.INVALID_ARGUMENT, reason, message, field=field)


def exhausted(reason: Reason, message: str, retry_after: float) -> ServiceError:
    """A limit is reached: the same request may succeed after `retry_after` seconds."""
    return ServiceError(Code.RESOURCE_EXHAUSTED, reason, message, retry_after=retry_after)


def unserved(reason: Reason, message: str, field: str | None = None) -> ServiceError:
    """Part of the contract that this version does not serve."""
    return ServiceError(Code.UNIMPLEMENTED, reason, message, field=field)


def draining() -> ServiceError:
    """The server is about to stop."""
    message = "the server is shutting down: connect again, to another replica where there is one"
    return ServiceError(Code.UNAVAILABLE, Reason.SERVER_DRAINING, message, retry_after=1.0)


def taken_over(session_id: str) -> ServiceError:
    """Another client, or another server, goes on with a session."""
    message = f"another client has resumed session {session_id}: this stream is over and does not go on by itself"
    return ServiceError(Code.ABORTED, Reason.SESSION_TAKEN_OVER, message)


def expired(session_id: str, seconds: float, steps: int) -> ServiceError:
    """A session was silent for too long."""
    message = f"session {session_id} was silent for {seconds:g} s and has ended at step {steps}: open a new one"
    return ServiceError(Code.ABORTED, Reason.SESSION_EXPIRED, message)


def internal(error: Exception) -> ServiceError:
    """A fault of the server itself; its log has the rest."""
    return ServiceError(Code.INTERNAL, Reason.INTERNAL, f"the server failed: {type(error).__name__}")
