import base64
import io
import threading

import msgspec
import pytest
from PIL import Image

from chalicelib.classification import Classification
from chalicelib.errors import BadRequest, ImageUnreadable, ModelNotFound, SourceRefused
from chalicelib.images.preprocessing import WHOLE, Preprocessing
from chalicelib.predict import Predictor
from chalicelib.requests import MAX_INSTANCES, Instance, PredictRequest
from chalicelib.sources.read import Sources
from chalicelib.trial import LOST_SECONDS, LostArms
from tests.fakes import ColourClassifier, MemoryStore, OneClassifier
from tests.sampleimages import file, photo_like, picture


def framed(middle: str, frame: str) -> bytes:
    """A picture whose middle is of one colour; there is more of the other."""
    image, file = Image.new("RGB", (80, 60), frame), io.BytesIO()
    image.paste(middle, (20, 15, 60, 45))
    image.save(file, "PNG")
    return file.getvalue()


RED, BLUE = picture("red"), picture("blue")
RED_IN_BLUE, MIDDLE = framed("red", "blue"), Preprocessing("crop", 0.5)


class Web:
    """What is at which address; everyone who fetches waits until `visitors` are there at once."""

    def __init__(self, pages: dict[str, bytes], visitors: int = 1) -> None:
        self.pages = pages
        self.barrier = threading.Barrier(visitors, timeout=10)

    def fetch(self, url: str) -> bytes:
        self.barrier.wait()
        if url not in self.pages:
            raise SourceRefused("The host says 404; check the address.")
        return self.pages[url]


CUT = file(photo_like(64, 48), "JPEG")[:-2]
"""Without its end marker, and nothing else missing."""


def predictor(web: Web, how: Preprocessing = WHOLE) -> Predictor:
    sources = Sources(web.fetch, MemoryStore().read, frozenset())
    return Predictor(Classification(sources, OneClassifier(ColourClassifier(how=how))))  # type: ignore[arg-type]


def test_an_image_that_lacks_its_last_bytes_says_so() -> None:
    first = predictor(Web({}))
    for data, told in ((CUT, {"truncated": True}), (CUT + b"\xff\xd9", {})):
        (prediction,) = first.predict(PredictRequest(), data).predictions
        image = msgspec.to_builtins(prediction)["image"]
        assert image == {"width": 64, "height": 48, "format": "JPEG"} | told


def test_an_image_by_its_address() -> None:
    answer = predictor(Web({"http://h/r": RED})).predict(PredictRequest(url="http://h/r"))
    (prediction,) = answer.predictions
    assert answer.model.name == "colour" and answer.model.version == "7"
    assert prediction.id == "0"
    assert prediction.labels and prediction.labels[0].name == "red"
    assert prediction.image and (prediction.image.width, prediction.image.height) == (40, 30)
    assert prediction.image.format == "PNG"
    timing = msgspec.to_builtins(answer.timing_ms)
    assert timing.keys() == {"fetch", "decode", "infer"}
    assert all(ms >= 0 for ms in timing.values())


def test_the_part_of_a_picture_that_the_model_wants_is_classified() -> None:
    for how, label in ((WHOLE, "blue"), (MIDDLE, "red")):
        (prediction,) = predictor(Web({}), how).predict(PredictRequest(), RED_IN_BLUE).predictions
        assert prediction.labels and prediction.labels[0].name == label
        assert prediction.image and (prediction.image.width, prediction.image.height) == (80, 60)


@pytest.mark.parametrize("how", [Preprocessing("squash", 0.5), MIDDLE])
def test_a_request_may_ask_for_another_part_of_the_picture_and_is_told_so(
    how: Preprocessing,
) -> None:
    service = predictor(Web({"http://h/r": RED_IN_BLUE}), how)
    for resize, label in (("squash", "blue"), ("letterbox", "blue"), ("crop", "red")):
        request = msgspec.convert({"resize": resize}, PredictRequest)
        alone = service.predict(request, RED_IN_BLUE).predictions[0]
        several = msgspec.convert(
            {"instances": [{"url": "http://h/r"}], "resize": resize}, PredictRequest
        )
        for prediction in (alone, service.predict(several).predictions[0]):
            assert prediction.labels and prediction.labels[0].name == label
            assert prediction.image and prediction.image.resize == resize


def test_every_answer_has_an_id_of_its_own() -> None:
    service = predictor(Web({}))
    ids = {service.predict(PredictRequest(), RED).inference_id for _ in range(3)}
    assert len(ids) == 3


def test_the_image_itself() -> None:
    answer = predictor(Web({})).predict(PredictRequest(id="mine", max_labels=1), RED)
    (prediction,) = answer.predictions
    assert prediction.id == "mine"
    assert [label.name for label in prediction.labels or []] == ["red"]


def test_labels_below_the_least_confidence_are_left_out() -> None:
    request = PredictRequest(b64=base64.b64encode(BLUE).decode(), min_confidence=0.5)
    (prediction,) = predictor(Web({})).predict(request).predictions
    assert [label.name for label in prediction.labels or []] == ["blue"]


def test_labels_without_a_score_are_left_out_unless_asked_for() -> None:
    for asked, labels in ((None, ["blue"]), (0.0, ["blue", "red", "green"]), (0.1, ["blue"])):
        request = PredictRequest(min_confidence=asked)
        (prediction,) = predictor(Web({})).predict(request, BLUE).predictions
        assert [label.name for label in prediction.labels or []] == labels


def test_one_error_never_spoils_its_neighbours() -> None:
    instances = [
        Instance(id="a", url="http://h/r"),
        Instance(url="http://h/none"),
        Instance(id="c", b64=base64.b64encode(b"text").decode()),
        Instance(url="http://h/b"),
    ]
    pages = {"http://h/r": RED, "http://h/b": BLUE}
    answer = predictor(Web(pages)).predict(PredictRequest(instances=instances))
    first, second, third, fourth = answer.predictions
    assert [prediction.id for prediction in answer.predictions] == ["a", "1", "c", "3"]
    assert first.labels and first.labels[0].name == "red" and first.error is None
    assert second.error and second.error.code == "SourceRefused" and second.labels is None
    assert third.error and third.error.code == "ImageUnreadable" and not third.error.retryable
    assert fourth.labels and fourth.labels[0].name == "blue"


def test_several_images_are_fetched_at_the_same_time() -> None:
    urls = [f"http://h/{n}" for n in range(MAX_INSTANCES)]
    web = Web(dict.fromkeys(urls, RED), visitors=MAX_INSTANCES)
    answer = predictor(web).predict(PredictRequest(instances=[Instance(url=url) for url in urls]))
    assert all(prediction.error is None for prediction in answer.predictions)


def test_a_single_image_that_fails_is_raised() -> None:
    service = predictor(Web({}))
    with pytest.raises(SourceRefused):
        service.predict(PredictRequest(url="http://h/none"))
    with pytest.raises(ImageUnreadable):
        service.predict(PredictRequest(), b"text")


def test_a_fault_that_is_not_the_images_is_not_made_data() -> None:
    def broken(_: str) -> bytes:
        raise ZeroDivisionError

    sources = Sources(broken, MemoryStore().read, frozenset())
    service = Predictor(Classification(sources, OneClassifier(ColourClassifier())))  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        service.predict(PredictRequest(instances=[Instance(url="http://h/")]))


def test_a_model_of_which_several_labels_are_right_says_so() -> None:
    sources = Sources(Web({}).fetch, MemoryStore().read, frozenset())
    several = OneClassifier(ColourClassifier(multi_label=True))
    answer = Predictor(Classification(sources, several)).predict(  # type: ignore[arg-type]
        PredictRequest(min_confidence=0.5), picture("yellow")
    )
    assert msgspec.to_builtins(answer.model) == {
        "name": "colour", "version": "7", "multi_label": True
    }  # fmt: skip
    labels = [(label.name, label.score) for label in answer.predictions[0].labels or []]
    assert labels == [("red", 1.0), ("green", 1.0)]
    assert "multi_label" not in msgspec.to_builtins(predictor(Web({})).predict(
        PredictRequest(), RED).model)  # fmt: skip


class Trial:
    """An experiment with one arm, which remembers who was assigned to it."""

    def __init__(self, arm: str = "colour") -> None:
        self.arm, self.subjects = arm, list[str | bytes]()

    def assign(self, subject: str | bytes) -> str:
        self.subjects.append(subject)
        return self.arm

    def issue(self, model: str, label: str | None, assigned: bool, multi_label: bool) -> str:
        return f"{model}/{label}/{assigned}"


def tried(web: Web) -> tuple[Predictor, Trial]:
    trial = Trial()
    sources = Sources(web.fetch, MemoryStore().read, frozenset())
    return Predictor(Classification(sources, OneClassifier(ColourClassifier())), trial), trial  # type: ignore[arg-type]


def test_an_experiment_chooses_by_client_else_by_image() -> None:
    service, trial = tried(Web({"http://h/r": RED}))
    requests: list[tuple[PredictRequest, bytes | None]] = [
        (PredictRequest(url="http://h/r"), None),
        (PredictRequest(), BLUE),
        (PredictRequest(instances=[Instance(url="http://h/r"), Instance(url="http://h/x")]), None),
    ]
    answers = [service.predict(request, body) for request, body in requests]
    service.predict(requests[0][0], None, "someone")
    assert trial.subjects == ["http://h/r", BLUE, "http://h/r", "someone"]
    assert [answer.arm for answer in answers] == ["colour"] * 3
    assert answers[0].inference_id == "colour/red/True"
    assert answers[0].predictions[0].inference_id is None


def test_each_of_several_images_has_an_id_to_vote_with() -> None:
    service, _ = tried(Web({"http://h/r": RED, "http://h/b": BLUE}))
    urls = ("http://h/r", "http://h/none", "http://h/b")
    answer = service.predict(PredictRequest(instances=[Instance(url=url) for url in urls]))
    ids = [prediction.inference_id for prediction in answer.predictions]
    assert ids == ["colour/red/True", None, "colour/blue/True"]
    assert answer.inference_id == "colour/None/True"


def test_an_answer_to_another_part_of_the_picture_is_no_arms() -> None:
    service, _ = tried(Web({}))
    assert service.predict(PredictRequest(), RED).arm == "colour"
    other = service.predict(PredictRequest(resize="crop"), RED)
    assert other.arm is None and other.inference_id.endswith("/False")


def test_a_model_that_is_named_is_no_arms_doing() -> None:
    service, trial = tried(Web({}))
    answer = service.predict(PredictRequest(model="colour"), RED)
    assert trial.subjects == [] and answer.arm is None
    assert answer.inference_id == "colour/red/False"


@pytest.mark.parametrize("several", [False, True])
def test_the_services_own_model_answers_for_an_arm_that_is_gone(
    several: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sources = Sources(Web({"http://h/r": RED}).fetch, MemoryStore().read, frozenset())
    models = OneClassifier(ColourClassifier())
    service = Predictor(Classification(sources, models), Trial("gone"))  # type: ignore[arg-type]
    request = {"instances": [Instance(url="http://h/r")]} if several else {"url": "http://h/r"}
    answer = service.predict(PredictRequest(**request))
    assert (answer.model.name, answer.arm, answer.lost_arm) == ("colour", None, "gone")
    assert answer.predictions[0].labels and "colour/" in answer.inference_id
    assert answer.inference_id.endswith("/False")  # a vote on it is none for the arm
    assert "The arm gone cannot answer" in caplog.text
    with pytest.raises(ModelNotFound):
        service.predict(PredictRequest(model="gone"), RED)


def test_an_arm_that_is_gone_is_asked_for_again_after_a_while() -> None:
    asked = list[str]()

    def find(name: str) -> None:
        asked.append(name)
        if len(asked) < 3:
            raise ModelNotFound(f"There is no model {name!r}.")

    moments = iter([0, 0, 1, LOST_SECONDS - 1, LOST_SECONDS, LOST_SECONDS, 2 * LOST_SECONDS])
    lost = LostArms(find, clock=lambda: next(moments))
    assert ["a" in lost for _ in range(5)] == [True, True, True, True, False]
    assert len(asked) == 3


def test_an_answer_without_labels_has_nothing_to_vote_on() -> None:
    service, _ = tried(Web({}))
    answer = service.predict(PredictRequest(min_confidence=1.0), picture("grey"))
    assert answer.predictions[0].labels == [] and answer.inference_id == "colour/None/True"


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (PredictRequest(), None),
        (PredictRequest(url="http://h/r"), RED),
        (PredictRequest(url="http://h/r", instances=[Instance(url="http://h/r")]), None),
        (PredictRequest(instances=[Instance(url="http://h/r")]), RED),
    ],
)
def test_an_image_is_named_in_exactly_one_way(request_: PredictRequest, body: bytes | None) -> None:
    with pytest.raises(BadRequest, match="exactly one of"):
        predictor(Web({"http://h/r": RED})).predict(request_, body)


@pytest.mark.parametrize("name", ["other", ""])
def test_another_model_than_there_is(name: str) -> None:
    with pytest.raises(ModelNotFound):
        predictor(Web({})).predict(PredictRequest(model=name), RED)
