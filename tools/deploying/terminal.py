"""A deployment's output and questions on the terminal."""

from typing import Any

import click
from botocore.exceptions import ClientError

from chalicelib.wording import count
from tools.deploying import smoke
from tools.deploying.deployment import Deployment
from tools.deploying.destroy import parts
from tools.deploying.rotation import Rotation
from tools.deploying.step import Step


def tell(line: str) -> None:
    """Show a line of progress."""
    click.secho(f"      {line}", dim=True)


def changes_of(steps: list[Step], unseen: list[str] | None = None) -> int:
    """Show what each step would change; returns the number of changes.

    unseen: collects the operations that AWS refuses; None to raise instead.
    """
    total = 0
    for number, step in enumerate(steps, start=1):
        try:
            changes = step.changes()
        except ClientError as error:
            if unseen is None:
                raise
            unseen.append(error.operation_name)
            click.echo(f"{number:4} {step.title}: AWS refuses {error.operation_name}")
            continue
        total += len(changes)
        click.echo(f"{number:4} {step.title}{'' if changes else ': nothing to change'}")
        for change in changes:
            gone = change.startswith(("delete ", "replace "))
            click.secho(f"      {'-' if gone else '+'} {change}", fg="red" if gone else "green")
    return total


def apply_all(steps: list[Step]) -> None:
    """Apply the steps in order; each looks for its changes only now."""
    for number, step in enumerate(steps, start=1):
        if step.changes():
            click.secho(f"{number:4} {step.title} …", bold=True)
            step.apply(tell)


def _steps(deployment: Deployment, infra: bool) -> list[Step]:
    """The steps. infra: only those before Chalice's."""
    return deployment.before_chalice() if infra else deployment.steps()


def show(deployment: Deployment, unseen: list[str], infra: bool = False) -> None:
    """Show the changes without making them. unseen: operations that AWS refused."""
    click.echo("Changes")
    total = changes_of(_steps(deployment, infra), unseen)
    if unseen:
        click.echo(f"Not checked, so some of this may already exist: {', '.join(unseen)}.")
    click.echo(f"{count(total, 'change') if total else 'No changes'}; nothing was done.")


def deploy(deployment: Deployment, yes: bool, check: bool, infra: bool = False) -> None:
    """Show the changes, ask, and make them. infra: only what `chalice deploy` needs."""
    click.echo("Changes")
    total = changes_of(_steps(deployment, infra))
    if total:
        if not yes:
            click.confirm("Make these changes?", abort=True)
        apply_all(_steps(deployment, infra))
    else:
        click.echo("Nothing to change.")
    if infra:
        stage = deployment.target.stage
        click.echo(f"Now, and after each change of code: chalice deploy --stage {stage}")
        return
    url = deployment.url()
    if check:
        click.echo(f"GET {url}health … {smoke.health(url)}")
    _farewell(deployment, url)


def _farewell(deployment: Deployment, url: str) -> None:
    stage, public = deployment.target.stage, deployment.wishes.public
    click.secho(f"\n{url}", bold=True)
    header = "" if public else '-H "Authorization: Bearer $TOKEN" '
    click.echo(f"  curl {header}'{url}predict?url=https://…/cat.jpg'")
    if not public:
        click.echo(f"  The token: {_show_token(deployment)}")
    click.echo(
        "  An idle stage costs little: storage, alarms, and a schedule every five minutes.\n"
        f"  Remove it: make destroy STAGE={stage}"
    )


def _show_token(deployment: Deployment) -> str:
    stage, region = deployment.target.stage, deployment.target.region
    return f".venv/bin/python -m tools.deploy --stage {stage} --region {region} --show-token"


def rotate(deployment: Deployment, session: Any, plan: bool, yes: bool) -> None:
    """Ask, and replace the token. plan: only show."""
    rotation = Rotation(deployment, session)
    click.secho(f"   - replace the token, in {count(rotation.size, 'function')}", fg="red")
    if plan:
        click.echo("Nothing was done.")
        return
    if not yes:
        click.confirm(
            "Replace the token? Callers with the old token will then be refused.", abort=True
        )
    rotation.apply(tell)
    click.echo(f"The new token: {_show_token(deployment)}")


def destroy(deployment: Deployment, session: Any, plan: bool, yes: bool) -> None:
    """Show what goes and what stays, ask, and take the stage down. plan: only show."""
    target = deployment.target
    where = f"stage {target.stage} of account {target.account} in {target.region}"
    doomed = list(parts(deployment, session.client("lambda")))
    if not doomed:
        if not plan:
            deployment.forget()
        click.echo(f"There is nothing to remove of {where}.")
        return
    kept = deployment.stack.retained()
    for part in doomed:
        click.secho(f"   - {part.what}", fg="red")
        for name in part.names:
            click.secho(f"       {name}", fg="red")
    for bucket in kept:
        click.echo(f"   = s3://{bucket} stays, with its contents")
    if plan:
        click.echo("Nothing was done.")
        return
    if not yes:
        click.confirm(f"Remove {where} for good?", abort=True)
    for part in doomed:
        click.secho(f"   - {part.what} …", bold=True)
        part.remove(tell)
    deployment.forget()
    click.echo(f"Removed: {where}.")
    for bucket in kept:
        click.echo(f"  Kept: s3://{bucket}")
    if kept:
        click.echo(
            "  To delete a bucket for good, empty and delete it in the S3 console: the "
            "models bucket keeps old versions for 30 days, which `aws s3 rb` cannot delete."
        )
