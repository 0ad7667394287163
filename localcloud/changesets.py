"""Makes moto's CloudFormation finish the change sets of `tools.deploy`.

moto makes the resources, but keeps the stack's old parameters, gives it no outputs, and does not
take over existing buckets.
"""

from typing import Any

from moto.cloudformation.models import CloudFormationBackend, cloudformation_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition


class Stacks(CloudFormationBackend):
    """Gives a stack the outputs, parameters and tags of its change set."""

    __module__ = CloudFormationBackend.__module__  # where moto looks for addresses

    def execute_change_set(  # noqa: D102
        self, change_set_name: str, stack_name: str | None = None
    ) -> None:
        change_set: Any = self._change_set(change_set_name, stack_name)
        super().execute_change_set(change_set.change_set_id, stack_name)
        stack = self.stacks[change_set.stack_id]
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        stack.parameters = change_set.parameters
        stack.tags = change_set.tags
        del self.change_sets[change_set.change_set_id]  # AWS keeps none of the same name either

    def delete_stack(self, name_or_stack_id: str) -> None:  # noqa: D102
        super().delete_stack(name_or_stack_id)
        kept = {key: item for key, item in self.change_sets.items() if item.stack_id in self.stacks}
        self.change_sets.clear()  # on AWS they go with their stack
        self.change_sets.update(kept)

    def _change_set(self, name: str, stack_name: str | None) -> Any:
        return next(
            change_set
            for change_set in self.change_sets.values()
            if name in (change_set.change_set_id, change_set.change_set_name)
            and stack_name in (None, change_set.stack_name, change_set.stack_id)
        )


def _take_over(
    cls: type[FakeBucket], /, name: str, json: Any, account_id: str, region: str, **kwargs: Any
) -> FakeBucket:
    """Returns an existing bucket, as with ImportExistingResources, or else makes one."""
    bucket = s3_backends[account_id][get_partition(region)].buckets.get(name)
    return bucket or _moto_create(name, json, account_id, region, **kwargs)


_moto_create = FakeBucket.create_from_cloudformation_json


def install() -> None:
    """Makes moto use these; call it before the first request."""
    cloudformation_backends.backend = Stacks
    setattr(FakeBucket, _moto_create.__name__, classmethod(_take_over))
