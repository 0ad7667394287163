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
from tools.deploying import asked, checks
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
        tell(f"{error} Until then, this is the plan for an account with nothing in it.")
        session = Nowhere(session.region_name)
        unseen = session.asked
    show(prepare(session, stage, options), unseen, options["infra"])


def _as_text(_: click.Context, __: click.Parameter, value: bool | None) -> str | None:
    return None if value is None else "true" if value else ""


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option("--stage", required=True, envvar="STAGE", help="A stage of .chalice/config.json.")
@click.option("--region", help="AWS region.  [default: the profile's]")
@click.option("--profile", help="AWS profile.  [default: AWS_PROFILE, else default]")
@click.option("--model", help="Package that answers by default.  [default: inception-v3]")
@click.option("--arms", help="An experiment's models, a=0.9 b=0.1.  [default: none]")
@click.option("--public/--no-public", default=None, help="Let anybody call, without a token.")
@click.option(
    "--image-bucket", multiple=True, metavar="BUCKET", help="A further bucket s3_uri may name."
)
@click.option(
    "--results-queue", is_flag=True, help="Answer bare URLs on the work queue with a results queue."
)
@click.option(
    "--upload-days", default=0, type=click.IntRange(0), help="Delete uploads then; 0: never."
)
@click.option("--alarm-email", default="", help="Who gets the alarms.  [default: nobody]")
@click.option("--notify-email", default="", help="Who is told what has ended.  [default: nobody]")
@click.option(
    "--workers",
    type=click.IntRange(2, 1000),
    help="Chunks classified at once.  [default: 50, or half of what the account may run]",
)
@click.option("--rate", default=50, type=click.IntRange(1), help="API requests a second.")
@click.option("--burst", default=100, type=click.IntRange(1), help="API requests at once.")
@click.option(
    "--front",
    type=click.Choice([REST, URL]),
    help="API Gateway alone, or the function's own URL beside it.  [default: rest]",
)
@click.option(
    "--reserve", type=click.IntRange(1), metavar="CALLS", help="API calls at once, reserved for it."
)
@click.option("--sns", metavar="TOPIC_ARN", help="Classify what a topic's messages name.")
@click.option(
    "--eventbridge/--no-eventbridge", default=None, callback=_as_text,
    help="Classify what events on the default bus name.",
)  # fmt: skip
@click.option("--kinesis", metavar="STREAM_ARN", help="Classify what a stream's records name.")
@click.option("--dynamodb", metavar="STREAM_ARN", help="Classify what a table's new items name.")
@click.option(
    "--labels/--no-labels", default=None, callback=_as_text,
    help="Write labels into the table's new items.",
)  # fmt: skip
@click.option("--nightly", metavar="MANIFEST", help="Classify a manifest anew every night.")
@click.option("--lex", metavar="ALIAS_ARN", help="Let a bot ask what is in a picture.")
@click.option("--resume", is_flag=True, help="Start again what somebody stopped by hand.")
@click.option("--infra", is_flag=True, help="Make what `chalice deploy` needs, and nothing more.")
@click.option("--plan", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--check/--no-check", default=True, help="Ask GET /health at the end.")
@click.option(
    "--show-token", is_flag=True, help="Print the secret of callers, and do nothing else."
)
@click.option("--rotate-token", is_flag=True, help="Replace that secret, and do nothing else.")
@click.option("--status", is_flag=True, help="Tell what runs, waits, failed and costs.")
@click.option("--logs", is_flag=True, help="Follow the logs of all functions, until Ctrl-C.")
@click.option(
    "--since", type=past, default="10m", metavar="TIME", help="Where --logs begins: 30s, 2h, 1d."
)
@click.option("--follow/--no-follow", default=True, help="Whether --logs waits for more.")
@click.option("--redrive", is_flag=True, help="Send the dead letters to the work queue again.")
@click.option("--destroy", is_flag=True, help="Take the stage down. Buckets stay.")
def main(stage: str, region: str | None, profile: str | None, **options: Any) -> None:
    """Put a stage on AWS: its buckets, queues, state machine, model, functions and API.

    Each step compares first: a second run changes nothing, and a run after a failed one goes on
    where that ended. Model, arms, public, image buckets and front are kept in .chalice/config.json,
    as the stage's environment_variables, until another run says something else; so are reserve and
    the triggers (docs/triggers.md). An empty value takes a trigger away.

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
