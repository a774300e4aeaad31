"""The settings that `slipway restore` writes: restored databases, and the database that is used."""

from collections.abc import Mapping
from typing import Annotated, Self

import pulumi
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from components.kubernetes.postgres import Restore
from components.kubernetes.postgres.options import PostgresName
from components.validation import options, problems_in
from stack.build import group
from stack.errors import report

RESTORED, DATABASE = "restored", "database"


@options
class Databases:
    """The databases of a stack that has `name` in its program."""

    restored: Annotated[Mapping[PostgresName, Restore], BeforeValidator(group)] = Field(default_factory=dict)
    """The databases that were restored from the archive of another one, by their names."""
    database: PostgresName | None = None
    """The restored database that the application uses; by default the program's own."""

    @classmethod
    def load(cls) -> Self:
        """Read the settings.

        Raises:
            pulumi.RunError: with every problem.
        """
        config = pulumi.Config()
        values = {key: config.get(key) for key in (RESTORED, DATABASE)}
        given = {key: value for key, value in values.items() if value is not None}
        try:
            return TypeAdapter(cls).validate_python(given)
        except ValidationError as error:
            schema = TypeAdapter(cls).json_schema()
            raise pulumi.RunError(report(pulumi.get_stack(), list(problems_in(error)), schema)) from None
