"""The samples of a model, read and verified, for the page."""

from binascii import b2a_base64

from chalicelib.answers.predictions import SampleList, SamplePicture
from chalicelib.errors import ModelInvalid, ModelNotFound, NotFound
from chalicelib.files import sha256_of
from chalicelib.inference.finder import Models
from chalicelib.inference.samples import MAX_SAMPLE_BYTES, MAX_SAMPLES_BYTES, Sample


def listed(models: Models, name: str) -> SampleList:
    """Returns the samples of a model with their bytes.

    Raises ModelNotFound where there is no such model, ModelInvalid where its samples are damaged
    or too large, and ServiceUnavailable where the models bucket does not answer.
    """
    info = models.info(name)
    pictures, total = [], 0
    for sample in info.samples:
        data = _read(models, name, sample)
        total += len(data)
        if total > MAX_SAMPLES_BYTES:
            raise ModelInvalid(f"The samples of model {name} are too large; add it again.")
        encoded = b2a_base64(data, newline=False).decode()
        pictures.append(
            SamplePicture(
                label=sample.label,
                url=f"models/{name}/{sample.path}",
                data=f"data:{sample.type};base64,{encoded}",
                licence=sample.licence,
                source=sample.source,
            )
        )
    return SampleList(name, pictures)


def picture(models: Models, name: str, file: str) -> tuple[bytes, str]:
    """Returns the bytes of one sample, and their media type.

    Raises NotFound where the model has no such sample, and what `listed` raises.
    """
    for sample in models.info(name).samples:
        if sample.file == file:
            return _read(models, name, sample), sample.type
    raise NotFound(f"Model {name} has no sample {file[:64]!r}.")


def _read(models: Models, name: str, sample: Sample) -> bytes:
    try:
        data = models.read(name, sample.path)
    except (OSError, ModelNotFound):
        data = b""
    if len(data) > MAX_SAMPLE_BYTES or sha256_of(data) != sample.sha256:
        raise ModelInvalid(
            f"The sample {sample.file} of model {name} is missing or damaged; fetch or add the "
            "model again."
        )
    return data
