"""`tools.deploy --status`, `--redrive` and `--logs`, on an AWS in this process."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError
from chalice.app import SQSEvent
from click.testing import CliRunner
from moto import mock_aws

import app
from chalicelib.errors import ServiceUnavailable
from stage.prices import load
from tools.deploying.clientcache import Session
from tools.deploying.step import DeployError
from tools.operating.deadletters import DeadLetters
from tools.operating.discretion import discreet
from tools.operating.lastday import Function, LastDay
from tools.operating.logline import LogLine, read_line
from tools.operating.logstream import LogStream, past, patient
from tools.operating.overview import Overview
from tools.operating.postmortem import UNTOLD, redrive
from tools.operating.running import Running, running

REGION = "eu-west-1"
NAME = "serverless-inception-dev"
NOW = datetime.now(UTC)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
SECRET = "X-Amz-Signature=abcdef"


class Account:
    """An AWS in this process, with a stage as far as these commands see it."""

    def __init__(self) -> None:
        self.session = Session(
            aws_access_key_id="id", aws_secret_access_key="secret", region_name=REGION
        )
        self.client = self.session.client

    def deploy(self, *handlers: str) -> None:
        s3 = self.client("s3")
        for kind in ("images", "results", "models"):
            s3.create_bucket(
                Bucket=f"{NAME}-{kind}-123456789012",
                CreateBucketConfiguration={"LocationConstraint": REGION},
            )
        s3.put_object(Bucket=f"{NAME}-images-123456789012", Key="code.zip", Body=b"")
        role = self.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        for handler in handlers:
            name = NAME if handler == "api_handler" else f"{NAME}-{handler}"
            self.client("lambda").create_function(
                FunctionName=name, Role=role["Role"]["Arn"], Runtime="python3.13",
                Handler="app.app", MemorySize=1024, Timeout=29,
                Tags={"aws-chalice": "version=1.32.0:stage=dev:app=serverless-inception"},
                Code={"S3Bucket": f"{NAME}-images-123456789012", "S3Key": "code.zip"},
                Environment={"Variables": {"MODEL": "doodle"}},
            )  # fmt: skip
            self.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        for kind in ("work", "dead-letters"):
            self.client("sqs").create_queue(QueueName=f"{NAME}-{kind}")

    def url(self, kind: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=f"{NAME}-{kind}")["QueueUrl"])

    def die(self, *bodies: str) -> list[str]:
        """Put messages among the dead letters; returns their ids."""
        sqs, url = self.client("sqs"), self.url("dead-letters")
        return [sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in bodies]

    def depth(self, kind: str) -> int:
        answer = self.client("sqs").get_queue_attributes(
            QueueUrl=self.url(kind), AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def log(self, handler: str, *lines: str, at: datetime = NOW) -> None:
        name = NAME if handler == "api_handler" else f"{NAME}-{handler}"
        group = {"logGroupName": f"/aws/lambda/{name}", "logStreamName": f"s{at.timestamp()}"}
        self.client("logs").create_log_stream(**group)
        stamp = int(at.timestamp() * 1000)
        events = [{"timestamp": stamp + n, "message": line} for n, line in enumerate(lines)]
        self.client("logs").put_log_events(**group, logEvents=events)

    def letters(self) -> DeadLetters:
        return DeadLetters(self.client("sqs"), self.url("dead-letters"), self.url("work"), 0)

    def stage(self) -> Running:
        return running(self.session, "dev")


class Kept(logging.Handler):
    """Keeps what `app.py` tells of an event, as lines of JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        names = ("done", "messages", "error", "cause")
        self.lines.append(json.dumps({name: getattr(record, name) for name in names}))


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield Account()


@pytest.fixture
def stage(account: Account) -> Account:
    account.deploy("api_handler", "on_work", "on_tick")
    return account


def status(account: Account, capsys: pytest.CaptureFixture[str]) -> str:
    Overview(account.stage(), load(), lambda: NOW).show()
    return capsys.readouterr().out


CHUNK = '{"type":"chunk","batch_id":"b1","round":0,"chunk":3}'
STREAM = json.dumps(
    {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "KinesisBatchInfo": {"batchSize": 7, "streamArn": "arn:aws:kinesis:e:1:stream/photos"},
    }
)


def lost(message: str) -> str:
    record = {
        "eventName": "ObjectCreated:Put", "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {"bucket": {"name": "images"}, "object": {"key": "a+cat.jpg", "eTag": "e"}},
    }  # fmt: skip
    return json.dumps(
        {
            "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": {"Records": [record]},
            "responsePayload": {"errorType": "ServiceUnavailable", "errorMessage": message},
        }
    )


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (CHUNK, "chunk 3 of batch b1"),
        ('{"type":"image","batch_id":"b1","round":0,"of":3,"place":2,"tries":1}',
         "image 2 of chunk 3 of batch b1"),
        ('{"type":"fan_out","batch_id":"b1","round":0}', "the manifest of batch b1"),
        ('{"type":"upload","bucket":"images","key":"a cat.jpg"}',
         "the upload s3://images/a cat.jpg"),
        ('{"type":"event","id":"sns/1","text":"x"}', "the event sns/1"),
        (f"https://me:pw@example.com/cat.jpg?{SECRET}", "https://example.com/cat.jpg?…"),
        (lost("S3 is away."), "s3://images/a cat.jpg"),
        (STREAM, "7 records of stream/photos"),
        ("hello", "a message that names no image"),
        ("[1]", "a message that names no image"),
    ],
)  # fmt: skip
def test_a_dead_letter_says_what_it_was(stage: Account, body: str, what: str) -> None:
    stage.die(body)
    (letter,) = stage.letters().look(10)
    assert letter.what == what
    assert letter.received == 1


def test_a_look_leaves_the_letters_where_they_are(stage: Account) -> None:
    stage.die(*(f"https://example.com/{n}.jpg" for n in range(25)))
    assert len(stage.letters().look(12)) == 12
    assert stage.depth("dead-letters") == 25
    assert len({letter.id for letter in stage.letters().look(100)}) == 25


class Slow:
    """An SQS whose letters can be received again before all were read once."""

    def __init__(self, *rounds: list[str]) -> None:
        self._rounds = iter(rounds)

    def receive_message(self, **_: object) -> dict[str, Any]:
        about = {"SentTimestamp": "0", "ApproximateReceiveCount": "1"}
        letters = [
            {"MessageId": name, "Body": name, "ReceiptHandle": name, "Attributes": about}
            for name in next(self._rounds)
        ]
        return {"Messages": letters} if letters else {}

    def change_message_visibility(self, **_: object) -> None:
        """Nobody else reads here."""


def test_a_letter_that_comes_again_hides_no_other() -> None:
    letters = DeadLetters(Slow(["a"], ["a"], ["b"], []), "dead", "work").look(10)
    assert [letter.id for letter in letters] == ["a", "b"]


def test_a_letter_that_lambda_wrote_says_itself_why(stage: Account) -> None:
    stage.die(lost(f"GET https://example.com/a.jpg?{SECRET} failed."), STREAM)
    first, second = stage.letters().look(10)
    assert first.why == "ServiceUnavailable: GET https://example.com/a.jpg?… failed."
    assert second.why == "RetryAttemptsExhausted"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://a.b/c?{SECRET}&x=1 was", "https://a.b/c?… was"),
        ('{"url":"http://u:p@a.b/c#frag"}', '{"url":"http://a.b/c?…"}'),
        ("Authorization: Bearer abc.DEF-1_2", "Authorization: Bearer …"),
        ("https://a.b/c", "https://a.b/c"),
    ],
)
def test_no_secret_is_shown(text: str, shown: str) -> None:
    assert discreet(text) == shown


def failed(message: str, **facts: Any) -> str:
    return json.dumps({"done": False, "messages": [message], **facts})


def test_the_status_tells_functions_queues_and_dead_letters(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.client("lambda").put_function_concurrency(
        FunctionName=f"{NAME}-on_tick", ReservedConcurrentExecutions=0
    )
    chunk, upload, odd = stage.die(CHUNK, '{"type":"upload","bucket":"b","key":"k"}', "hello")
    stage.log(
        "on_work",
        failed(chunk, error="AccessRefused", cause="an older try"),
        failed(chunk, error="ServiceUnavailable", cause=f"https://s3.e/b?{SECRET}: timed out"),
        failed(odd, request_id="12345678-aaaa"),
        json.dumps({"done": True, "messages": [upload]}),
        at=NOW + timedelta(hours=1),
    )
    said = status(stage, capsys)
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert any(line.startswith("on_tick 1024 MB 29 s python3.13") for line in lines)
    assert next(line for line in lines if line.startswith("on_tick ")).endswith("stopped by hand")
    assert next(line for line in lines if line.startswith("on_work ")).endswith("active")
    assert "model doodle; layers: none" in lines
    assert f"{NAME}-dead-letters 3 0 0" in lines
    reason = lines[lines.index(next(x for x in lines if x.startswith("chunk 3 of batch b1"))) + 1]
    assert reason == "ServiceUnavailable: https://s3.e/b?… timed out"
    assert UNTOLD in lines
    assert "a fault of ours: --logs shows request 12345678" in lines
    assert "There are no alarms." in lines
    assert SECRET not in said


def test_the_status_tells_what_alarms(stage: Account, capsys: pytest.CaptureFixture[str]) -> None:
    cloudwatch = stage.client("cloudwatch")
    for name in (f"{NAME}-dead-letters", f"{NAME}-throttles", "serverless-inception-devtwo-x"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, AlarmDescription="Messages failed five times.", Namespace="AWS/SQS",
            MetricName="m", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    for name in (f"{NAME}-dead-letters", "serverless-inception-devtwo-x"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="3 > 0")
    said = status(stage, capsys)
    assert "ALARM dead-letters since " in said and ": 3 > 0\n" in said
    assert "Messages failed five times." in said
    assert "1 alarm quiet" in said
    assert "devtwo" not in said


def test_the_status_tells_the_last_batches(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Last batches\n  None." in status(stage, capsys)
    end = "0.finished.91.90.1.1800000000.1800000031"
    key = f"recent/98000000000-b7/{end}/https%3A%2F%2Fa.b%2Fm.csv%3Fk%3Dv"
    s3, bucket = stage.client("s3"), f"{NAME}-results-123456789012"
    s3.put_object(Bucket=bucket, Key="recent/98000000000-b7", Body=b"")
    s3.put_object(Bucket=bucket, Key=key, Body=b"")
    s3.put_object(Bucket=bucket, Key="batches/b7/batch.json", Body=b"{}")
    said = " ".join(status(stage, capsys).split())
    assert "b7 finished 2027-01-15 08:00 90 of 91 1 https://a.b/m.csv?…" in said


def test_a_day_costs_what_the_price_table_says(stage: Account) -> None:
    cloudwatch = stage.client("cloudwatch")

    def put(space: str, name: str, value: float, **dimensions: str) -> None:
        about = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        cloudwatch.put_metric_data(
            Namespace=space,
            MetricData=[
                {"MetricName": name, "Dimensions": about, "Value": value, "Timestamp": at}
                for at in (NOW - timedelta(hours=1), NOW - timedelta(hours=30))
            ],
        )

    put("AWS/Lambda", "Invocations", 1_000_000, FunctionName=NAME)
    put("AWS/Lambda", "Errors", 2, FunctionName=NAME)
    put("AWS/Lambda", "Duration", 100_000_000, FunctionName=NAME)
    put("AWS/ApiGateway", "Count", 1_000_000, ApiName="serverless-inception", Stage="dev")
    put("AWS/SQS", "NumberOfEmptyReceives", 1_000_000, QueueName=f"{NAME}-work")
    put("AWS/Logs", "IncomingBytes", 1e9, LogGroupName=f"/aws/lambda/{NAME}")
    functions = [
        Function("api_handler", NAME, 1024, "arm64"),
        Function("on_tick", f"{NAME}-on_tick", 512, "x86_64"),
    ]
    api = {"ApiName": "serverless-inception", "Stage": "dev"}
    day = LastDay(cloudwatch, functions, api, f"{NAME}-work", NOW)
    assert day.busy() == [(functions[0], 1_000_000, 2, 100_000)]
    assert day.dollars(load()) == {
        "Lambda, time": pytest.approx(1.33334),
        "Lambda, requests": pytest.approx(0.2),
        "API Gateway": pytest.approx(3.5),
        "SQS": pytest.approx(0.4),
        "Logs": pytest.approx(0.5),
    }


def test_the_estimate_says_whose_prices_it_takes(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    said = status(stage, capsys)
    assert "No calls." in said
    assert "an estimate by the prices of us-east-1; this stage is in eu-west-1" in said


def test_what_aws_refuses_is_named_and_hides_nothing_else(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.client("sqs").delete_queue(QueueUrl=stage.url("work"))
    said = status(stage, capsys)
    assert said.count("AWS refuses GetQueueUrl") == 2
    assert "Last 24 hours" in said


def test_a_stage_that_is_not_there_says_so(account: Account) -> None:
    with pytest.raises(DeployError, match=r"Stage dev is not deployed in eu-west-1 of account"):
        account.stage()


def test_the_worker_logs_a_failure_by_the_id_of_its_message(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    (message,) = stage.die(CHUNK)
    context: Any = SimpleNamespace(aws_request_id="r-1", function_name=f"{NAME}-on_work")
    event = SQSEvent({"Records": [{"messageId": message, "body": CHUNK}]}, context)

    def fail(_: object) -> None:
        raise ServiceUnavailable(detail="S3 is away")

    kept, logger = Kept(), logging.getLogger(app.SERVICE)
    logger.addHandler(kept)
    try:
        with pytest.raises(ServiceUnavailable):
            app.observe_event(event, fail)
    finally:
        logger.removeHandler(kept)
    stage.log("on_work", *kept.lines, at=NOW + timedelta(hours=1))
    assert "ServiceUnavailable: S3 is away" in status(stage, capsys)


def bodies(account: Account, kind: str) -> list[str]:
    answer = account.client("sqs").receive_message(
        QueueUrl=account.url(kind), MaxNumberOfMessages=10
    )
    return [message["Body"] for message in answer.get("Messages", [])]


def test_dead_letters_are_sent_again_as_they_were(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    event = lost("S3 is away.")
    stage.die(CHUNK, event, STREAM)
    redrive(stage.stage(), plan=False, yes=True)
    said = capsys.readouterr().out
    assert "Sent 2 messages." in said
    assert "Messages from streams stay" in said
    assert sorted(bodies(stage, "work")) == sorted([CHUNK, event])
    assert bodies(stage, "dead-letters") == [STREAM]


def test_all_of_many_letters_are_sent_once(stage: Account) -> None:
    stage.die(*(f"https://example.com/{n}.jpg" for n in range(31)), STREAM)
    moved: list[str] = []
    assert stage.letters().redrive(lambda letter: moved.append(letter.body)) == 31
    assert len(set(moved)) == 31
    assert (stage.depth("work"), stage.depth("dead-letters")) == (31, 1)


def test_a_letter_that_cannot_be_sent_stays(stage: Account) -> None:
    stage.die(CHUNK)
    sqs = stage.client("sqs")
    letters = DeadLetters(sqs, stage.url("dead-letters"), stage.url("work") + "-gone", 0)
    with pytest.raises(ClientError):
        letters.redrive(lambda letter: None)
    assert bodies(stage, "dead-letters") == [CHUNK]


@pytest.mark.parametrize("answer", ["n\n", "", None])
def test_nothing_is_sent_before_a_yes(stage: Account, answer: str | None) -> None:
    stage.die(CHUNK)

    @click.command()
    def main() -> None:
        redrive(stage.stage(), plan=answer is None, yes=False)

    said = CliRunner().invoke(main, input=answer)
    assert "chunk 3 of batch b1" in said.output
    assert ("Nothing was done." if answer is None else "Aborted!") in said.output
    assert (stage.depth("work"), stage.depth("dead-letters")) == (0, 1)


def test_without_dead_letters_there_is_nothing_to_send(
    stage: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    redrive(stage.stage(), plan=False, yes=False)
    assert capsys.readouterr().out == "None.\nNothing was done.\n"


REQUEST = "8f507cfc-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            json.dumps(
                {
                    "level": "INFO", "location": "x", "message": "POST /predict", "service": "s",
                    "timestamp": "t", "request_id": REQUEST, "status": 200, "total": 91.5,
                    "_aws": {"Timestamp": 1}, "arms": ["a"],
                }
            ),
            LogLine("INFO", REQUEST, 'POST /predict status=200 total=91.5 arms=["a"]', []),
        ),
        (
            '{"level":"ERROR","message":"bad","exception":"Traceback:\\n  File x\\nKeyError: 1"}',
            LogLine("ERROR", "", "bad", ["Traceback:", "  File x", "KeyError: 1"]),
        ),
        (f"START RequestId: {REQUEST} Version: $LATEST\n", None),
        (f"END RequestId: {REQUEST}\n", None),
        ("INIT_START Runtime Version: python:3.13.v1\n", None),
        ("\n", None),
        (
            f"REPORT RequestId: {REQUEST}\tDuration: 91.23 ms\tBilled Duration: 92 ms\t"
            "Memory Size: 1769 MB\tMax Memory Used: 160 MB\tInit Duration: 612.50 ms\t\n",
            LogLine("REPORT", REQUEST,
                    "took 91.23 ms memory 160 MB of 1769 MB cold start 612.50 ms", []),
        ),
        (
            f"REPORT RequestId: {REQUEST}\tDuration: 120000.00 ms\tMemory Size: 1769 MB\t"
            "Max Memory Used: 160 MB\tStatus: timeout\n",
            LogLine("ERROR", REQUEST,
                    "took 120000.00 ms memory 160 MB of 1769 MB Status: timeout", []),
        ),
        (
            f"2026-01-01T00:00:00.000Z {REQUEST} Task timed out after 120.00 seconds\n\n",
            LogLine("ERROR", REQUEST,
                    "2026-01-01T00:00:00.000Z Task timed out after 120.00 seconds", []),
        ),
        (
            "[ERROR] KeyError: 'a'\nTraceback (most recent call last):\n  File \"app.py\"\n",
            LogLine("ERROR", "", "KeyError: 'a'",
                    ["Traceback (most recent call last):", '  File "app.py"']),
        ),
        (
            f"[WARNING]\t2026-01-01T00:00:00.000Z\t{REQUEST}\tslow\n",
            LogLine("WARNING", REQUEST, "slow", []),
        ),
        ("[1, 2]", LogLine("INFO", "", "[1, 2]", [])),
        ("\x1b[2Jbell\x07", LogLine("INFO", "", "[2Jbell", [])),
        (
            f"GET https://a.b/c?{SECRET}",
            LogLine("INFO", "", "GET https://a.b/c?…", []),
        ),
    ],
)  # fmt: skip
def test_a_line_of_a_log_is_read(text: str, line: LogLine | None) -> None:
    assert read_line(text) == line


def shown_logs(account: Account, since: timedelta, *later: Callable[[], None]) -> list[str]:
    """What --logs prints until Ctrl-C. later: what happens between two looks."""
    events = iter(later)

    def wait(_: float) -> None:
        event = next(events, None)
        if event is None:
            raise KeyboardInterrupt
        event()

    @click.command()
    def main() -> None:
        stream = LogStream(patient(account.session), account.stage(), lambda: NOW)
        stream.show(since, bool(later), wait)

    said = CliRunner().invoke(main)
    assert (said.exit_code, said.exception) == (0, None)
    return [" ".join(line.split()[2:]) for line in said.output.splitlines() if line.strip()]


def test_the_logs_of_all_functions_are_one_stream_in_the_order_of_time(stage: Account) -> None:
    stage.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{NAME}-on_tick")
    stage.log("on_work", "second", at=NOW - timedelta(seconds=50))
    stage.log("on_work", "too old", at=NOW - timedelta(hours=1))
    stage.log("api_handler", "first", at=NOW - timedelta(seconds=60))
    stage.log("api_handler", "third", at=NOW - timedelta(seconds=40))
    assert shown_logs(stage, timedelta(minutes=10)) == [
        "api_handler INFO first", "on_work INFO second", "api_handler INFO third",
    ]  # fmt: skip


def test_what_comes_later_is_shown_once_even_if_it_comes_late(stage: Account) -> None:
    def late() -> None:
        stage.log("api_handler", "late", at=NOW - timedelta(seconds=20))

    stage.log("on_work", "early", at=NOW - timedelta(seconds=10))
    lines = shown_logs(stage, timedelta(minutes=10), late, lambda: None)
    assert lines == ["on_work INFO early", "api_handler INFO late"]


def test_logs_are_read_page_by_page(stage: Account) -> None:
    lines = [f"line {number}" for number in range(12_000)]
    for start in range(0, len(lines), 4000):
        stage.log("on_work", *lines[start : start + 4000], at=NOW - timedelta(seconds=start / 200))
    assert len(shown_logs(stage, timedelta(hours=1))) == len(lines)


@pytest.mark.parametrize(
    ("text", "time"),
    [("30s", timedelta(seconds=30)), ("10m", timedelta(minutes=10)), ("2h", timedelta(hours=2)),
     ("1d", timedelta(days=1))],
)  # fmt: skip
def test_a_time_in_the_past_is_a_number_and_a_unit(text: str, time: timedelta) -> None:
    assert past(text) == time


@pytest.mark.parametrize("text", ["10", "m", "-1m", "1w", "1.5h", ""])
def test_another_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="30s, 10m, 2h, 1d"):
        past(text)
