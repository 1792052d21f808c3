"""Every shape of a ``Preprocess``, one row each; a new engine meets them all."""

from tests.contract.shapes_async import ASYNCHRONOUS
from tests.contract.shapes_classes import CLASSES
from tests.contract.shapes_code import CODE
from tests.contract.shapes_lives import LIVES
from tests.contract.shapes_methods import METHODS
from tests.contract.shapes_requests import REQUESTS
from tests.contract.shapes_results import RESULTS
from tests.contract.shapes_state import STATES
from tests.contract.shapes_versions import VERSIONS

SHAPES = (
    *METHODS,
    *ASYNCHRONOUS,
    *CLASSES,
    *STATES,
    *CODE,
    *REQUESTS,
    *RESULTS,
    *VERSIONS,
    *LIVES,
)
