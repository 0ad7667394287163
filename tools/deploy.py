"""`python -m tools.deploy`: put a stage on AWS, change it, or take it down."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import ROOT, Settings, SettingsError
from chalicelib.subscriptions import VARIABLES, Subscriptions
from stage.prices import load
from tools.deploying import asked, checks, lengths
from tools.deploying.bucketmodels import package
from tools.deploying.clientcache import Session
from tools.deploying.configuration import is_copy
from tools.deploying.deployment import Deployment
from tools.deploying.nowhere import Nowhere
from tools.deploying.region import lives_here
from tools.deploying.secret import TokenStep
from tools.deploying.step import DeployError
from tools.deploying.target import REST, URL, Target, Wishes, read_config, stage_environment
from tools.deploying.terminal import deploy, destroy, rotate, show, tell
from tools.operating.logstream import LogStream, past, patient
from tools.operating.overview import Overview
from tools.operating.postmortem import redrive
from tools.operating.running import running, where


@contextmanager
def _one_line() -> Iterator[None]:
    """What goes wrong is told in a sentence or two, never by a traceback."""
    try:
        yield
    except (DeployError, SettingsError, BotoCoreError) as error:
        raise click.ClickException(str(error)) from error
    except ClientError as error:
        raise click.ClickException(
            f"AWS refuses {error.operation_name}: "
            f"{error.response['Error'].get('Message', error)}. Fix that, then run the same "
            "command again: it continues from there."
        ) from error


def _wishes(config: Any, stage: str, options: dict[str, Any]) -> Wishes:
    """What the options say, else the stage's environment in config.json, else the default."""
    kept = stage_environment(config, stage)
    model = options["model"] or kept.get("MODEL") or "inception-v3"
    public, front = options["public"], options["front"]
    copied = is_copy(config, stage)  # of another stage's entry, which opens no door of this one
    if public is None:
        public = Settings.from_environment(kept).public and not copied
    if front is None:
        front = REST if copied else kept.get("FRONT", REST)
    return Wishes(
        model=model,
        arms=kept.get("ARMS", "") if options["arms"] is None else options["arms"],
        public=public,
        image_buckets=options["image_bucket"] or tuple(kept.get("IMAGE_BUCKETS", "").split()),
        results_queue=options["results_queue"],
        upload_days=options["upload_days"],
        alarm_email=options["alarm_email"],
        notify_email=options["notify_email"],
        workers=options["workers"],
        rate=options["rate"],
        burst=options["burst"],
        resume=options["resume"],
        front=front,
        reserve=options["reserve"],
        subscriptions=_subscriptions({} if copied else kept, options),
    )


def _subscriptions(kept: Mapping[str, str], options: dict[str, Any]) -> Subscriptions:
    """What the options say, else what is kept."""
    said = {VARIABLES[name]: options[name] for name in VARIABLES if options[name] is not None}
    return Subscriptions.from_environment({**kept, **said})


def prepare(session: Any, stage: str, options: dict[str, Any]) -> Deployment:
    """The deployment, once all that can be checked before it is checked."""
    click.echo("Checks")
    config = read_config(ROOT, stage)
    wishes = _wishes(config, stage, options)
    version = checks.python_version()
    tell(f"Python {version} for the functions")
    target = _target(session, stage)
    here = lives_here(session.client("s3"), target)
    if options["destroy"] or options["rotate_token"]:
        return Deployment(session, target, config, wishes, version, lives_here=here)
    if not isinstance(session, Nowhere):
        asked.check(wishes.subscriptions, target)
    lengths.check(ROOT, target, config, wishes)
    settings = Settings.from_environment()
    default = package(wishes.model, settings, tell)
    others = [package(name, settings, tell) for name in wishes.other_models]
    tell(f"model {default.info.name} {default.info.version}")
    tell("anybody may call, without a token" if wishes.public else "callers need the token")
    deployment = Deployment(session, target, config, wishes, version, default, others, here)
    deployment.record().check()
    if not options["plan"]:
        deployment.stops.check()
    deployment.check_sizes(tell)
    return deployment


def _target(session: Any, stage: str) -> Target:
    """Where it goes. Raises DeployError if nobody's credentials lead anywhere."""
    if isinstance(session, Nowhere):
        return session.target(stage)
    target, who = checks.account(session, stage)
    tell(f"account {target.account}, region {target.region}, as {who}")
    if warning := checks.stand_in(os.environ):
        tell(warning)
    return target


def plan(session: Any, stage: str, options: dict[str, Any]) -> None:
    """Show what a deployment would do; without credentials, in an account with nothing in it."""
    unseen: list[str] = []
    try:
        checks.account(session, stage)
    except DeployError as error:
        tell(f"{error} Until then, this is the plan for an empty account.")
        session = Nowhere(session.region_name)
        unseen = session.asked
    show(prepare(session, stage, options), unseen, options["infra"])


def _as_text(_: click.Context, __: click.Parameter, value: bool | None) -> str | None:
    return None if value is None else "true" if value else ""


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option("--stage", required=True, envvar="STAGE", help="A stage of .chalice/config.json.")
@click.option("--region", help="AWS region.  [default: the profile's]")
@click.option("--profile", help="AWS profile.  [default: AWS_PROFILE, else default]")
@click.option("--model", help="Default model.  [default: inception-v3]")
@click.option(
    "--arms",
    help="Models of an experiment and their shares, such as 'a=0.9 b=0.1'.  [default: none]",
)
@click.option("--public/--no-public", default=None, help="Let anybody call without a token.")
@click.option(
    "--image-bucket", multiple=True, metavar="BUCKET", help="Another bucket that s3_uri may name."
)
@click.option(
    "--results-queue",
    is_flag=True,
    help="Create a queue for the answers to URLs on the work queue.",
)
@click.option(
    "--upload-days",
    default=0,
    type=click.IntRange(0),
    help="Delete uploads after this many days; 0: never.",
)
@click.option(
    "--alarm-email", default="", show_default="nobody", help="Address that gets the alarms."
)
@click.option(
    "--notify-email",
    default="",
    show_default="nobody",
    help="Address that is told when a batch or a run ends.",
)
@click.option(
    "--workers",
    type=click.IntRange(2, 1000),
    help="Concurrent batch workers.  [default: 50, or half of the account's limit if less]",
)
@click.option("--rate", default=50, type=click.IntRange(1), help="API requests a second.")
@click.option("--burst", default=100, type=click.IntRange(1), help="API requests at once.")
@click.option(
    "--front",
    type=click.Choice([REST, URL]),
    help="rest: API Gateway only. url: also a function URL.  [default: rest]",
)
@click.option(
    "--reserve",
    type=click.IntRange(1),
    metavar="CALLS",
    help="Reserved concurrency of the API's function.",
)
@click.option("--sns", metavar="TOPIC_ARN", help="Classify images that a topic's messages name.")
@click.option(
    "--eventbridge/--no-eventbridge", default=None, callback=_as_text,
    help="Classify images that events on the default bus name.",
)  # fmt: skip
@click.option(
    "--kinesis", metavar="STREAM_ARN", help="Classify images that a stream's records name."
)
@click.option(
    "--dynamodb", metavar="STREAM_ARN", help="Classify images that a table's new items name."
)
@click.option(
    "--labels/--no-labels", default=None, callback=_as_text,
    help="Write labels into the table's new items.",
)  # fmt: skip
@click.option("--nightly", metavar="MANIFEST", help="Classify a manifest every night.")
@click.option("--lex", metavar="ALIAS_ARN", help="Let a Lex bot answer what is in a picture.")
@click.option(
    "--resume", is_flag=True, help="Turn on functions and rules that were stopped by hand."
)
@click.option("--infra", is_flag=True, help="Only create what `chalice deploy` needs.")
@click.option("--plan", is_flag=True, help="Only show what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--check/--no-check", default=True, help="Call GET /health at the end.")
@click.option("--show-token", is_flag=True, help="Only print the callers' token.")
@click.option("--rotate-token", is_flag=True, help="Only replace the callers' token.")
@click.option("--status", is_flag=True, help="Show functions, queues, failures and cost.")
@click.option("--logs", is_flag=True, help="Follow the logs of all functions, until Ctrl-C.")
@click.option(
    "--since",
    type=past,
    default="10m",
    metavar="TIME",
    help="How far back --logs begins: 30s, 2h, 1d.",
)
@click.option("--follow/--no-follow", default=True, help="Whether --logs waits for new lines.")
@click.option("--redrive", is_flag=True, help="Send the dead letters to the work queue again.")
@click.option("--destroy", is_flag=True, help="Remove the stage except its buckets.")
def main(stage: str, region: str | None, profile: str | None, **options: Any) -> None:
    """Deploy a stage to AWS: its buckets, queues, state machine, model, functions and API.

    Each step checks first what exists. A second run changes nothing; after a failure, run the same
    command again to continue. These options are stored in .chalice/config.json and stay until you
    change them: model, arms, public, image-bucket, front, reserve and the triggers
    (docs/triggers.md). To remove a trigger, give an empty value.

    \b
    Examples:
      .venv/bin/python -m tools.deploy --stage dev --plan
      .venv/bin/python -m tools.deploy --stage dev --infra, then chalice deploy
      .venv/bin/python -m tools.deploy --stage dev --model doodle
      .venv/bin/python -m tools.deploy --stage dev --arms "inception-v3=0.9 inception-v1=0.1"
      .venv/bin/python -m tools.deploy --stage dev --front url --reserve 20
      .venv/bin/python -m tools.deploy --stage dev --rotate-token
      .venv/bin/python -m tools.deploy --stage dev --status
      .venv/bin/python -m tools.deploy --stage dev --logs --since 1h
      .venv/bin/python -m tools.deploy --stage dev --redrive
      .venv/bin/python -m tools.deploy --stage dev --destroy
    """
    with _one_line():
        session = Session(profile_name=profile, region_name=region)
        if options["show_token"]:
            _show_token(session, stage)
            return
        if options["status"]:
            Overview(running(session, stage), load()).show()
        elif options["logs"]:
            stream = LogStream(patient(session), running(session, stage))
            stream.show(options["since"], options["follow"])
        elif options["redrive"]:
            redrive(running(session, stage), options["plan"], options["yes"])
        elif options["rotate_token"]:
            rotate(prepare(session, stage, options), session, options["plan"], options["yes"])
        elif options["destroy"]:
            destroy(prepare(session, stage, options), session, options["plan"], options["yes"])
        elif options["plan"]:
            plan(session, stage, options)
        else:
            deployment = prepare(session, stage, options)
            deploy(deployment, options["yes"], options["check"], options["infra"])


def _show_token(session: Any, stage: str) -> None:
    target = where(session, stage)
    token = TokenStep(session.client("ssm"), target.token)
    if not token.exists():
        raise DeployError(f"Stage {stage} has no token in {target.region}. Deploy it first.")
    click.echo(token.read())


if __name__ == "__main__":
    sys.exit(main(prog_name=".venv/bin/python -m tools.deploy"))
