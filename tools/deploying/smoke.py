"""Checks that the deployed API answers."""

import urllib3

from tools.deploying.step import DeployError
from tools.proxies import connections

PATIENCE = urllib3.Retry(
    total=20, status_forcelist=range(400, 600), backoff_factor=0.5, backoff_max=5,
    raise_on_status=False,
)  # fmt: skip
"""About 90 seconds: DNS must learn a new API's name, and the first answer is a cold start."""


def health(url: str, patience: urllib3.Retry = PATIENCE) -> str:
    """The answer of GET /health. Raises DeployError if it stays bad."""
    address = f"{url}health"
    try:
        answer = connections(url).request("GET", address, retries=patience, timeout=30)
    except urllib3.exceptions.HTTPError as error:
        reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        said = f"no answer ({reason})"
    else:
        text = answer.data.decode(errors="replace").strip()
        if answer.status == 200:
            return text
        said = f"{answer.status} {text}"
    raise DeployError(
        f"Everything is deployed, but {address} gives a wrong answer: {said[:300]}. The "
        "function's log says why, in CloudWatch or with `aws logs tail`."
    )
