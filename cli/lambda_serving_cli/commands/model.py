"""The commands `model …`, of the model registry and of endpoints with a model."""

import typer

from lambda_serving_cli.commands import (
    model_add,
    model_auto_update,
    model_canary,
    model_change,
    model_list,
    model_remove,
    model_upload,
)
from lambda_serving_cli.commands.options.clearml import Repeating

app = typer.Typer(no_args_is_help=True, help="Models of the registry, and endpoints with a model.")
app.command()(model_upload.upload)
app.command("list")(model_list.list_models_command)
app.command()(model_list.show)
app.command()(model_change.publish)
app.command()(model_change.unpublish)
app.command()(model_change.tag)
app.command()(model_change.untag)
app.command(cls=Repeating)(model_add.add)
app.command(cls=Repeating)(model_auto_update.auto_update)
app.command(cls=Repeating)(model_canary.canary)
app.command()(model_remove.remove)
