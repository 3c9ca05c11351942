"""What the server and its models are, in the words of the Open Inference Protocol and of Triton's configuration."""

from importlib.metadata import version as installed_version

from hiddenstate.oip import model_config_pb2
from hiddenstate.oip import open_inference_pb2 as oip
from service.bundle import Manifest, TensorSpec
from service.catalog import Catalog, Served
from service.rpc.oip.inference import version_number
from service.rpc.oip.sequences import GENERIC
from service.rpc.oip.tensors import DATATYPES

EXTENSIONS = (
    "classification",
    "model_configuration",
    "model_repository",
    "sequence",
    "sequence(string_id)",
    "statistics",
)
PLATFORM = "onnxruntime_onnx"
ANY = -1

_TYPES = {
    "float32": model_config_pb2.TYPE_FP32,
    "int64": model_config_pb2.TYPE_INT64,
    "int32": model_config_pb2.TYPE_INT32,
}


def server_metadata() -> oip.ServerMetadataResponse:
    """Name, version and extensions of the server."""
    return oip.ServerMetadataResponse(
        name="hiddenstate", version=installed_version("hiddenstate"), extensions=EXTENSIONS
    )


def is_ready(catalog: Catalog, request: oip.ModelReadyRequest) -> bool:
    """Whether a version serves."""
    version = version_number(request.name, request.version)
    return any(each.manifest.name == request.name and version in (0, each.manifest.version) for each in catalog.served)


def find(catalog: Catalog, name: str, version: str) -> Served:
    """The version that a request names. Raises what `Catalog.find` raises."""
    return catalog.find(GENERIC, name, version_number(name, version))


def metadata(served: Served, catalog: Catalog) -> oip.ModelMetadataResponse:
    """The tensors that clients send and get: the state is not among them, the server keeps it."""
    manifest = served.manifest
    versions = sorted(each.manifest.version for each in catalog.served if each.manifest.name == manifest.name)
    return oip.ModelMetadataResponse(
        name=manifest.name,
        versions=[str(version) for version in versions],
        platform=PLATFORM,
        inputs=[_tensor(tensor) for tensor in manifest.inputs_by_name.values()],
        outputs=[_tensor(tensor) for tensor in outputs_of(manifest)],
    )


def configuration(served: Served) -> model_config_pb2.ModelConfig:
    """The configuration that Triton would need for the same behaviour; shapes without the batch axis."""
    manifest, limits = served.manifest, served.engine.limits
    config = model_config_pb2.ModelConfig(
        name=manifest.name,
        platform=PLATFORM,
        backend="onnxruntime",
        version_policy=model_config_pb2.ModelVersionPolicy(all=model_config_pb2.ModelVersionPolicy.All()),
        max_batch_size=limits.max_batch_rows,
        input=[
            model_config_pb2.ModelInput(
                name=tensor.name,
                data_type=_TYPES[tensor.dtype],
                dims=_dims(tensor)[1:],
                optional=manifest.encoder is not None,
            )
            for tensor in manifest.inputs_by_name.values()
        ],
        output=[
            model_config_pb2.ModelOutput(name=tensor.name, data_type=_TYPES[tensor.dtype], dims=_dims(tensor)[1:])
            for tensor in outputs_of(manifest)
        ],
        instance_group=[model_config_pb2.ModelInstanceGroup(name=manifest.name, kind=_kind(served), count=1)],
        default_model_filename=manifest.variants["fp32"].file,
    )
    if not manifest.state:
        config.dynamic_batching.max_queue_delay_microseconds = 0
        return config
    batching = config.sequence_batching
    batching.max_sequence_idle_microseconds = int(limits.idle_timeout * 1e6)
    batching.oldest.max_candidate_sequences = limits.max_sessions
    batching.oldest.preserve_ordering = True
    for pair in manifest.state:
        batching.state.add(
            input_name=pair.name, output_name=pair.next_name, data_type=_TYPES[pair.dtype], dims=pair.row_shape
        )
    return config


def outputs_of(manifest: Manifest) -> list[TensorSpec]:
    """What clients get: the outputs, and what an encoder gives for its source."""
    if manifest.context is None:
        return list(manifest.outputs)
    context = TensorSpec(name=manifest.context.name, dtype="float32", shape=("batch", "time", manifest.context.width))
    return [context, *manifest.outputs]


def _tensor(tensor: TensorSpec) -> oip.ModelMetadataResponse.TensorMetadata:
    return oip.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=DATATYPES[tensor.dtype].name, shape=_dims(tensor)
    )


def _dims(tensor: TensorSpec) -> list[int]:
    return [axis if isinstance(axis, int) else ANY for axis in tensor.shape]


def _kind(served: Served) -> model_config_pb2.ModelInstanceGroup.Kind:
    cuda = str(served.loaded.model.device).startswith("cuda")
    return model_config_pb2.ModelInstanceGroup.KIND_GPU if cuda else model_config_pb2.ModelInstanceGroup.KIND_CPU
