from chalicelib.inference.labels import is_right, names

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
