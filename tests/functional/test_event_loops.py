"""``asyncio.get_event_loop()`` in methods that are plain ``def``, as code of many years has it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Handler

CODE = """
{head}
class Preprocess:
    def __init__(self):
        {imports}
        self.loop = asyncio.get_event_loop()
        self.queue = self.loop.run_until_complete(self.make())

    async def make(self):
        import asyncio
        return asyncio.Queue(1)

    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        import asyncio
        same = asyncio.get_event_loop() is self.loop
        self.loop.run_until_complete(self.queue.put(body["x"]))
        if body.get("runs"):
            asyncio.run(asyncio.sleep(0))
        if body.get("closes"):
            asyncio.set_event_loop(asyncio.new_event_loop())
            asyncio.get_event_loop().close()
        return same

    async def process(self, data, state, collect_custom_statistics_fn=None):
        import asyncio
        found = await asyncio.wait_for(self.queue.get(), 5)
        return [data, found, asyncio.get_running_loop() is self.loop]
"""


@pytest.mark.parametrize(
    ("head", "imports"), [("import asyncio", "pass"), ("", "global asyncio; import asyncio")]
)
@pytest.mark.parametrize("engine", ["custom", "custom_async"])
def test_it_is_the_loop_of_async_methods(
    make_folder: Callable[..., Path],
    start_handler: Callable[..., Handler],
    engine: str,
    head: str,
    imports: str,
) -> None:
    """Whatever becomes of the current one in between."""
    toml = f'endpoint = "loops"\nengine = "{engine}"\n'
    handler = start_handler(make_folder(toml, CODE.format(head=head, imports=imports)))
    for more in ({}, {"runs": 1}, {}, {"closes": 1}, {}):
        assert handler({"x": 5} | more) == [True, 5, True]
