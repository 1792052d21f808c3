"""The command `lambda-serving`: every command at its place."""

from lambda_serving_cli.commands import local, metrics, model
from lambda_serving_cli.commands.build import build
from lambda_serving_cli.commands.cost import cost
from lambda_serving_cli.commands.dev import dev
from lambda_serving_cli.commands.endpoints import endpoints
from lambda_serving_cli.commands.invoke import invoke
from lambda_serving_cli.commands.logs import logs
from lambda_serving_cli.commands.monitoring import monitoring
from lambda_serving_cli.commands.new import new
from lambda_serving_cli.commands.policies import policies
from lambda_serving_cli.commands.root import app
from lambda_serving_cli.commands.stats import stats
from lambda_serving_cli.commands.sync import sync
from lambda_serving_cli.commands.validate import validate

for command in (
    new, dev, validate, build, endpoints, invoke, sync, logs, stats, cost, monitoring, policies
):  # fmt: skip
    app.command()(command)
app.add_typer(local.app, name="local")
app.add_typer(metrics.app, name="metrics")
app.add_typer(model.app, name="model")
