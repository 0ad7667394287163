"""The routes that teach, which this machine alone has: a deployed stage serves what was taught."""

import functools
import re
from collections.abc import Callable, Mapping

import msgspec
from chalice.app import Chalice, Request, Response

from chalicelib.answers.predictions import ErrorAnswer, ErrorInfo
from chalicelib.errors import BadRequest, Forbidden, InceptionError, UnsupportedMediaType
from localcloud.schoolroom import Schoolroom
from stage.teachjobs import Wanted

View = Callable[..., msgspec.Struct | None]
PORT = re.compile(":[0-9]+$")
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def add(app: Chalice, room: Schoolroom) -> None:
    """Adds the routes to the app."""

    def asked() -> Request:
        if app.current_request is None:
            raise LookupError("no request is being answered")
        return app.current_request

    def route(path: str, method: str) -> Callable[[View], View]:
        def register(view: View) -> View:
            @functools.wraps(view)
            def shaped(**parameters: str) -> Response:
                try:
                    _check(asked().headers)
                    return _sent(view(**parameters), 200)
                except InceptionError as error:
                    return _sent(ErrorAnswer.of(ErrorInfo.of(error)), error.status)

            # the app grants every site's page its own routes, by CORS
            app.route(path, methods=[method], content_types=["*/*"], cors=False)(shaped)
            return view

        return register

    @route("/teachings", "GET")
    def teachings() -> msgspec.Struct:
        return room.all()

    @route("/teachings", "POST")
    def open_teaching() -> msgspec.Struct:
        _media_type("application/json")
        return room.open()

    @route("/teachings/{id}", "GET")
    def teaching(id: str) -> msgspec.Struct:
        return room.job(id)

    @route("/teachings/{id}/pictures", "POST")
    def add_picture(id: str) -> None:
        _media_type("image/", "application/octet-stream")
        query: Mapping[str, str] = asked().query_params or {}
        body = asked().raw_body
        data = body if isinstance(body, bytes) else body.encode()
        room.add(id, query.get("name", ""), query.get("label", ""), data)

    @route("/teachings/{id}/start", "POST")
    def start_teaching(id: str) -> msgspec.Struct:
        _media_type("application/json")
        try:
            wanted = msgspec.json.decode(asked().raw_body, type=Wanted)
        except msgspec.MsgspecError as error:
            raise BadRequest(f"The body must be JSON with name and base: {error}.") from error
        return room.start(id, wanted)

    @route("/teachings/{id}", "DELETE")
    def cancel_teaching(id: str) -> msgspec.Struct:
        return room.cancel(id)

    def _media_type(*accepted: str) -> None:
        """Other pages of the browser may not send these without being asked, which nobody grants.

        https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        sent = asked().headers.get("content-type", "")
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
