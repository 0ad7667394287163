"""Compares answers on the user's own pictures, each side with its own loader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.errors import InceptionError, ModelInvalid
from chalicelib.images.decode import decode
from chalicelib.images.preprocessing import Preprocessing
from chalicelib.inference.classifier import Classifier

FEWEST = 8
"""Pictures from which on a rare agreement is no accident."""
NAMED = 5

Scores = NDArray[np.float32]


def opened(tf: Any, data: bytes, size: tuple[int, int], how: Preprocessing) -> Any:
    """A picture as TensorFlow's own pipelines load it: float32 [1, height, width, 3], 0..255.

    Like `tf.keras.utils.image_dataset_from_directory`, it ignores the EXIF orientation and resizes
    without smoothing. how: the part to take; the filter is TensorFlow's. size: width and height in
    pixels. Raises TensorFlow's errors for anything but JPEG, PNG, GIF and BMP.
    """
    picture = tf.io.decode_image(data, channels=3, expand_animations=False)
    height, width = picture.shape[:2]
    left, upper, right, lower = (round(edge) for edge in how.box((width, height), size))
    fitted = how.fitted((width, height), size)
    part = tf.image.resize(picture[tf.newaxis, upper:lower, left:right], fitted[::-1])
    if fitted == size:
        return part
    canvas = np.broadcast_to(np.array(how.colour, np.float32), (1, size[1], size[0], 3)).copy()
    left, upper = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    canvas[:, upper : upper + fitted[1], left : left + fitted[0]] = part
    return tf.constant(canvas)


@dataclass(frozen=True)
class OwnPictures:
    """How often both agree on the user's pictures.

    pictures: how many both could read. skipped: how many TensorFlow could not.
    differ: those with different best classes.
    """

    pictures: int
    skipped: int
    differ: Sequence[str]

    def __str__(self) -> str:
        same = self.pictures - len(self.differ)
        others = f", not on {', '.join(self.differ[:NAMED])}" if self.differ else ""
        skipped = (
            f" {self.skipped} more are of formats that it cannot read." if self.skipped else ""
        )
        return (
            "Your own pictures, as TensorFlow decodes and resizes them: the best class is the same "
            f"on {same} of {self.pictures}{others}.{skipped}"
        )

    def check(self) -> None:
        """Raise ModelInvalid if most pictures get another answer in TensorFlow."""
        if self.pictures >= FEWEST and 2 * len(self.differ) > self.pictures:
            raise ModelInvalid(
                f"On {len(self.differ)} of your {self.pictures} pictures the package gives "
                "another class than the network in TensorFlow, so nothing was installed. Give "
                "--resize, --crop and --filter as in its training."
            )


def compare(
    files: Sequence[Path],
    classifier: Classifier,
    framework: Callable[[bytes, Preprocessing], Scores],
) -> OwnPictures:
    """Run files through the package and through the TensorFlow network.

    framework: an encoded picture and the part to take, to probabilities.
    """
    how, size = classifier.info.preprocessing, classifier.input_size
    pictures, skipped, differ = 0, 0, []
    for path in files:
        data = path.read_bytes()
        try:
            ours = classifier.output(decode(data, size, how).pixels)
        except InceptionError:  # told where it was first read
            continue
        try:
            theirs = framework(data, how)
        except Exception:  # of TensorFlow's own kinds: it is of a format that it does not read
            skipped += 1
            continue
        pictures += 1
        if _answer(ours) != _answer(theirs):
            differ.append(path.name)
    return OwnPictures(pictures, skipped, differ)


def _answer(scores: Scores) -> int:
    """The best class; for one unit, 1 if the second of two classes is likelier."""
    return int(scores.argmax() if len(scores) > 1 else scores[0] > 0.5)
