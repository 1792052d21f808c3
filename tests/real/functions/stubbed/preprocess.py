"""An async class with checked input, its weights an artifact of a task."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from clearml import Logger, StorageManager, Task
from pydantic import BaseModel, Field

task = Task.get_task(project_name="rates", task_name="train")
logger = Logger.current_logger()


class Rows(BaseModel):
    rows: list[list[float]] = Field(min_length=1)


class Preprocess(object):
    def __init__(self):
        self.pool = ThreadPoolExecutor(2)
        self.bias = float(task.get_parameters_as_dict()["General"]["bias"])

    def load(self, local_file_name):
        path = StorageManager.get_local_copy("s3://artifacts/rates/weights.json")
        with open(path) as f:
            self.weights = np.array(json.load(f)["w"])
        assert self.weights.tolist() == task.artifacts["weights"].get()["w"]

    async def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return Rows(**body).rows

    async def process(self, data, state, collect_custom_statistics_fn=None):
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *[loop.run_in_executor(self.pool, self._score, row) for row in data]
        )

    async def postprocess(self, data, state, collect_custom_statistics_fn=None):
        logger.report_scalar("serving", "rows", len(data), 0)
        return {"scores": data, "task": task.id}

    def _score(self, row):
        return self.weights @ np.array(row) + self.bias
