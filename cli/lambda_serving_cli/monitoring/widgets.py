"""What the dashboard shows of all endpoints, of one endpoint, and of one variable."""

from collections.abc import Callable, Mapping, Sequence

from lambda_serving.settings.endpoint import EndpointSettings, Variable
from lambda_serving_cli.monitoring.alarms import name_crashes
from lambda_serving_cli.monitoring.graphs import (
    NAMESPACE,
    Line,
    Widget,
    divide,
    draw,
    find,
    is_divisible,
    name,
    repeat,
    search,
    write_text,
)

RED, BLACK = "#d62728", "#000000"
VERSION = ("Endpoint", "Version")
BY_ENDPOINT = name("Dim.Endpoint")
BY_VERSION = f"version {name('Dim.Version')}"
STAGES = ("PreprocessLatency", "ProcessLatency", "PostprocessLatency")


def show_overview() -> list[Widget]:
    """All endpoints of the namespace, those of other stacks and of no template included."""
    faults = find("Faults", ["Endpoint"], "Sum", BY_ENDPOINT, id="faults")
    count = find("Count", ["Endpoint"], "Sum", "", id="count", visible=False)
    rate = {"expression": "100 * SUM(faults) / SUM(count)", "label": "% of all requests"}
    share: Line = [{**rate, "color": RED, "yAxis": "right"}]
    # A search by a part of the name: a function of no template shows, too.
    throttles = search(
        ["AWS/Lambda", "FunctionName"],
        'MetricName="Throttles" FunctionName=${StackName}',
        "Sum",
        name("Dim.FunctionName"),
    )
    cold = find("ColdStart", VERSION, "Sum", f"{BY_ENDPOINT} {BY_VERSION}")
    return [
        write_text(
            "# ${StackName}\n"
            "Written by `lambda-serving monitoring`: a change made here is lost at the next deploy."
        ),
        draw("Requests", [find("Count", ["Endpoint"], "Sum", BY_ENDPOINT)], 5),
        draw("Faults (status 5xx), and their share", [faults, count, share], 5),
        draw("Latency p99, ms", [find("Latency", ["Endpoint"], "p99", BY_ENDPOINT)], 5),
        draw("Cold starts", [cold], 5),
        draw("Throttles", [throttles], 4),
    ]


def show_endpoint(settings: EndpointSettings) -> list[Widget]:
    """One endpoint, those it calls, and its variables."""
    endpoint = settings.endpoint
    engines = ", ".join(sorted({version.engine for version in settings.described}))
    logs = f"log-group/$252Faws$252Flambda$252F${{StackName}}-{endpoint}"
    widgets = [
        write_text(f"## {endpoint}\nEngine: {engines}. [Logs](#logsV2:log-groups/{logs})"),
        draw("Requests", [find("Count", VERSION, "Sum", BY_VERSION, endpoint)]),
        show_latency(endpoint),
        show_errors(endpoint),
        show_starts(endpoint),
    ]
    if settings.is_canary:
        dimensions = ["Endpoint", "Target"]
        targets = find("CanaryRequests", dimensions, "Sum", name("Dim.Target"), endpoint)
        widgets.append(draw("Requests by target", [targets], stacked=True))
    elif settings.traffic is not None or settings.auto_update is not None:
        widgets.append(show_rollout(endpoint))
    if settings.calls or settings.is_canary:
        dimensions = ["Endpoint", "Callee", "Cause"]
        label = f"{name('Dim.Callee')}: {name('Dim.Cause')}"
        failed = find("FailedCalls", dimensions, "Sum", label, endpoint)
        widgets.append(draw("Failed calls of other endpoints", [failed]))
    for variable in settings.metrics.variables.values():
        widgets.extend(SHOW[variable.type](endpoint, variable, list(settings.versions)))
    return widgets


def show_rollout(endpoint: str) -> Widget:
    """What keeps a version from its traffic: the circuit breaker, or a load that fails."""
    out = find("VersionsTakenOut", VERSION, "Sum", f"{BY_VERSION} taken out", endpoint)
    label = f"{BY_VERSION}: {name('Dim.Cause')}"
    failed = find("FailedUpdates", [*VERSION, "Cause"], "Sum", label, endpoint)
    return draw("Failed updates; versions taken out", [out, failed])


def show_latency(endpoint: str) -> Widget:
    """Percentiles over all versions, which those of versions cannot be added up to; the stages."""
    label = f"{name('MetricName')}, average, {BY_VERSION}"
    lines = [
        [NAMESPACE, "Latency", "Endpoint", endpoint, {"stat": "p50", "label": "p50"}],
        repeat(stat="p90", label="p90"),
        repeat(stat="p99", label="p99"),
        find(STAGES, VERSION, "Average", label, endpoint),
    ]
    return draw("Latency and its stages, ms", lines)


def show_errors(endpoint: str) -> Widget:
    label = f"{name('Dim.ErrorType')}, {BY_VERSION}"
    faults = {"stat": "Sum", "label": "faults (status 5xx)", "color": RED}
    crashes = {"stat": "Sum", "label": "crashes (timeouts, out of memory)", "color": BLACK}
    lines = [
        find("Errors", [*VERSION, "ErrorType"], "Sum", label, endpoint),
        [NAMESPACE, "Faults", "Endpoint", endpoint, faults],
        [NAMESPACE, name_crashes(endpoint), crashes],
    ]
    return draw("Errors", lines)


def show_starts(endpoint: str) -> Widget:
    starts = find("ColdStart", VERSION, "Sum", f"cold starts, {BY_VERSION}", endpoint)
    loads = find("ModelLoad", VERSION, "Maximum", f"load, {BY_VERSION}", endpoint, yAxis="right")
    return draw("Cold starts; loading a model, ms", [starts, loads])


def show_scalar(endpoint: str, variable: Variable, versions: Sequence[str]) -> list[Widget]:
    """The share of each bucket, for each version; without buckets, percentiles.

    ``versions`` is empty where the registry has them: one graph searches for all there are.
    """
    if not is_divisible(variable.buckets):
        return show_statistics(
            endpoint, variable, ("p10", "p50", "p90", "Minimum", "Average", "Maximum")
        )
    title = f"{variable.name}, % of its values"
    scale = {"left": {"min": 0, "max": 100}}
    if not versions:
        searches = [
            find(variable.name, VERSION, statistic, f"{label}, {BY_VERSION}", endpoint)
            for statistic, label in divide(variable.buckets)
        ]
        return [draw(title, searches, yAxis=scale)]
    return [
        draw(
            title if len(versions) == 1 else f"{title}, version {version}",
            share_by_bucket(endpoint, variable, version),
            stacked=True,
            yAxis=scale,
        )
        for version in versions
    ]


def share_by_bucket(endpoint: str, variable: Variable, version: str) -> list[Line]:
    (statistic, label), *others = divide(variable.buckets)
    rendering = {"stat": statistic, "label": label}
    first = [NAMESPACE, variable.name, "Endpoint", endpoint, "Version", version, rendering]
    return [first, *(repeat(stat=statistic, label=label) for statistic, label in others)]


def show_statistics(endpoint: str, variable: Variable, statistics: Sequence[str]) -> list[Widget]:
    """Statistics of a number, of every version."""
    lines = [
        find(variable.name, VERSION, statistic, f"{statistic.lower()}, {BY_VERSION}", endpoint)
        for statistic in statistics
    ]
    return [draw(variable.name, lines)]


def show_enum(endpoint: str, variable: Variable, versions: Sequence[str]) -> list[Widget]:
    """How often each class came, `other` included."""
    label = f"{name(f'Dim.{variable.name}')}, {BY_VERSION}"
    classes = find("Count", [*VERSION, variable.name], "Sum", label, endpoint)
    return [draw(f"{variable.name}, requests by class", [classes], stacked=True)]


SHOW: Mapping[str, Callable[[str, Variable, Sequence[str]], list[Widget]]] = {
    "scalar": show_scalar,
    "enum": show_enum,
    "value": lambda endpoint, variable, _: show_statistics(
        endpoint, variable, ("Minimum", "Average", "Maximum")
    ),
    "counter": lambda endpoint, variable, _: show_statistics(endpoint, variable, ("Sum",)),
}
"""Type of a variable -> its widgets."""
