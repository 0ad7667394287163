from chalicelib.inference.labels import is_background, is_imagenet, is_right, is_same, names

HOT_DOG = "hotdog, hot dog, red hot"


def test_an_answer_is_right_if_it_is_a_name_of_the_label() -> None:
    right = [
        ("hot dog", HOT_DOG),
        ("HOTDOG", HOT_DOG),
        (" red  hot\t", HOT_DOG),
        (HOT_DOG, HOT_DOG),
        ("Hotdog,  hot dog, red hot", HOT_DOG),
        ("Washington, DC", "washington, dc"),
        ("STRASSE", "straße"),
        ("hot_dog", HOT_DOG),
        ("E\u0301clair", "\u00e9clair, choux"),
        ("hot dog", "Hot_Dog"),
        ("a\u00a0b", "a b"),
    ]
    wrong = [
        ("dog", HOT_DOG),
        ("hot", HOT_DOG),
        ("hot dog, red hot", HOT_DOG),
        (HOT_DOG, "hotdog"),
        ("hotdog, bun", "hotdog"),
        ("", "a,,b"),
        (" ", ""),
        (",", "a"),
    ]
    assert all(is_right(answer, label) for answer, label in right)
    assert not any(is_right(answer, label) for answer, label in wrong)


def test_the_names_of_a_label_are_the_whole_and_its_parts() -> None:
    assert names(HOT_DOG) == (HOT_DOG, "hotdog", "hot dog", "red hot")
    assert names("cat") == names("cat, Cat")[1:] == ("cat",)
    assert names(" , ") == (",",)


def imagenet(background: bool = False) -> list[str]:
    names = [f"class {index}" for index in range(1000)]
    names[0], names[1], names[207] = "tench, Tinca tinca", "goldfish", "golden retriever"
    names[281], names[999] = "tabby, tabby cat", "toilet tissue, toilet paper"
    return ["background", *names] if background else names


def test_imagenets_labels_are_known_however_they_are_written() -> None:
    assert is_imagenet(imagenet()) and is_imagenet(imagenet(background=True))
    slim = [name.upper().replace(" ", "_") for name in imagenet()]
    assert is_imagenet([f"n{index:08}_{name}" for index, name in enumerate(slim)])
    for other in ([], imagenet()[:-1], imagenet()[::-1], ["cat"] * 1000, ["x", "y", *imagenet()]):
        assert not is_imagenet(other)


def test_two_spellings_are_one_label() -> None:
    assert is_same("Hot_Dog", " hot  dog") and is_same("E\u0301clair", "\u00e9clair")
    assert not is_same("hot dog, sausage", "hot dog")


def test_a_class_that_stands_for_nothing_is_known_however_it_is_written() -> None:
    assert all(
        map(is_background, ("background", "Background", "__background__", "DUMMY", " dummy"))
    )
    assert not any(map(is_background, ("", "back ground", "background noise", "none")))
