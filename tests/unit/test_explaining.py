"""Where in a picture a label was seen: heat maps, occlusion, and what they may take."""

import base64
from typing import Any

import msgspec
import numpy as np
import pytest

from chalicelib.answers.predictions import Region
from chalicelib.classification import Classification
from chalicelib.errors import BadRequest, FeaturesMissing
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.inference.classifier import Features
from chalicelib.inference.explainable import EXPLAINED, MOST_INFERENCES, OCCLUSIONS
from chalicelib.inference.heat import SIDE, heat_map
from chalicelib.inference.occlusion import occlusion_maps
from chalicelib.openinference.inferring import infer, metadata
from chalicelib.parsing import predict_query
from chalicelib.predict import Predictor
from chalicelib.requests import BatchRequest, InferRequest, Instance, Output, PredictRequest, Tensor
from chalicelib.sources.read import Sources
from tests.batchcloud import Cloud
from tests.fakes import ColourClassifier, MemoryStore, OneClassifier, SeeingClassifier
from tests.sampleimages import file, picture
from tests.unit.test_predict import RED

CROP, LETTERBOX = Preprocessing("crop", 0.5), Preprocessing("letterbox")


def cells(heat: Any) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(heat.values), np.uint8)
    return values.reshape(heat.height, heat.width)


def spot(row: int, column: int, rows: int = 8, columns: int = 8) -> np.ndarray:
    grid = np.zeros((rows, columns), np.float32)
    grid[row, column] = 3
    return grid


def coloured(background: str, *parts: tuple[str, tuple[int, int, int, int]]) -> bytes:
    """A picture of 80 x 60 with boxes of other colours."""
    from PIL import Image

    image = Image.new("RGB", (80, 60), background)
    for colour, box in parts:
        image.paste(colour, box)
    return file(image, "PNG")


def predict(classifier: Any, *images: bytes, **options: Any) -> Any:
    sources = Sources(lambda url: b"", MemoryStore().read, frozenset())
    pool: Any = OneClassifier(classifier)
    service = Predictor(Classification(sources, pool))
    instances = [Instance(b64=base64.b64encode(image).decode()) for image in images]
    return service.predict(PredictRequest(instances=instances, **options)).predictions


def test_a_heat_map_lies_over_the_whole_picture() -> None:
    heat = heat_map(spot(1, 6), (640, 480), (0, 0, 640, 480), "activation")
    assert (heat.width, heat.height) == (SIDE, 24)
    values = cells(heat)
    assert values.max() == 255 and values[0, 0] == 0
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert (int(column) + 0.5) * 640 / SIDE == pytest.approx(6.5 * 80, abs=20)
    assert (int(row) + 0.5) * 480 / 24 == pytest.approx(1.5 * 60, abs=20)
    (region,) = heat.regions
    assert region.x < 6.5 * 80 < region.x + region.width
    assert region.y < 1.5 * 60 < region.y + region.height


def test_what_a_crop_leaves_out_stays_cold() -> None:
    view = CROP.view((400, 200), (10, 10))
    assert view == (150, 50, 250, 150)
    values = cells(heat_map(np.ones((4, 4), np.float32), (400, 200), view, "activation"))
    assert values.shape == (16, 32)
    hot = np.argwhere(values == 255)
    assert hot.min(axis=0).tolist() == [4, 12] and hot.max(axis=0).tolist() == [11, 19]
    assert (values == 255).sum() == (values > 0).sum()


def test_bars_are_no_part_of_the_picture() -> None:
    view = LETTERBOX.view((400, 200), (10, 10))
    assert view[0::2] == (0, 400) and view[1] < 0 and view[3] > 200
    above = cells(heat_map(spot(0, 4), (400, 200), view, "activation"))
    assert above.max() == 0  # only the upper bar is hot
    values = cells(heat_map(spot(4, 1), (400, 200), view, "activation"))
    assert 2 <= np.unravel_index(values.argmax(), values.shape)[1] <= 8


@pytest.mark.parametrize("picture", [(1, 1), (20_000, 1), (1, 20_000), (3, 2)])
@pytest.mark.parametrize("how", [WHOLE, CROP, LETTERBOX])
def test_pictures_of_any_shape_have_regions_within(
    picture: tuple[int, int], how: Preprocessing
) -> None:
    heat = heat_map(spot(4, 4), picture, how.view(picture, (64, 64)), "activation")
    assert len(base64.b64decode(heat.values)) == heat.width * heat.height <= SIDE**2
    for region in heat.regions:
        assert region.width >= 1 and region.x + region.width <= picture[0]
        assert region.height >= 1 and region.y + region.height <= picture[1]


def test_nothing_that_speaks_for_a_label_is_nowhere_hot() -> None:
    for grid in (np.zeros((7, 7)), -np.ones((7, 7)), np.full((7, 7), np.nan)):
        heat = heat_map(grid.astype(np.float32), (64, 64), (0, 0, 64, 64), "activation")
        assert not cells(heat).any() and heat.regions == []


def test_regions_that_touch_are_one_and_the_hottest_comes_first() -> None:
    grid = np.zeros((32, 32), np.float32)
    grid[2:4, 2:10], grid[4:8, 9], grid[7, 2:9] = 0.6, 0.7, 0.6  # a hook
    grid[20, 20], grid[30, 3], grid[28, 28], grid[12, 30] = 1, 0.9, 0.8, 0.75
    heat = heat_map(grid, (320, 320), (0, 0, 320, 320), "activation")
    assert heat.regions == [
        Region(200, 200, 10, 10), Region(30, 300, 10, 10), Region(280, 280, 10, 10)
    ]  # fmt: skip
    grid[20, 20] = grid[30, 3] = grid[28, 28] = grid[12, 30] = 0
    heat = heat_map(grid, (320, 320), (0, 0, 320, 320), "activation")
    assert heat.regions == [Region(20, 20, 80, 60)]


def test_cells_that_touch_by_a_corner_are_two_regions() -> None:
    grid = np.zeros((32, 32), np.float32)
    grid[4, 4], grid[5, 5] = 1, 0.9
    heat = heat_map(grid, (320, 320), (0, 0, 320, 320), "activation")
    assert heat.regions == [Region(40, 40, 10, 10), Region(50, 50, 10, 10)]


def test_occlusion_finds_what_a_score_needs() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[44:56, 4:16, 0] = 255  # red, and green elsewhere
    pixels[4:24, 30:60, 1] = 255
    asked = []

    def scores(picture: np.ndarray) -> np.ndarray:
        asked.append(picture)
        return (picture.astype(np.float32) == 255).sum(axis=(0, 1)) / 1000

    maps = occlusion_maps(scores, pixels, scores(pixels), [0, 1, 2])
    assert len(asked) == OCCLUSIONS
    assert maps.shape == (3, 10, 10) and maps.dtype == np.float32
    row, column = np.unravel_index(maps[0].argmax(), (10, 10))
    assert row in range(6, 9) and column in range(3)
    row, column = np.unravel_index(maps[1].argmax(), (10, 10))
    assert row in range(4) and column in range(4, 10)
    assert not maps[2].any()


def test_a_fall_within_rounding_means_nothing() -> None:
    rng = np.random.default_rng(0)

    def noisy(picture: np.ndarray) -> np.ndarray:
        return np.array([0.5 + rng.integers(-1, 1) / 256], np.float32)

    scores = np.array([0.5], np.float32)
    maps = occlusion_maps(noisy, np.zeros((8, 8, 3), np.uint8), scores, [0])
    assert not maps.any()


@pytest.mark.parametrize("kind", [SeeingClassifier, ColourClassifier])
def test_each_label_is_shown_where_it_is(kind: type[ColourClassifier]) -> None:
    data = coloured("black", ("red", (0, 0, 30, 40)), ("blue", (50, 30, 80, 60)))
    (prediction,) = predict(kind(), data, explain=True)
    heat = {label.name: label.heat_map for label in prediction.labels or []}
    assert heat.keys() == {"red", "blue"}
    method = "activation" if kind is SeeingClassifier else "occlusion"
    for name, (left, upper, right, lower) in {
        "red": (0, 0, 30, 40), "blue": (50, 30, 80, 60),
    }.items():  # fmt: skip
        values = cells(heat[name])
        row, column = np.unravel_index(values.argmax(), values.shape)
        x, y = (column + 0.5) * 80 / values.shape[1], (row + 0.5) * 60 / values.shape[0]
        assert left <= x <= right and upper <= y <= lower
        assert heat[name].method == method


def test_a_part_that_the_request_asked_for_is_where_its_heat_is() -> None:
    data = coloured("black", ("red", (30, 20, 40, 40)))
    for resize in ("crop", "squash", "letterbox"):
        (prediction,) = predict(SeeingClassifier(), data, explain=True, resize=resize)
        values = cells(prediction.labels[0].heat_map)
        row, column = np.unravel_index(values.argmax(), values.shape)
        x, y = (column + 0.5) * 80 / values.shape[1], (row + 0.5) * 60 / values.shape[0]
        assert 28 <= x <= 42 and 18 <= y <= 42, resize
        outside = values[:, : round(4 / 80 * values.shape[1])]
        assert resize != "crop" or not outside.any(), "the crop leaves out the left edge"


def test_a_picture_is_explained_as_its_owner_sees_it() -> None:
    from PIL import Image

    image = Image.new("RGB", (80, 60))
    image.paste("red", (0, 0, 20, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: red is at the top
    (prediction,) = predict(SeeingClassifier(), file(image, "JPEG", exif=exif), explain=True)
    heat = prediction.labels[0].heat_map
    assert (heat.width, heat.height) == (24, 32)
    assert cells(heat)[:4].mean() > 200 and cells(heat)[-4:].mean() < 10


def test_only_the_first_labels_are_explained() -> None:
    class Many(SeeingClassifier):
        labels = ("background", *(f"label {n}" for n in range(9)))

        def scores(self, *arguments: Any, **options: Any) -> np.ndarray:
            super().scores(*arguments, **options)
            return np.linspace(0.1, 0, 10).astype(np.float32)

        def evidence(self, features: Features) -> np.ndarray:
            return np.ones((3, 10), np.float32)

    (prediction,) = predict(Many(), RED, explain=True, max_labels=8)
    shown = [label.heat_map is not None for label in prediction.labels]
    assert shown == [True] * EXPLAINED + [False] * (8 - EXPLAINED)


def test_nothing_more_is_done_than_asked() -> None:
    class Bare(SeeingClassifier):
        def featured(self, *arguments: Any, **options: Any) -> Any:
            raise AssertionError("nobody asked for features")

    (prediction,) = predict(Bare(), RED)
    assert msgspec.to_builtins(prediction).keys() == {"id", "labels", "image"}
    assert msgspec.to_builtins(prediction.labels[0]).keys() == {"name", "score"}


def test_an_embedding_is_the_average_of_the_features() -> None:
    data = coloured("black", ("red", (0, 0, 40, 60)))
    for form in (True, "base64", "list"):
        (prediction,) = predict(SeeingClassifier(), data, embedding=form)
        values: Any = prediction.embedding
        if form != "list":
            values = np.frombuffer(base64.b64decode(values), "<f4")
        np.testing.assert_allclose(values, np.array([127.5, 0, 0]), atol=1)
        assert prediction.labels[0].heat_map is None


def test_occlusion_has_a_limit_that_says_what_to_do() -> None:
    most = MOST_INFERENCES // OCCLUSIONS
    assert len(predict(ColourClassifier(), *[RED] * most, explain=True)) == most
    with pytest.raises(BadRequest, match=f"{OCCLUSIONS} inferences an image. Send at most {most}"):
        predict(ColourClassifier(), *[RED] * (most + 1), explain=True)
    assert len(predict(SeeingClassifier(), *[RED] * 16, explain=True)) == 16


def test_a_model_without_features_has_no_embedding() -> None:
    with pytest.raises(FeaturesMissing, match="Model colour gives no features"):
        predict(ColourClassifier(), RED, embedding=True)


def test_a_batch_explains_and_embeds() -> None:
    cloud = Cloud(SeeingClassifier())
    batch = cloud.start([1, 2], explain=True, embedding=True)
    cloud.run()
    record: Any
    for record in cloud.results(batch):
        assert record.labels[0].heat_map.method == "activation"
        assert len(base64.b64decode(record.embedding)) == 12
    plain = cloud.start([1, 2])
    cloud.run()
    for record in cloud.results(plain):
        assert record.embedding is None and record.labels[0].heat_map is None


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"explain": True}, BadRequest, "leave explain out"),
        ({"embedding": True}, FeaturesMissing, "gives no features"),
        ({"explain": True, "model": "colour"}, BadRequest, "leave explain out"),
    ],
)
def test_a_batch_is_refused_what_its_model_cannot_tell_cheaply(
    options: dict[str, Any], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        Cloud().start([1], **options)


def test_the_protocol_has_an_output_for_embeddings() -> None:
    seeing = SeeingClassifier()
    described = {output.name: output.shape for output in metadata(seeing).outputs}  # type: ignore[arg-type]
    assert described["embedding"] == [-1, 3]
    plain = metadata(ColourClassifier()).outputs  # type: ignore[arg-type]
    assert "embedding" not in {output.name for output in plain}
    data = [base64.b64encode(picture(colour)).decode() for colour in ("red", "blue")]
    request = InferRequest(
        [Tensor("image", [2], "BYTES", data=data)], outputs=[Output("embedding"), Output("label")]
    )
    answer = infer(seeing, request, b"")  # type: ignore[arg-type]
    embedding, label = answer.outputs
    assert (embedding.datatype, embedding.shape) == ("FP32", [2, 3])
    assert embedding.data == [255, 0, 0, 0, 0, 255] and label.data == ["red", "blue"]


def test_a_batch_takes_embeddings_in_base64_alone() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"prefix": "s3://images/a/", "embedding": "list"}, BatchRequest)


@pytest.mark.parametrize("text", ["true", "base64", "list", "1"])
def test_a_query_asks_in_the_same_words(text: str) -> None:
    query = {"url": ["https://h/a.png"], "explain": ["true"], "embedding": [text]}
    request = predict_query(query)
    assert request.explain is True
    assert request.embedding == (text if text in ("base64", "list") else True)
    for wrong in ({"explain": ["perhaps"]}, {"embedding": ["hex"]}):
        with pytest.raises(BadRequest, match="The query string is not valid"):
            predict_query(query | wrong)
