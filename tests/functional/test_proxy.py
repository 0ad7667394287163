"""The tools' connections: how long they are tried, and through a proxy of our own."""

import base64
import select
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from tests.conftest import ROOT
from tests.loopback import answering
from tools.deploying.smoke import PATIENCE, health
from tools.deploying.step import DeployError

HOST = "abc.execute-api.eu-west-1.amazonaws.test"
TOOLS = {
    "the smoke check": "from tools.deploying.smoke import health\nprint(health('{url}/dev/'))",
    "submit": (
        "from tools.submitting.retrying import Http\nfrom tools.submitting.pace import Pace\n"
        "http = Http(Pace())\n"
        "print(http.send('GET', '{url}/dev/health', http.at_once).data.decode())"
    ),
    "fetch": (
        "from tools.fetching.https import PATIENCE, Answer\n"
        "print(b''.join(Answer('{url}/dev/health', 0, PATIENCE).chunks()).decode())"
    ),
}


class Service(BaseHTTPRequestHandler):
    """Says that it is well."""

    def do_GET(self) -> None:
        body = f"well, {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Ailing(ThreadingHTTPServer):
    """Answers with these statuses in turn, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Patient)
        self.statuses = list(statuses)
        self.asked = 0


class Patient(BaseHTTPRequestHandler):
    server: Ailing

    def do_GET(self) -> None:
        self.server.asked += 1
        statuses = self.server.statuses
        body = b'{"Code": "ModelInvalid"}'
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    """Tunnels every name to one port of this machine, for who has the password."""

    def __init__(self, leads_to: int) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.leads_to = leads_to
        self.asked: list[str] = []


class Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        password = "Basic " + base64.b64encode(b"me:pass word").decode()
        if self.headers["Proxy-Authorization"] != password:
            self.send_error(407)
            return
        with socket.create_connection(("127.0.0.1", self.server.leads_to)) as other:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, other]
            while ready := select.select(ends, [], [], 10)[0]:
                for end in ready:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    ends[1 - ends.index(end)].sendall(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    server.daemon_threads = True
    with answering(server):
        yield int(server.server_address[1])


@pytest.fixture(scope="module")
def proxy(authority: trustme.CA) -> Iterator[Proxy]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    with serving(service) as port:
        tunnels = Proxy(port)
        with serving(tunnels):
            yield tunnels


def run(tool: str, env: dict[str, str], url: str = f"https://{HOST}") -> tuple[int, str]:
    """Status and output of a tool's connection in an environment of its own."""
    done = subprocess.run(
        [sys.executable, "-c", TOOLS[tool].format(url=url)], cwd=ROOT, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_goes_by_the_proxy_and_trusts_whom_the_environment_names(
    proxy: Proxy, roots: str, tool: str
) -> None:
    port = proxy.server_address[1]
    asked = len(proxy.asked)
    env = {"HTTPS_PROXY": f"http://me:pass%20word@127.0.0.1:{port}", "AWS_CA_BUNDLE": roots}
    assert run(tool, env) == (0, "well, /dev/health")
    assert proxy.asked[asked:] == [f"{HOST}:443"]


def test_hosts_of_no_proxy_and_this_machine_are_reached_without_it(proxy: Proxy) -> None:
    asked = len(proxy.asked)
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}", "NO_PROXY": "example.test"}
    for host in ("api.example.test", "localhost:1", "127.0.0.1:1", "[::1]:1"):
        status, said = run("submit", env, f"https://{host}")
        assert status == 1
        assert "cannot be reached" in said
    assert proxy.asked[asked:] == []


def test_a_proxy_that_refuses_is_said_to(proxy: Proxy, roots: str) -> None:
    env = {"HTTPS_PROXY": f"127.0.0.1:{proxy.server_address[1]}", "AWS_CA_BUNDLE": roots}
    status, said = run("submit", env)
    assert status == 1
    assert "cannot be reached: check the network" in said


AT_ONCE = PATIENCE.new(backoff_factor=0)


def test_a_new_api_is_given_time_to_be_known_and_to_start() -> None:
    host = Ailing(403, 502, 503, 200)
    with serving(host) as port:
        assert health(f"http://127.0.0.1:{port}/dev/", AT_ONCE) == '{"Code": "ModelInvalid"}'
    assert host.asked == 4


def test_an_api_that_stays_ill_is_an_error_with_what_it_said_last() -> None:
    host = Ailing(502, 503)
    with (
        serving(host) as port,
        pytest.raises(DeployError, match=r"/dev/health gives .* 503 .*ModelInvalid.* log says"),
    ):
        health(f"http://127.0.0.1:{port}/dev/", AT_ONCE)
    assert host.asked == 1 + int(PATIENCE.total or 0)
    assert 60 < sum(min(PATIENCE.backoff_max, 0.5 * 2**n) for n in range(1, 20)) < 120


def test_an_api_that_cannot_be_found_is_an_error_too(free_port: int) -> None:
    with pytest.raises(DeployError, match=r"no answer \(.*refused"):
        health(f"http://127.0.0.1:{free_port}/dev/", AT_ONCE)
