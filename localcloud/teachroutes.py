"""The routes that teach, which this machine alone has: a deployed stage serves what was taught."""

import functools
import re
from collections.abc import Callable, Mapping

import msgspec
from chalice.app import Chalice, Request, Response

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo
from chalicelib.errors import Forbidden, InceptionError, UnsupportedMediaType
from chalicelib.parsing import json_request
from localcloud.schoolroom import Schoolroom
from stage.teachjobs import Wanted

View = Callable[..., msgspec.Struct | None]
PORT = re.compile(":[0-9]+$")
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def add(app: Chalice, room: Schoolroom) -> None:
    """Adds the routes to the app."""
    views = _Views(app, room)
    for path, method, view in (
        ("/teachings", "GET", views.teachings),
        ("/teachings", "POST", views.open),
        ("/teachings/{id}", "GET", views.teaching),
        ("/teachings/{id}", "DELETE", views.cancel),
        ("/teachings/{id}/pictures", "POST", views.add_picture),
        ("/teachings/{id}/start", "POST", views.start),
    ):
        # the app grants every site's page its own routes, by CORS
        app.route(path, methods=[method], content_types=["*/*"], cors=False)(views.shaped(view))


class _Views:
    """A view for each route. app: tells the request that is being answered."""

    def __init__(self, app: Chalice, room: Schoolroom) -> None:
        self._app, self._room = app, room

    def shaped(self, view: View) -> Callable[..., Response]:
        """Returns a view that refuses other sites, and whose answers and refusals are JSON."""

        @functools.wraps(view)
        def shaped(**parameters: str) -> Response:
            try:
                _check(self._request().headers)
                return _sent(view(**parameters), 200)
            except InceptionError as error:
                return _sent(ErrorAnswer.of(ErrorInfo.of(error)), error.status)

        return shaped

    def teachings(self) -> msgspec.Struct:
        return self._room.all()

    def open(self) -> msgspec.Struct:
        self._check_type("application/json")
        return self._room.open()

    def teaching(self, id: str) -> msgspec.Struct:
        return self._room.job(id)

    def cancel(self, id: str) -> msgspec.Struct:
        return self._room.cancel(id)

    def add_picture(self, id: str) -> None:
        self._check_type("image/", "application/octet-stream")
        query: Mapping[str, str] = self._request().query_params or {}
        self._room.add(id, query.get("name", ""), query.get("label", ""), self._body())

    def start(self, id: str) -> msgspec.Struct:
        self._check_type("application/json")
        return self._room.start(id, json_request(self._body(), Wanted))

    def _body(self) -> bytes:
        body = self._request().raw_body
        return body if isinstance(body, bytes) else body.encode()

    def _request(self) -> Request:
        if self._app.current_request is None:
            raise LookupError("no request is being answered")
        return self._app.current_request

    def _check_type(self, *accepted: str) -> None:
        """Other pages of the browser may not send these without being asked, which nobody grants.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        sent = self._request().headers.get("content-type", "")
        if not sent.startswith(accepted):
            raise UnsupportedMediaType(f"Send the Content-Type {' or '.join(accepted)}.")


def _check(headers: Mapping[str, str]) -> None:
    """Raises Forbidden for a page of another site, also one whose name leads to this machine."""
    place = headers.get("host", "")
    if PORT.sub("", place).lower() not in LOCAL_NAMES:
        raise Forbidden("Teaching is for this machine alone: open the page by its loopback name.")
    # not every browser sends Sec-Fetch-Site, and only some requests have an Origin
    origin = headers.get("origin", f"//{place}").rpartition("//")[2]
    is_own = origin == place and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    if not is_own:
        raise Forbidden("Another site may not teach here.")


def _sent(answer: msgspec.Struct | None, status: int) -> Response:
    body = msgspec.json.encode(answer or {}).decode()
    return Response(body, {"Content-Type": "application/json"}, status)
