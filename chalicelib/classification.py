"""Classify one image, for requests and for the chunks of batches and workflows."""

import msgspec

from chalicelib.answers.predictions import Embedding, Label, ModelRef, Size
from chalicelib.inference.packages import ModelInfo
from chalicelib.inference.pool import Classifiers
from chalicelib.requests import Instance, Options, Resize
from chalicelib.sources.read import Sources
from chalicelib.stopwatch import Stopwatch


class Outcome(msgspec.Struct, frozen=True):
    """The labels of one image.

    timing_ms: milliseconds spent on `decode`, `infer` and, if it was asked for, `explain`.
    """

    model: ModelRef
    labels: list[Label]
    image: Size
    timing_ms: dict[str, float]
    embedding: Embedding | None = None


class Classification:
    """Loads the bytes of an image, decodes them, classifies the pixels and ranks the labels."""

    def __init__(self, sources: Sources, classifiers: Classifiers) -> None:
        self._sources, self._classifiers = sources, classifiers

    def load(self, instance: Instance) -> bytes:
        """Loads the encoded image that an instance names; raises what `Sources.load` does."""
        return self._sources.load(instance)

    def model(self, name: str | None) -> ModelInfo:
        """Loads the model of that name, or the default model.

        Raises ModelNotFound or ModelInvalid if it cannot answer.
        """
        return self._classifiers.get(name).info

    def classify(self, data: bytes, options: Options, resize: Resize | None = None) -> Outcome:
        """Classifies an encoded image. Raises the errors of decoding and of the model.

        resize: instead of what the model's package says.
        """
        watch = Stopwatch()
        from chalicelib.images.decode import decode  # Pillow and NumPy, needed only for an image

        classifier = self._classifiers.get(options.model)
        how = classifier.info.preprocessing
        if resize is not None:
            how = msgspec.structs.replace(how, resize=resize)
        with watch.stage("decode"):
            image = decode(data, classifier.input_size, how)
        info, features = classifier.info, None
        if options.embedding or (options.explain and info.has_features):
            scores, features = classifier.featured(image.pixels, during=watch.stage("infer"))
        else:
            scores = classifier.scores(image.pixels, during=watch.stage("infer"))
        labels = classifier.rank(scores, options.max_labels, options.min_confidence)
        if options.explain:
            from chalicelib.inference.explaining import with_heat_maps

            with watch.stage("explain"):
                labels = with_heat_maps(classifier, image, how, scores, features, labels)
        size = Size(image.width, image.height, image.format, image.truncated, resize)
        model = ModelRef(info.name, info.version, info.multi_label)
        vector = features.embedding(options.embedding) if features and options.embedding else None
        return Outcome(model, labels, size, watch.reading(), vector)
