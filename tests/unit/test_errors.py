import json
import re
from collections.abc import Iterator

import pytest

from chalicelib import errors
from chalicelib.errors import InceptionError, ModelInvalid, ServiceUnavailable
from chalicelib.page import WEB

DOCUMENT = json.loads((WEB / "openapi.json").read_text())


def every_error(base: type[InceptionError] = InceptionError) -> Iterator[type[InceptionError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from every_error(kind)


def named(error: type[InceptionError]) -> str:
    return error.__name__


@pytest.mark.parametrize("error", list(every_error()), ids=named)
def test_every_error_is_in_the_hierarchy_that_the_module_draws(error: type[InceptionError]) -> None:
    assert re.search(rf"── {error.__name__} +{error.status}\b", errors.__doc__ or "")


@pytest.mark.parametrize("error", list(every_error()), ids=named)
def test_every_error_is_an_answer_that_the_interface_documents(error: type[InceptionError]) -> None:
    documented = {status for path in DOCUMENT["paths"].values() for view in path.values()
                  for status in view["responses"]}  # fmt: skip
    assert str(error.status) in documented
    assert error("why").code == error.__name__


def test_only_a_fault_of_the_service_is_a_5xx() -> None:
    faults = {error.__name__ for error in every_error() if error.status >= 500}
    ours = {"ServiceUnavailable"} | {error.__name__ for error in every_error(ServiceUnavailable)}
    assert faults == ours | {"ModelInvalid", "NotConfigured", "SlowKernels"}


@pytest.mark.parametrize("error", [ServiceUnavailable, *every_error(ServiceUnavailable)])
def test_a_part_of_ours_is_named_to_the_log_and_to_nobody_else(
    error: type[ServiceUnavailable],
) -> None:
    fault = error(detail="s3://secret/key: Access Denied")
    assert fault.detail == "s3://secret/key: Access Denied"
    assert "secret" not in str(fault) and str(fault).endswith(".")


def test_the_log_tells_the_cause_of_what_has_one() -> None:
    try:
        raise ModelInvalid("The model is damaged.") from ValueError("byte 7")
    except ModelInvalid as error:
        assert error.detail == "The model is damaged. Cause: byte 7"
    assert ServiceUnavailable("Later.").detail == "Later."
