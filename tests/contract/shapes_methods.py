"""Shapes by the methods there are, and by which of them are asynchronous."""

from tests.contract.engines import BODY
from tests.contract.running import Run
from tests.contract.shape import (
    CUSTOM_ENGINES,
    NOTE,
    PLAIN,
    Shape,
    leave_out,
)

ALL = (
    NOTE
    + """
$imports

class Preprocess:
    def __init__(self):
        note("init")

    def load(self, local_file_name):
        note("load")

    def preprocess(self, body, state, collect_custom_statistics_fn):
        note("preprocess")
        return $rows

    def process(self, data, state, collect_custom_statistics_fn):
        note("process")
        $own_process

    def postprocess(self, data, state, collect_custom_statistics_fn):
        note("postprocess")
        return {"y": float(np.ravel(data)[0])}

    def unload(self):
        note("unload")
"""
)


def refuses_the_dict(run: Run) -> None:
    outcome = run.ask()
    assert (outcome.status, outcome.value["stage"]) == (422, "process"), outcome


def passes_through(run: Run) -> None:
    """A body that the engine takes as it comes; no engine but onnx and custom takes a dict."""
    if run.engine.raw_body is None:
        refuses_the_dict(run)
    else:
        run.expect(run.engine.raw_answer, run.engine.raw_body)


def gives_the_engines_own_output(run: Run) -> None:
    run.expect(run.raw_output.tolist())


def wraps_the_engines_answer(run: Run) -> None:
    if run.engine.raw_body is None:
        refuses_the_dict(run)
    else:
        run.expect({"got": run.engine.raw_answer}, run.engine.raw_body)


def runs_in_order(run: Run) -> None:
    """``process`` is the user's own where the engine lets it be."""
    own = [] if run.engine.process == "ignored" else ["process"]
    y = run.y if run.engine.process == "ignored" else sum(BODY.values())
    for _ in range(2):
        run.expect({"y": y})
    request = ["preprocess", *own, "postprocess"]
    assert run.notes == ["init", "load", *request, *request]
    run.environment.close()
    assert run.notes[-1] == "unload"
    assert run.notes.count("unload") == 1


def warns_once(run: Run) -> None:
    """At the cold start, naming the method and the engine; requests are silent."""
    if run.engine.process == "ignored":
        y, expected = run.y, 1
    else:
        y, expected = -1.0, 0
    for _ in range(2):
        run.expect({"y": y})
    warnings = [
        record.getMessage()
        for record in [*run.caplog.get_records("setup"), *run.caplog.records]
        if record.levelname == "WARNING" and "process" in record.getMessage()
    ]
    assert len(warnings) == expected, warnings
    assert all(run.engine.name in text for text in warnings)


PROCESS_IS_MINUS_ONE = PLAIN.replace("$process", "") + (
    "\n    def process(self, data, state, collect_custom_statistics_fn):\n        return [-1]\n"
)
OWN_OUTPUT = leave_out(
    CUSTOM_ENGINES, "the engine has no output of its own; no_methods passes the body through"
)

METHODS = (
    Shape("no_user_code", None, passes_through),
    Shape("no_methods", "class Preprocess:\n    pass\n", passes_through),
    Shape(
        "only_preprocess",
        "$imports\n\nclass Preprocess:\n"
        "    def preprocess(self, body, state, collect_custom_statistics_fn):\n"
        "        return $rows\n",
        gives_the_engines_own_output,
        meaningless=OWN_OUTPUT,
    ),
    Shape(
        "only_postprocess",
        "class Preprocess:\n"
        "    def postprocess(self, data, state, collect_custom_statistics_fn):\n"
        '        return {"got": data}\n',
        wraps_the_engines_answer,
    ),
    Shape(
        "only_process",
        "class Preprocess:\n"
        "    def process(self, data, state, collect_custom_statistics_fn):\n"
        '        return {"sum": data["a"] + data["b"]}\n',
        lambda run: run.expect({"sum": 3.0}),
        meaningless=leave_out(
            ("sklearn", "xgboost", "lightgbm"), "the engine ignores process; see own_process"
        ),
    ),
    Shape(
        "only_async_process",
        "import asyncio\n\nclass Preprocess:\n"
        "    async def process(self, data, state, collect_custom_statistics_fn):\n"
        "        await asyncio.sleep(0)\n"
        '        return {"sum": data["a"] + data["b"]}\n',
        lambda run: run.expect({"sum": 3.0}),
        meaningless=leave_out(
            ("sklearn", "xgboost", "lightgbm"), "the engine ignores process; see own_process"
        ),
    ),
    Shape("plain"),
    Shape("all_methods", ALL, runs_in_order),
    Shape("own_process", PROCESS_IS_MINUS_ONE, warns_once),
)
