"""Keeps a stage in one region, because names of roles and buckets contain none."""

from typing import Any

from botocore.exceptions import ClientError

from tools.deploying.step import DeployError
from tools.deploying.target import Target


def lives_here(s3: Any, target: Target) -> bool:
    """Whether the stage's buckets are in this region; False if there are none.

    They outlive the stage, so they show its region even after an interrupted `destroy`.
    Raises DeployError if the stage lives in another region, or a bucket is somebody else's.
    """
    regions = {bucket: _region(s3, bucket) for bucket in target.buckets}
    for bucket, region in regions.items():
        if region and region != target.region:
            raise DeployError(
                f"Stage {target.stage} lives in {region}, where its bucket s3://{bucket} is, and "
                f"not in {target.region}. A stage has one region, because names of roles and "
                f"buckets do not contain it. Give --region {region}, or choose another stage. To "
                "move the stage, take it down there and delete the buckets that it left."
            )
    return any(regions.values())


def _region(s3: Any, bucket: str) -> str | None:
    """The bucket's region; None if it does not exist."""
    try:
        return str(s3.head_bucket(Bucket=bucket)["BucketRegion"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchBucket"):
            return None
        if code in ("403", "AccessDenied"):
            raise DeployError(
                f"s3://{bucket} exists, but you may not use it. It belongs to another account, or "
                "these credentials lack s3:ListBucket. Allow that, or choose another stage."
            ) from error
        raise
