"""The policies of all functions in `template.yaml`, after `endpoint.toml` was edited by hand."""

from lambda_serving_cli.files.content import Rewrite
from lambda_serving_cli.project.blocks import adapt_policy
from lambda_serving_cli.project.monitoring import read_endpoints
from lambda_serving_cli.project.project import Project
from lambda_serving_cli.project.template import Template, read_template


def plan_policies(project: Project) -> Rewrite:
    """The template with what each function may do.

    Raises:
        CommandError: an endpoint.toml or the template is wrong.
    """
    template = read_template(project.template)
    old = template.text
    for settings in read_endpoints(project.root):
        if function := template.find_function(settings.endpoint):
            template = Template(adapt_policy(template, function, settings))
    return Rewrite(project.template, old, template.text)
