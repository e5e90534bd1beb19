"""`aws-docker audit`: what accounts expose, by AWS's configuration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import NotChecked, checking
from .options import Accepted, Html, Json, Profile, Sarif
from .reporting import finish, progress, read

if TYPE_CHECKING:
    from aws_docker.audit import aws
    from aws_docker.audit.findings import Unchecked


def audit(
    region: Annotated[
        list[str] | None, typer.Option("--region", "-r", help="Regions; without any, the profile's.")
    ] = None,
    all_regions: Annotated[
        bool, typer.Option("--all-regions", help="Every region that the account has enabled.")
    ] = False,
    skip_region: Annotated[
        list[str] | None,
        typer.Option("--skip-region", help="Regions to leave out, as they are closed: named in the report."),
    ] = None,
    profile: Profile = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option("--trusted", "-t", metavar="CIDR", help="Networks that may reach Docker's ports."),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Accounts to audit, each through --role there.")
    ] = None,
    role: Annotated[
        str, typer.Option("--role", help="The role to assume in each --account.")
    ] = "aws-docker-audit",
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="What the roles' trust policies ask for, if anything.")
    ] = None,
    accepted: Accepted = None,
    as_json: Json = False,
    sarif: Sarif = None,
    html: Html = None,
) -> None:
    """Say who can reach Docker's ports on EC2 instances, and by which rule, ACL and route.

    aws-docker audit --all-regions --trusted 10.0.0.0/8 --trusted 198.51.100.0/24

    It only reads; docs/audit.md has the IAM policy. AWS_ENDPOINT_URL is followed.

    Ends with 0 where all is as intended, 1 with findings, 2 where something could not be checked.
    """
    with checking():
        from aws_docker.audit import auditing, aws

        acceptances = read(accepted)
        if region and all_regions:
            raise NotChecked("--region and --all-regions exclude each other; leave one out")
        networks = auditing.read_trusted(trusted or ())
        base = aws.identify(aws.open_session(profile, region[0] if region else None))
        accounts, refused = _accounts(base, account or (), role, external_id)
        with progress("asking AWS") as advance:
            report = auditing.audit(
                trusted=networks,
                regions=region,
                accounts=accounts,
                all_regions=all_regions,
                skip_regions=skip_region or (),
                refused=refused,
                progress=lambda doing, done, total: advance(done, total, doing),
            )
        finish(report, as_json, sarif, html, acceptances)


def _accounts(
    base: "aws.Account", wanted: Sequence[str], role: str, external_id: str | None
) -> "tuple[list[aws.Account], list[Unchecked]]":
    from aws_docker.audit import aws
    from aws_docker.audit.findings import Unchecked

    if not wanted:
        return [base], []
    answers = [aws.assume(base, each, role, external_id) for each in dict.fromkeys(wanted)]
    return (
        [each for each in answers if isinstance(each, aws.Account)],
        [each for each in answers if isinstance(each, Unchecked)],
    )
