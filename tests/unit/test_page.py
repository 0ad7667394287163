"""What the page is made of, and how its files are sent."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import page
from chalicelib.errors import NotFound
from chalicelib.page import BUILT, PAGES, WEB, Sent
from chalicelib.settings import MEMORY_PER_CPU_MB
from localcloud.sampleevents import rest
from stage.prices import load
from tests.conftest import ROOT

ZIPPED = {"accept-encoding": "gzip, deflate, br, zstd"}
BUILT_NAMES = sorted(path.name.removesuffix(".gz") for path in BUILT.glob("*.gz"))
INVOKE = """
import json, sys, app
answers = [app.app(event, None) for event in json.load(sys.stdin)]
print(json.dumps([[answer["statusCode"] for answer in answers], list(sys.modules)]))
"""


def ask(name: str, **headers: str) -> Sent:
    return page.file(name, {key.replace("_", "-"): value for key, value in headers.items()})


def test_what_is_built_is_of_the_sources_that_are_here() -> None:
    sources = [
        path.relative_to(WEB).as_posix()
        for path in WEB.rglob("*")
        if path.suffix in (".css", ".html", ".js", ".svg") and BUILT not in path.parents
    ]
    total = hashlib.sha256()
    for name in sorted(sources):
        total.update(f"{name}\n".encode() + (WEB / name).read_bytes())
    built_of = (BUILT / "sources.sha256").read_text().strip()
    assert built_of == total.hexdigest(), "the page has changed since it was built: make page"


def test_all_that_a_file_of_the_page_names_is_there() -> None:
    named = {
        name
        for path in BUILT.glob("*.gz")
        for name in re.findall(
            rb'"\./(?:static/)?([\w-]+\.\w+)"', gzip.decompress(path.read_bytes())
        )
    }
    assert len(named) > 3
    assert {name.decode() for name in named} <= set(BUILT_NAMES)


def test_a_name_that_changes_with_the_content_is_kept_for_good() -> None:
    hashed = [name for name in BUILT_NAMES if name not in PAGES]
    assert len(hashed) > 3
    for name in hashed:
        assert "immutable" in str(ask(name).headers["Cache-Control"]), name
    for name in (*PAGES, "favicon.svg"):
        assert "immutable" not in str(ask(name).headers["Cache-Control"]), name
    for name in PAGES:
        assert ask(name).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", [*BUILT_NAMES, "favicon.svg"])
def test_what_a_browser_has_is_not_sent_again(name: str) -> None:
    first = page.file(name, ZIPPED)
    tag = str(first.headers["ETag"])
    for tags in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = page.file(name, {**ZIPPED, "if-none-match": tags})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    changed = page.file(name, {**ZIPPED, "if-none-match": '"0000000000000000"'})
    assert changed == first and first.status == 200


@pytest.mark.parametrize("name", BUILT_NAMES)
def test_only_who_takes_gzip_gets_it(name: str) -> None:
    packed = page.file(name, ZIPPED)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    for header in ("", "br", "gzip;q=0", "gzip; q=0.0, br", "identity"):
        plain = ask(name, accept_encoding=header)
        assert "Content-Encoding" not in plain.headers
        assert plain.body == gzip.decompress(packed.body)
    assert ask(name, accept_encoding="br, GZIP;q=0.5").body == packed.body


def test_only_the_pages_themselves_may_run_scripts() -> None:
    for name in BUILT_NAMES:
        assert ("Content-Security-Policy" in ask(name).headers) == (name in PAGES)


def test_what_others_made_goes_with_its_notices() -> None:
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["swagger-ui-dist"]
    assert f"Swagger UI {version}" in (ROOT / "docs" / "licences.md").read_text()
    script = next(name for name in BUILT_NAMES if re.fullmatch(r"docs-.*\.js", name))
    text = ask(script).body.decode()
    for notice in ("SmartBear Software", "Apache License", "@license React", "DOMPurify"):
        assert notice in text[:40_000], notice


def test_the_page_reckons_with_the_prices_of_the_documentation() -> None:
    script = (WEB / "shared" / "prices.js").read_text()
    baked = dict(re.findall(r'^export const (\w+) = "?([\w.-]+?)"?;', script, re.MULTILINE))
    prices = load()
    figures = json.loads((ROOT / "docs" / "figures" / "avx2" / "cost.json").read_text())["figures"]
    assert baked == {
        "REGION": prices.region,
        "GB_SECOND": f"{prices.aws_lambda['gb_second_x86_64']:.10f}",
        "MILLION_INVOCATIONS": f"{prices.aws_lambda['million_requests']:.1f}",
        "MILLION_API_REQUESTS": f"{prices.api_gateway['million_requests']:.1f}",
        "MEMORY_MB": str(MEMORY_PER_CPU_MB),
        "MILLION_IN_BATCHES": figures["batch-deployed"]["text"].removeprefix("$"),
    }


@pytest.mark.parametrize("name", ["app.js", "sources.sha256", "page.css", "../page.py", "", "dist"])
def test_no_other_file_is_sent(name: str) -> None:
    with pytest.raises(NotFound):
        ask(name)


def test_static_files_wake_nothing_that_classifies() -> None:
    paths = ("/", "/docs", "/static/{name}", "/favicon.ico", "/robots.txt", "/openapi.json")
    script = next(name for name in BUILT_NAMES if name.endswith(".js"))
    events = [rest("GET", path, parameters={"name": script}) for path in paths]
    samples = {"name": "doodle", "file": "umbrella.jpg"}
    paths = (*paths, "/models/{name}/samples", "/models/{name}/samples/{file}")
    events += [rest("GET", path, parameters=samples) for path in paths[-2:]]
    done = subprocess.run(
        [sys.executable, "-c", INVOKE], cwd=ROOT, input=json.dumps(events), text=True,
        env={"_HANDLER": "app.app", "PATH": "", "PUBLIC": "true"},
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    statuses, modules = json.loads(done.stdout.splitlines()[-1])
    assert statuses == [200] * len(paths)
    assert not {"numpy", "PIL", "ai_edge_litert", "boto3"} & set(modules)


def test_a_deployment_carries_what_is_built_alone(tmp_path: Path) -> None:
    from tools.bundling.build import stage

    web = stage(tmp_path / "project") / "chalicelib" / "web"
    carried = {path.name for path in web.rglob("*") if path.is_file()}
    assert {f"{name}.gz" for name in BUILT_NAMES} <= carried
    assert not [name for name in carried if name.endswith((".js", ".css", ".html"))]


ANSWERS = """
import json, sys, app
print(json.dumps([app.app(event, None) for event in json.load(sys.stdin)]))
"""


def test_samples_are_pictures_and_nothing_else_to_a_browser() -> None:
    listed, single = "/models/{name}/samples", "/models/{name}/samples/{file}"
    names = {"name": "doodle", "file": "umbrella.jpg"}
    events = [
        rest("GET", listed, parameters=names, headers={"Accept-Encoding": "gzip"}),
        rest("GET", single, parameters=names),
        rest("HEAD", single, parameters=names),
        rest("GET", single, parameters=names | {"file": "../labels.txt"}),
        rest("GET", listed, parameters={"name": "none"}),
    ]
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS], cwd=ROOT, input=json.dumps(events), text=True,
        env={"_HANDLER": "app.app", "PATH": "", "PUBLIC": "true"},
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    answers = json.loads(done.stdout.splitlines()[-1])
    assert [answer["statusCode"] for answer in answers] == [200, 200, 200, 404, 404]
    assert [answer["headers"]["Content-Type"] for answer in answers[:2]] == [
        "application/json", "image/jpeg",
    ]  # fmt: skip
    for answer in answers[:3]:
        headers = answer["headers"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == page.SAMPLES_KEPT and headers["ETag"]
    assert answers[2]["body"] == ""
    assert all(answer["headers"]["Cache-Control"] == "no-store" for answer in answers[3:])
