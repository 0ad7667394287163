"""The answers of the Open Inference Protocol, for clients of KServe v2."""

from typing import Any

import msgspec

from chalicelib.answers.predictions import Scores
from chalicelib.images.preprocessing import Preprocessing


class ServerMetadata(msgspec.Struct, frozen=True):
    """Name, version and extensions of the server."""

    name: str
    version: str
    extensions: list[str]


class Live(msgspec.Struct, frozen=True):
    """The server runs."""

    live: bool


class Ready(msgspec.Struct, frozen=True):
    """The default model can answer."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True):
    """This model can answer."""

    name: str
    ready: bool


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor of a model; -1 stands for any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A model's tensors, its preprocessing and its scores."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    preprocessing: Preprocessing
    scores: Scores
    multi_label: bool


class OutputTensor(msgspec.Struct, frozen=True):
    """A tensor of an answer, with flat data."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class InferParameters(msgspec.Struct, frozen=True):
    """Remarks about the images.

    truncated: positions of truncated JPEGs, from 0 and separated by commas. The model did not see a
        part of these pictures.
    """

    truncated: str


class InferAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tensors of an answer."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    parameters: InferParameters | None = None
    id: str | None = None
