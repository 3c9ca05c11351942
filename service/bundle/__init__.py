"""The bundle contract: one folder holds one version of a model, as data only."""

from service.bundle.folder import Bundle, load_bundle, sha256_of
from service.bundle.golden import GoldenChunk, largest_difference, largest_gap, read_golden, write_golden
from service.bundle.manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    Cell,
    DataSource,
    FrontendSpec,
    GateFigures,
    HeadSpec,
    Limits,
    Manifest,
    Provenance,
    QualityFigure,
    Topology,
    Variant,
    manifest_schema,
)
from service.bundle.signature import Signature, StateSpec, TensorSpec

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_FILE",
    "Bundle",
    "Cell",
    "DataSource",
    "FrontendSpec",
    "GateFigures",
    "GoldenChunk",
    "HeadSpec",
    "Limits",
    "Manifest",
    "Provenance",
    "QualityFigure",
    "Signature",
    "StateSpec",
    "TensorSpec",
    "Topology",
    "Variant",
    "largest_difference",
    "largest_gap",
    "load_bundle",
    "manifest_schema",
    "read_golden",
    "sha256_of",
    "write_golden",
]
