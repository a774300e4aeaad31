"""`slipway capacity`: what each workload needs, and where it fits."""

import typer

from slipway.cli.capacity.measure import measure
from slipway.cli.capacity.pack import pack
from slipway.cli.capacity.recommend import recommend
from slipway.cli.capacity.route import route
from slipway.cli.capacity.schedule import schedule
from slipway.cli.plain_help import Command

capacity = typer.Typer(
    help="Size, place, schedule and route workloads by their measured use.", no_args_is_help=True
)
for command in (measure, recommend, pack, schedule, route):
    capacity.command(cls=Command)(command)
