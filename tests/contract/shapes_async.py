"""Shapes by which methods are asynchronous; one event loop serves the environment."""

from tests.contract.running import Run
from tests.contract.shape import (
    ANSWER,
    ENGINES_WITH_A_MODEL,
    PLAIN,
    Shape,
    leave_out,
)
from tests.contract.shapes_methods import ALL, PROCESS_IS_MINUS_ONE, runs_in_order, warns_once

ASYNC = ALL.replace("    def ", "    async def ").replace("async def __init__", "def __init__")

ONE_LOOP = """
import asyncio
$imports

class Preprocess:
    def __init__(self):
        self.queue = None

    async def preprocess(self, body, state, collect_custom_statistics_fn):
        if self.queue is None:
            self.lock = asyncio.Lock()
            self.queue = asyncio.Queue()
            self.counted = asyncio.Event()
            self.task = asyncio.create_task(self.count())
        async with self.lock:
            await self.queue.put(1)
            await asyncio.wait_for(self.counted.wait(), 5)
            self.counted.clear()
        return $rows

    async def count(self):
        self.total = 0
        while self.total < 3:
            self.total += await self.queue.get()
            self.counted.set()

$async_process
    async def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "total": self.total}
"""

LOADED_CLIENT = """
import asyncio
$imports

class Preprocess:
    async def load(self, local_file_name):
        self.loop = asyncio.get_running_loop()
        self.answer = self.loop.create_future()
        self.loop.call_later(0.01, self.answer.set_result, "made in load")

    async def preprocess(self, body, state, collect_custom_statistics_fn):
        state["made"] = await asyncio.wait_for(asyncio.shield(self.answer), 5)
        state["same"] = asyncio.get_running_loop() is self.loop
        return $rows

$async_process
    async def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "made": state["made"], "same": state["same"]}
"""

GATHER = """
import asyncio
$imports

async def double(number):
    await asyncio.sleep(0)
    return 2 * number

class Preprocess:
    async def preprocess(self, body, state, collect_custom_statistics_fn):
        state["doubled"] = await asyncio.gather(double(1), double(2), asyncio.to_thread(int, "6"))
        return $rows

$process
    def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "doubled": state["doubled"]}
"""


RUNS_A_LOOP = PLAIN.replace(
    "        return $rows",
    "        import asyncio\n        asyncio.run(asyncio.sleep(0))\n        return $rows",
)
CONTEXT = """
from contextvars import ContextVar
$imports
customer = ContextVar("customer", default="nobody")

class Preprocess:
    def preprocess(self, body, state, collect_custom_statistics_fn):
        state["seen"] = [customer.get()]
        customer.set("somebody")
        return $rows
$process
    async def postprocess(self, data, state, collect_custom_statistics_fn):
        return {"y": float(np.ravel(data)[0]), "seen": [*state["seen"], customer.get()]}
"""


def keeps_a_context_each(run: Run) -> None:
    for _ in range(2):
        run.expect({"y": run.y, "seen": ["nobody", "somebody"]})


def counts_on_one_loop(run: Run) -> None:
    for total in (1, 2, 3):
        run.expect({"y": run.y, "total": total})


def keeps_the_loop_of_load(run: Run) -> None:
    for _ in range(2):
        run.expect({"y": run.y, "made": "made in load", "same": True})


ASYNC_PREPROCESS = PLAIN.replace("def preprocess", "async def preprocess")
ASYNC_POSTPROCESS = PLAIN.replace("def postprocess", "async def postprocess")
ASYNC_PROCESS = PLAIN.replace("$process", "$async_process")
NO_MODEL_RUN = leave_out(ENGINES_WITH_A_MODEL, "the engine runs the model; there is no process")

ASYNCHRONOUS = (
    Shape("all_methods_async", ASYNC, runs_in_order),
    Shape("async_preprocess", ASYNC_PREPROCESS),
    Shape("async_postprocess", ASYNC_POSTPROCESS),
    Shape("async_process_sync_rest", ASYNC_PROCESS, meaningless=NO_MODEL_RUN),
    Shape(
        "async_load_sync_rest",
        "class Base:\n    async def load(self, local_file_name):\n"
        "        import asyncio\n        await asyncio.sleep(0)\n"
        + PLAIN.replace("class Preprocess:", "class Preprocess(Base):"),
    ),
    Shape(
        "async_gather_and_threads",
        GATHER,
        lambda run: run.expect({"y": run.y, "doubled": [2, 4, 6]}),
    ),
    Shape("async_primitives_over_requests", ONE_LOOP, counts_on_one_loop),
    Shape("async_client_made_in_load", LOADED_CLIENT, keeps_the_loop_of_load),
    Shape(
        "sync_method_returns_awaitable",
        "$imports\n\nclass Preprocess:\n"
        + ANSWER.replace("return $rows", "return self.make(body)")
        + "\n    async def make(self, body):\n        return $rows\n",
    ),
    Shape("sync_method_runs_a_loop", RUNS_A_LOOP),
    Shape("context_from_sync_to_async", CONTEXT, keeps_a_context_each),
    Shape(
        "context_from_async_to_async",
        CONTEXT.replace("    def preprocess", "    async def preprocess"),
        keeps_a_context_each,
    ),
    Shape(
        "own_async_process",
        PROCESS_IS_MINUS_ONE.replace("def process", "async def process"),
        warns_once,
    ),
)
