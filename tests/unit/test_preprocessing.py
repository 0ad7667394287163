import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.images.preprocessing import IMAGENET, WHOLE, Preprocessing

SIDES = st.integers(1, 20_000)
INPUTS = st.integers(2, 600)


@pytest.mark.parametrize(
    ("picture", "size", "box"),
    [
        ((1280, 720), (224, 224), (325, 45, 955, 675)),
        ((720, 1280), (224, 224), (45, 325, 675, 955)),
        ((800, 800), (200, 100), (50, 225, 750, 575)),
        ((100, 800), (200, 100), (6.25, 378.125, 93.75, 421.875)),
    ],
)
def test_a_crop_is_the_middle_in_the_shape_of_the_input(
    picture: tuple[int, int], size: tuple[int, int], box: tuple[float, ...]
) -> None:
    assert IMAGENET.box(picture, size) == pytest.approx(box)
    assert IMAGENET.fitted(picture, size) == size


@given(width=SIDES, height=SIDES, size=st.tuples(INPUTS, INPUTS), part=st.floats(0.01, 1))
@example(width=45, height=300, size=(224, 224), part=1.0)
def test_a_crop_stays_inside_and_is_centred(
    width: int, height: int, size: tuple[int, int], part: float
) -> None:
    left, upper, right, lower = Preprocessing("crop", part).box((width, height), size)
    assert 0 <= left < right <= width and 0 <= upper < lower <= height
    assert left + right == pytest.approx(width) and upper + lower == pytest.approx(height)
    assert (right - left) * size[1] == pytest.approx((lower - upper) * size[0])


@given(width=SIDES, height=SIDES, size=st.tuples(INPUTS, INPUTS))
def test_a_letterbox_shows_the_whole_and_touches_two_sides(
    width: int, height: int, size: tuple[int, int]
) -> None:
    how = Preprocessing("letterbox")
    assert how.box((width, height), size) == (0, 0, width, height)
    fitted = how.fitted((width, height), size)
    assert 1 <= fitted[0] <= size[0] and 1 <= fitted[1] <= size[1]
    assert fitted[0] == size[0] or fitted[1] == size[1]


@pytest.mark.parametrize(
    "text",
    [
        '{"resize": "stretch"}', '{"crop": 0}', '{"crop": 1.01}', '{"filter": "sinc"}',
        '{"channels": "cmyk"}', '{"mean": [0]}', '{"std": [1]}', '{"mean": [0], "std": [0]}',
        '{"mean": [0], "std": [-1]}', '{"mean": [0, 0], "std": [1]}', '{"mean": [], "std": []}',
        '{"channels": "grey", "mean": [1, 2, 3], "std": [1]}', '{"colour": [0, 0, 256]}',
        '{"mean": 127.5, "std": 127.5}',
    ],
)  # fmt: skip
def test_a_description_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Preprocessing)


def test_a_description_survives_its_json() -> None:
    how = Preprocessing("letterbox", colour=(1, 2, 3), channels="bgr", mean=(1.0, 2.0, 3.0),
                        std=(4.0,), filter="lanczos")  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(how), type=Preprocessing) == how
    assert msgspec.json.decode("{}", type=Preprocessing) == WHOLE
