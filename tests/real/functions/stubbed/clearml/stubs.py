import json
from pathlib import Path

FOLDER = Path(__file__).parents[1]


class Artifact:
    def __init__(self, name):
        self.name = name

    def get(self):
        return json.loads((FOLDER / f"{self.name}.json").read_text())

    def get_local_copy(self):
        return str(FOLDER / f"{self.name}.json")


class Task:
    def __init__(self, task_id):
        self.id = task_id
        self.artifacts = {"weights": Artifact("weights")}

    @classmethod
    def get_task(cls, task_id=None, project_name=None, task_name=None):
        return cls(task_id or f"{project_name}/{task_name}")

    def get_parameters_as_dict(self):
        return {"General": {"bias": "0.5"}}


class StorageManager:
    @staticmethod
    def get_local_copy(remote_url, **_):
        return str(FOLDER / remote_url.rpartition("/")[2])


class Logger:
    reported = []

    @classmethod
    def current_logger(cls):
        return cls()

    def report_scalar(self, title, series, value, iteration):
        self.reported.append((title, series, value, iteration))
