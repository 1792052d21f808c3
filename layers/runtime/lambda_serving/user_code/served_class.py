"""Makes the user's ``Preprocess``, with ``send_request`` set before ``__init__`` runs.

As in ClearML Serving (preprocess_service.py, ``PreprocessDelWrapper``), the instance belongs to a
subclass with ``send_request``; the user's class stays unchanged. The subclass has a ``__dict__``,
so that ``model_endpoint`` can be set even if the class has ``__slots__`` or is frozen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import new_class
from typing import Any

logger = logging.getLogger("lambda_serving")

COPIED = ("__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__")
"""What a class says of its source, for ``inspect.getsource`` and the like."""


class Served:
    """First base of the subclass."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """The user's own is not run: it would register a class that nobody wrote."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles hold the user's class, which any process can import."""
        reduced = super().__reduce_ex__(protocol)
        if not isinstance(reduced, tuple):
            return reduced
        function, arguments, *rest = reduced
        served, written = type(self), find_written(type(self))
        own = (written if each is served else each for each in arguments)
        return (call, (function, *own), *rest)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """For pickles, which take ``copyreg.__newobj__`` itself with the object's own class alone."""
    return function(*arguments)


def find_written(served: type) -> type:
    """The class that the user wrote."""
    return served.__mro__[2] if Served in served.__mro__[1:2] else served


def make_instance(found: Any, send_request: Callable[..., Any]) -> Any:
    """``found()``, where that is a class with ``send_request`` from the beginning.

    A class that cannot be subclassed, a factory and an instance that is called make what they
    make; ``send_request`` is set on it afterwards, and may be refused.
    """
    served = subclass(found, send_request) if isinstance(found, type) else None
    instance = found() if served is None else served()
    if served is None or not isinstance(instance, served):
        set_attribute(instance, "send_request", send_request)
    return instance


def subclass(written: type, send_request: Callable[..., Any]) -> type | None:
    """The user's class with ``send_request``; None where it takes no subclass."""
    own = {name: vars(written)[name] for name in COPIED if name in vars(written)}
    own |= {"__qualname__": written.__qualname__, "send_request": staticmethod(send_request)}
    try:
        return new_class(
            written.__name__, (Served, written), exec_body=lambda body: body.update(own)
        )
    except Exception as error:  # noqa: BLE001  (a metaclass of the user's, or a final class)
        logger.debug("%s cannot be subclassed: %s", written.__name__, error)
        return None


def set_attribute(instance: Any, name: str, value: Any) -> None:
    """Set what ClearML sets, first as code would: a ``__setattr__`` or a property may take it.

    Where a ``__setattr__`` refuses (frozen attrs classes, pydantic models), past it. A read-only
    property of that name stays: the class has what it wrote.
    """
    try:
        setattr(instance, name, value)
    except Exception:  # noqa: BLE001  (the user's own __setattr__)
        try:
            object.__setattr__(instance, name, value)
        except (AttributeError, TypeError):
            if not hasattr(type(instance), name):
                kind = type(instance).__name__
                logger.warning("an instance of %s takes no attributes: no %s on it", kind, name)
