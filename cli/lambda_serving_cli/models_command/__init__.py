"""The commands `lambda-serving model …` of the model registry."""

import typer

from lambda_serving_cli.models_command import changing, listing, uploading

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
