"""What ``Preprocess.model_endpoint`` says of the endpoint."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Handler

TOML = 'endpoint = "made"\nengine = "custom"\n'
ENDPOINT = """
import pickle
class Preprocess:
    def process(self, data, state, collect_custom_statistics_fn=None):
        own = self.model_endpoint
        before = own.as_dict()
        before["auxiliary_cfg"] = before["input_name"] = 0
        seen = [own.as_dict(), own.as_dict(True), own.as_dict(remove_null_entries=True)]
        own.version, own.more = "changed", 1
        again = pickle.loads(pickle.dumps(own))
        changed = own.as_dict()
        return [*seen, changed["version"], again == own, repr(own)[:36], "more" in changed]
"""


def test_model_endpoint(
    make_folder: Callable[..., Path], start_handler: Callable[..., Handler]
) -> None:
    known = {
        "engine_type": "custom",
        "serving_url": "made",
        "version": "1",
        "preprocess_artifact": "preprocess.py",
        "input_name": ["a"],
        "input_type": ["float32"],
        "input_size": [[-1, 2]],
        "auxiliary_cfg": {"a": {"b": [1]}},
    }
    absent = dict.fromkeys(["model_id", "output_name", "output_type", "output_size"])
    toml = (
        f"{TOML}[input]\nname = ['a']\ntype = ['float32']\nsize = [[-1, 2]]\n"
        "[auxiliary_cfg.a]\nb = [1]\n"
    )
    answer = start_handler(make_folder(toml, ENDPOINT))({})
    assert answer[:3] == [known | absent, known, known]
    assert answer[3:] == ["changed", True, "ModelEndpoint(engine_type='custom', ", False]
