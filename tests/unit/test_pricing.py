"""What predictions cost: the arithmetic, against sums worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import standing, triggers
from benchmarks.costing import bill, pricing
from benchmarks.costing.metering import Billed, charged_as
from benchmarks.costing.notes import notes, verdict
from benchmarks.costing.pricing import Duration, Way
from benchmarks.costing.study import Study
from benchmarks.costing.ways import TRANSITIONS
from stage.prices import PRICES as TABLE
from stage.prices import Instance, load
from tests.conftest import ROOT

PRICES = load()
TEMPLATE = ROOT / "monitoring.yaml"
NEVER = Duration({1: 0.0}, 0)
PART_COUNT = 7


def way(ms: float, **more: float) -> Way:
    return Way("API", 1, Duration({1: ms}, ms), NEVER, {1: 130.0}, **more)


def test_a_gigabyte_second() -> None:
    assert pricing.gb_seconds(1024, 1000) == 1
    assert pricing.gb_seconds(1769, 100) == pytest.approx(0.172753906)


def test_a_million_predictions_of_a_tenth_of_a_second_at_one_gigabyte() -> None:
    whole = Way("API", 1, Duration.known(100, 1024), NEVER, {1: 130.0}, api_requests=1)
    parts = pricing.dollars(PRICES, whole, 1024, "x86_64", 0)
    in_millions = {name: round(cost * 1e6, 4) for name, cost in parts.items()}
    assert in_millions == {
        "Lambda, time": 1.6667,  # 100,000 GB-seconds
        "Lambda, requests": 0.2,
        "API Gateway": 3.5,
        "S3": 0,
        "SQS": 0,
        "Step Functions": 0,
        "Logs": 0.2,  # 0.4 GB
    }


def test_arm64_is_a_fifth_cheaper_by_the_second() -> None:
    times = [
        pricing.dollars(PRICES, way(100), 1769, architecture, 0)["Lambda, time"]
        for architecture in ("x86_64", "arm64")
    ]
    assert times[1] / times[0] == pytest.approx(0.8, abs=0.001)


def test_a_chunk_shares_its_invocation_and_its_requests_are_each_images() -> None:
    chunk = Way(
        "batch", 25, Duration({1: 2500.0}, 2500), NEVER, {1: 200.0},
        reads=1.2, writes=0.2, queue_requests=0.1, transitions=0.06,
    )  # fmt: skip
    parts = pricing.dollars(PRICES, chunk, 1769, "x86_64", 0)
    assert parts["Lambda, time"] * 1e6 == pytest.approx(2.8792, abs=1e-4)  # 172,754 GB-seconds
    assert parts["Lambda, requests"] * 1e6 == pytest.approx(0.008)  # 40,000
    assert parts["S3"] * 1e6 == pytest.approx(0.48 + 1.0)
    assert parts["SQS"] * 1e6 == pytest.approx(0.04)
    assert parts["Step Functions"] * 1e6 == pytest.approx(1.5)  # 60,000


def test_a_millisecond_begun_is_billed() -> None:
    first, two = (
        pricing.dollars(PRICES, way(ms), 1769, "x86_64", 0)["Lambda, time"] for ms in (99.1, 100)
    )
    assert first == two


def test_a_share_of_cold_starts_is_billed_with_their_init() -> None:
    cold = Way("API", 1, Duration({1: 100.0}, 100), Duration({1: 400.0}, 400), {1: 130.0})
    parts = pricing.dollars(PRICES, cold, 1769, "x86_64", 0.25)
    warm = pricing.dollars(PRICES, cold, 1769, "x86_64", 0)
    assert parts["Lambda, time"] == pytest.approx(2 * warm["Lambda, time"])


def test_below_one_vcpu_time_is_stretched_by_the_share() -> None:
    duration = Duration({1: 120.0}, 100)
    assert duration.at(1769) == 120
    assert duration.at(1024) == pytest.approx(207.305, abs=0.001)


@pytest.mark.parametrize("memory", [256, 1769, 2048, 10240])
def test_a_known_duration_is_that(memory: int) -> None:
    assert Duration.known(140, memory).at(memory) == pytest.approx(140)


def test_of_sizes_that_cost_the_same_the_fastest_is_best() -> None:
    assert study(100).best("API", "x86_64") == 1769


def test_below_one_vcpu_a_prediction_costs_the_same_at_every_memory_size() -> None:
    duration = Duration({1: 100.0}, 100)
    assert pricing.gb_seconds(256, duration.at(256)) == pytest.approx(
        pricing.gb_seconds(1769, duration.at(1769))
    )


def test_between_whole_vcpus_the_speed_is_interpolated() -> None:
    duration = Duration({1: 100.0, 2: 50.0}, 100)
    assert duration.at(1769 * 2) == 50
    assert 1000 / duration.at(round(1769 * 1.5)) == pytest.approx(15, abs=0.01)


def test_beyond_what_was_measured_nothing_gets_faster() -> None:
    assert Duration({1: 100.0, 4: 40.0}, 100).at(10240) == 40


@pytest.mark.parametrize(("memory", "fits"), [(128, False), (256, True), (10240, True)])
def test_a_tenth_of_the_memory_is_left(memory: int, fits: bool) -> None:
    assert way(100).fits(memory) is fits


def test_more_threads_take_more_memory() -> None:
    threaded = Way("batch", 25, NEVER, NEVER, {1: 200.0, 2: 3000.0})
    assert threaded.fits(1769)
    assert not threaded.fits(2048)


def test_crossover_with_an_instance() -> None:
    instance = Instance("m", "https://aws.example", vcpus=2, hour=0.1)
    assert pricing.crossover(instance, 0.00001) == pytest.approx(7_300_000)


def test_an_instance_more_where_one_is_too_slow() -> None:
    instance = Instance("m", "https://aws.example", vcpus=2, hour=0.1)
    most = pricing.capacity(instance, cpu_ms=100, utilisation=0.5)
    assert most == pytest.approx(10 * 730 * 3600)
    costs = [pricing.always_on(instance, images, most) for images in (1, most, most + 1)]
    assert costs == pytest.approx([73, 73, 146])


def test_sagemaker_serverless_takes_the_cheapest_size_that_fits() -> None:
    work = Duration({1: 100.0, 2: 50.0}, 100)
    size, cost = pricing.serverless_endpoint(PRICES, work, 130, 100_000)
    assert size == 1024
    assert cost == pytest.approx(0.173 * 0.00002 + 0.0001 * 0.016)
    assert pricing.serverless_endpoint(PRICES, work, 1500, 0)[0] == 2048


def test_the_budget_of_a_target_costs_the_target() -> None:
    ms = pricing.budget_ms(PRICES, way(100), "x86_64", 0.0000033333)
    assert sum(pricing.dollars(PRICES, way(ms), 1769, "x86_64", 0).values()) == pytest.approx(
        0.0000033333, rel=0.01
    )


def test_a_budget_that_requests_alone_exceed_is_negative() -> None:
    assert pricing.budget_ms(PRICES, way(100, api_requests=1), "x86_64", 0.0000033333) < 0


def study(ms: float) -> Study:
    ways = {name: way(ms) for name in ("function URL", "API", "batch", "workflow")}
    return Study(PRICES, ways, cold=0, utilisation=0.6, image_bytes=150_000)


def test_the_verdict_names_who_reaches_the_target_and_what_it_would_take() -> None:
    slow, fast = list(verdict(study(150))), list(verdict(study(20)))
    assert "At its best memory size it is reached by: nothing." in slow[0]
    assert any("would cost 3.33 with" in line and "has 150 ms here" in line for line in slow)
    assert "function URL on x86_64" in fast[0]
    assert len(fast) == 2


def test_the_record_is_json_and_every_key_is_its_own() -> None:
    record = bill.study(study(100))
    json.dumps([figure.value for figure in record.figures], allow_nan=False)
    json.dumps(record.series, allow_nan=False)
    keys = [figure.key for figure in record.figures]
    assert len(keys) == len(set(keys))


def test_lambdas_own_bill_is_of_time_and_requests() -> None:
    values = {figure.key: figure.value for figure in bill.study(study(100)).figures}
    own = 0.1 * 1769 / 1024 * 0.0000166667 * 1e6 + 0.20  # dollars of a million
    assert values["lambda-function-url"] == pytest.approx(own)
    assert values["baseline-20000-over-lambda-function-url"] == pytest.approx(50 / own)
    assert values["lambda-function-url"] < values["function-url-x86-64"]


def test_the_second_engines_dollars_stand_beside_the_firsts() -> None:
    ways = {name: way(50) for name in ("function URL", "API", "batch")}
    by_key = {figure.key: figure for figure in bill.study(replace(study(100), second=ways)).figures}
    assert by_key["onnxruntime-function-url-million"].value < by_key["function-url-x86-64"].value
    assert by_key["onnxruntime-batch-over-litert"].value < 1
    assert by_key["baseline-over-onnxruntime-api"].value > by_key["baseline-over-api-x86-64"].value
    assert not [key for key in by_key if "onnxruntime" in key and "arm64" in key]
    assert not [figure for figure in bill.study(study(100)).figures if "onnxruntime" in figure.key]


def test_a_busy_machine_is_told() -> None:
    shared = Way("API", 1, Duration({1: 200.0}, 100), NEVER, {1: 130.0})
    quiet = study(100)
    busy = replace(quiet, ways={**quiet.ways, "API": shared})
    assert not any("busy:" in note for note in notes(quiet))
    assert any("This machine was busy" in note for note in notes(busy))


def test_a_bill_of_ones_own() -> None:
    record = bill.told(PRICES, 0.1, 1024, "x86_64", 2_000_000)
    alone = next(figure for figure in record.figures if figure.key == "function-url")
    assert alone.value == pytest.approx(2 * (1.66667 + 0.2 + 0.2))
    assert len(record.tables[0].rows) == PART_COUNT + 1


def test_a_bill_leaves_out_what_does_not_fit() -> None:
    assert study(100).bills(128, "x86_64") == {}
    assert set(study(100).bills(256, "arm64")) == set(study(100).ways)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/bucket/key.jpg", "reads"),
        ("HEAD", "/bucket/key.jpg", "reads"),
        ("GET", "/bucket?list-type=2&prefix=a", "writes"),
        ("PUT", "/bucket/key", "writes"),
        ("POST", "/bucket/key?uploads", "writes"),
        ("DELETE", "/bucket/key", "free"),
        ("POST", "/", "queue"),
    ],
)
def test_what_a_request_is_charged_as(method: str, path: str, kind: str) -> None:
    assert charged_as(method, path) == kind


def test_the_transitions_of_a_chunk_are_those_of_the_state_machine() -> None:
    states = json.loads((ROOT / "workflow.asl.json").read_text())["States"]
    chunk = states["Classify many"]["ItemProcessor"]["States"]
    (parallel,) = chunk.values()
    champion, other = parallel["Branches"]
    compare = other["States"][other["StartAt"]]
    entered = [parallel, champion["States"][champion["StartAt"]], compare]
    entered.append(other["States"][compare["Default"]])
    assert len(entered) + len(("start", "end")) == TRANSITIONS


def test_every_price_has_a_page(tmp_path: Path) -> None:
    assert all(page.startswith("https://aws.amazon.com/") for page in PRICES.sources())
    copy = tmp_path / "mine.toml"
    copy.write_text(TABLE.read_text().replace("hour = 0.08925", "hour = 1.0"))
    assert load(copy).instances[0].hour == 1


# What a stage costs besides its predictions


@pytest.mark.parametrize(
    ("calls", "kept"),
    [
        (1e6, 0.84),  # in 832,000 seconds there is a first one, and 5% of the rest
        (1e4, 1.0),
        (1e9, 0.05),
    ],
)
def test_xray_keeps_the_first_of_each_second_and_a_twentieth_of_the_rest(
    calls: float, kept: float
) -> None:
    assert standing.traced(calls) / calls == pytest.approx(kept, abs=0.005)


def test_a_million_calls_a_month_are_traced_for_four_dollars() -> None:
    by_key = {
        figure.key: figure
        for figure in standing.reckoned(PRICES, 0.1, TEMPLATE.read_text()).figures
    }
    assert (by_key["traces"].text, by_key["traced"].text) == ("$4.20", "84%")


def test_an_idle_stage_costs_what_its_parts_do() -> None:
    parts = standing.idle(PRICES, 0.05, TEMPLATE.read_text())
    assert parts == {
        "Lambda's looks into the empty work queue": pytest.approx(0.2628),  # 657,000 of them
        "the schedule": 0.05,
        "the alarms that are always there": pytest.approx(0.6),  # six metrics, of five alarms
        "the dashboard": 3.0,
    }


def test_every_metric_of_every_alarm_is_charged() -> None:
    counts = standing.alarm_metrics(TEMPLATE.read_text())
    assert counts.total() == TEMPLATE.read_text().count("MetricName:")
    assert counts.keys() == {"", "WithUrl", "WithAlarmEmail"}


def test_what_triggers_cost() -> None:
    figures = {figure.key: figure.text for figure in triggers.reckoned(PRICES).figures}
    assert figures == {
        "sns": "$0.500",
        "eventbridge": "$1.00",
        "kinesis": "$0.014",
        "dynamodb": "$0.625",
        "dynamodb-labels": "$1.25",
        "lex": "$750.00",
        "shard": "$10.95",  # 730 hours
        "way": "$7.00",  # 2 x 0.20, 3 x 0.40, 0.40 to read and 5.00 to write
    }


def test_the_schedules_month_is_8760_ticks() -> None:
    tick = Billed(ms=[900.0, 100.0, 100.0], counts={"writes": 2.0})
    image = 0.1 * 1769 / 1024 * 0.0000166667 + 0.2e-6 + 2 * 0.005 / 1000 + 400 * 0.5e-9
    assert standing.tick_dollars(PRICES, tick) == pytest.approx(8760 * image)
