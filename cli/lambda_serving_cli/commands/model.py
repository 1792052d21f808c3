"""The commands `lambda-serving model …` of the model registry."""

import typer

from lambda_serving_cli.commands import model_changing as changing
from lambda_serving_cli.commands import model_listing as listing
from lambda_serving_cli.commands import model_upload as uploading

model = typer.Typer(
    no_args_is_help=True, help="Models: the registry in the stack's bucket, and endpoints of them."
)
model.command()(uploading.upload)
model.command("list")(listing.list_command)
model.command()(listing.show)
model.command()(changing.publish)
model.command()(changing.unpublish)
model.command()(changing.tag)
model.command()(changing.untag)
