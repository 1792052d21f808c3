"""Shapes by what the class keeps: the model of its load, its endpoint, state, threads."""

from tests.contract.running import Run
from tests.contract.shape import (
    ANSWER,
    CUSTOM_ENGINES,
    NOTE,
    Shape,
    leave_out,
)

MODEL_FROM_LOAD = (
    NOTE
    + """
$imports

class Constant:
    def predict(self, data):
        return [42.0]

class Preprocess:
    def load(self, local_file_name):
        assert Path(local_file_name).name == "$model"
        assert Path(local_file_name).stat().st_size > 0
        return Constant()
"""
    + ANSWER
)
ENDPOINT_SEEN = """
$imports
seen = []

class Preprocess:
    def __init__(self):
        seen.append(hasattr(self, "model_endpoint"))
        self.model_endpoint = None

    def load(self, local_file_name):
        seen.append(self.model_endpoint.as_dict())

    def preprocess(self, body, state, collect_custom_statistics_fn):
        state["endpoint"] = self.model_endpoint
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        assert "model_endpoint" not in vars(type(self))
        endpoint = state["endpoint"]
        return {
            "seen": seen,
            "engine_type": endpoint.engine_type,
            "serving_url": endpoint.serving_url,
            "version": endpoint.version,
            "input_size": endpoint.input_size,
            "auxiliary_cfg": endpoint.auxiliary_cfg,
        }
"""
ENDPOINT_TOML = """
auxiliary_cfg = { platform = "cpu" }
[input]
size = [[-1, 2]]
"""
STATE = """
$imports

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        state["fresh"] = not state
        state["id"] = id(state)
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"fresh": state["fresh"], "same": state["id"] == id(state)}
"""
STATE_IN_PROCESS = """
class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        assert state == {}
        state["path"] = ["preprocess"]
        return body

    def process(self, data, state, collect_custom_statistics_fn):
        state["path"].append("process")
        return data

    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"path": [*state["path"], "postprocess"]}
"""
COUNTERS = """
$imports
requests = 0
made = 0

class Preprocess:
    in_class = []

    def __init__(self):
        global made
        made += 1
        self.in_instance = 0

    def preprocess(self, body, state, collect_custom_statistics_fn):
        global requests
        requests += 1
        self.in_instance += 1
        self.in_class.append(requests)
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"made": made, "counts": [requests, self.in_instance, len(self.in_class)]}
"""
THREADS = """
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Thread
$imports

class Preprocess:
    def __init__(self):
        self.pool = ThreadPoolExecutor(2)
        self.asked, self.answers = Queue(), Queue()
        self.thread = Thread(target=self.answer, daemon=True)
        self.thread.start()

    def answer(self):
        while (question := self.asked.get()) is not None:
            self.answers.put(question + 1)

    def preprocess(self, body, state, collect_custom_statistics_fn):
        self.asked.put(1)
        state["numbers"] = [*self.pool.map(abs, (-3, -4)), self.answers.get(timeout=5)]
        return $rows
$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "numbers": state["numbers"]}

    def unload(self):
        self.asked.put(None)
        self.thread.join(5)
        self.pool.shutdown()
"""
LOAD_IN_THREADS = (
    """
from concurrent.futures import ThreadPoolExecutor
$imports

class Preprocess:
    def load(self, local_file_name):
        with ThreadPoolExecutor(2) as pool:
            self.numbers = list(pool.map(lambda n: np.ones(n).sum(), (1, 2)))
"""
    + ANSWER
)


def uses_the_loaded_model(run: Run) -> None:
    run.expect({"y": 42.0})
    run.expect({"y": 42.0})


def knows_its_endpoint(run: Run) -> None:
    expected = {
        "engine_type": run.engine.name,
        "serving_url": "shape",
        "version": "1",
        "input_size": [[-1, 2]],
        "auxiliary_cfg": {"platform": "cpu"},
    }
    outcome = run.ask()
    assert outcome.status == 200, outcome
    before_init, at_load = outcome.value.pop("seen")
    assert outcome.value == expected
    assert before_init is False
    assert at_load == expected | {
        "model_id": run.engine.model,
        "preprocess_artifact": "preprocess.py",
        "input_type": None,
        "input_name": None,
        "output_size": None,
        "output_type": None,
        "output_name": None,
    }


def has_fresh_state(run: Run) -> None:
    for _ in range(2):
        run.expect({"fresh": True, "same": True})


def shares_state(run: Run) -> None:
    for _ in range(2):
        run.expect({"path": ["preprocess", "process", "postprocess"]})


def counts_up(run: Run) -> None:
    for count in (1, 2, 3):
        run.expect({"made": 1, "counts": [count] * 3})


def loads_once(run: Run) -> None:
    for _ in range(2):
        run.expect({"y": run.y})
    assert run.notes == [run.engine.model]


IGNORED = leave_out(("sklearn", "xgboost", "lightgbm"), "the engine ignores process")

STATES = (
    Shape(
        "load_returns_model",
        MODEL_FROM_LOAD,
        uses_the_loaded_model,
        meaningless=leave_out(CUSTOM_ENGINES, "the engine calls no model; load_keeps_model"),
    ),
    Shape(
        "load_keeps_model",
        MODEL_FROM_LOAD.replace("return Constant()", "self.model = Constant()").replace(
            "$process",
            "\n    def process(self, data, state, collect_custom_statistics_fn):\n"
            "        return self.model.predict(data)\n",
        ),
        uses_the_loaded_model,
        meaningless=IGNORED,
    ),
    Shape(
        "load_returns_none",
        NOTE + "$imports\n\nclass Preprocess:\n"
        "    def load(self, local_file_name):\n"
        "        note(Path(local_file_name).name)\n" + ANSWER,
        loads_once,
    ),
    Shape("model_endpoint", ENDPOINT_SEEN, knows_its_endpoint, toml=ENDPOINT_TOML),
    Shape("state_fresh_per_request", STATE, has_fresh_state),
    Shape("state_shared_by_three", STATE_IN_PROCESS, shares_state, meaningless=IGNORED),
    Shape("counters_of_every_kind", COUNTERS, counts_up),
    Shape(
        "thread_pool_and_thread",
        THREADS,
        lambda run: run.expect({"y": run.y, "numbers": [3, 4, 2]}),
    ),
    Shape("load_uses_threads", LOAD_IN_THREADS),
)
