"""Watches the running request: code that hangs leaves a trace before Lambda ends the environment.

Shortly before the deadline the stacks of all threads are logged, and user code is left where it can
be: the caller gets 504, and the environment goes on. Where it cannot, the request's record is
written (docs/decisions/0026-hanging-code.md).

Two watch, since neither sees all. A thread sees code that waits, or computes without the
interpreter's lock, as onnxruntime does. A timer of the kernel (SIGALRM) is for code that holds the
lock: a regular expression asks for signals meanwhile, and is left; of any other code faulthandler
prints the stacks, which needs no lock.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
from time import monotonic, sleep
from types import FrameType
from typing import Any

from lambda_serving.errors import TimeIsOver
from lambda_serving.messages.request import find_request
from lambda_serving.pipeline.endpoint import Endpoint
from lambda_serving.pipeline.loading import load_version
from lambda_serving.telemetry.logs import find_output, write_plainly

MARGIN = 0.9
"""Seconds before the deadline at which code is left. The fetch of a model and ``send_request`` give
up by themselves a little earlier, with an error of their own."""

LOCKED_MARGIN = 0.5
"""Seconds before the deadline of the kernel's timer: the thread has not come to run by then."""

SHARE = 6
"""The margins are a part of a short time limit: a sixth of it, and half of that."""

LONG, SHORT = MARGIN * SHARE, 1 - 1 / SHARE / 2
"""Seconds from which a time limit is a long one; when the kernel's timer rings in a shorter one."""

LOOK = 0.5
"""Seconds between two looks of the thread; nothing wakes it for a request."""

AGAIN = 0.1
"""Seconds between two attempts to leave the code."""

LEAVE = getattr(signal, "SIGRTMIN", 0) + 7
"""Signal that leaves the code of the main thread. SIGALRM may be the user's."""

NO_USERS = ("lambda_serving.user_code.failures", "lambda_serving.telemetry.record")
"""Modules that the pipeline calls between the user's methods, where nothing may be raised."""


TIMER, setitimer = signal.ITIMER_REAL, signal.setitimer


class Watchdog:
    """Of the one request that an environment serves at a time, on the main thread."""

    def __init__(self) -> None:
        self._began = 0.0
        self._deadline = math.inf
        self._told = -math.inf
        """The deadline of the request whose stacks are in the log."""
        self._main = threading.main_thread()
        self._is_telling = False
        self._has_timer: bool | None = None
        """Whether SIGALRM is ours; None before the first request."""

    def begin(self, seconds: float) -> None:
        """A request begins that has that much time."""
        self._began = now = monotonic()
        self._deadline = now + seconds
        if self._has_timer is None:
            self._start()
        if self._has_timer:
            setitimer(TIMER, seconds - LOCKED_MARGIN if seconds > LONG else seconds * SHORT)

    def end(self) -> None:
        """The request has ended."""
        self._deadline = math.inf
        if self._has_timer:
            setitimer(TIMER, 0)

    def _start(self) -> None:
        self._has_timer = False
        signal.signal(LEAVE, self._leave)
        if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:  # else it is the user's
            import faulthandler

            signal.signal(signal.SIGALRM, self._ring)
            faulthandler.register(signal.SIGALRM, file=find_output(), chain=True)
            self._has_timer = True
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _find_deadline(self) -> float:
        """Of the running request; earlier where its caller waits less long than Lambda."""
        deadline, of_request = self._deadline, find_request().deadline
        # The latest request may still be the one before.
        is_earlier = self._began < of_request < deadline < math.inf
        return of_request if is_earlier else deadline

    def _is_over(self, deadline: float) -> bool:
        """Whether the request has no more time than its answer needs."""
        return monotonic() > deadline - self._find_margin()

    def _find_margin(self) -> float:
        return min(MARGIN, (self._deadline - self._began) / SHARE)

    def _watch(self) -> None:
        while True:
            deadline = self._find_deadline()
            left = deadline - self._find_margin() - monotonic()
            if signal.getsignal(signal.SIGALRM) != self._ring:
                self._has_timer = False  # user code has set a handler: the timer is its own
            if left > 0 or deadline == self._told:
                sleep(min(max(left, AGAIN), LOOK))
            else:
                self._tell(deadline, sys._current_frames().get(self._main.ident or 0))
                self._make_leave(deadline)

    def _make_leave(self, deadline: float) -> None:
        """Try to leave the code until it is; write its record where that seems to be in vain."""
        metrics, has_record = find_request().metrics, False
        while self._find_deadline() == deadline:
            signal.pthread_kill(self._main.ident or 0, LEAVE)
            sleep(AGAIN)
            is_late = monotonic() > deadline - self._find_margin() / 2
            if is_late and not has_record and self._find_deadline() == deadline:
                has_record = True
                if metrics is not None:
                    metrics.give_up(TimeIsOver.type, TimeIsOver.status)

    def _ring(self, signal_number: int, frame: FrameType | None) -> None:
        """The kernel's timer: the thread has not come to run."""
        deadline = self._find_deadline()
        if not self._is_over(deadline):
            return
        while self._is_telling:  # the thread has come to run after all: with this, and by this
            sleep(AGAIN / 10)
        if self._told != deadline:
            self._tell(deadline, frame)
        self._leave(signal_number, frame)
        setitimer(TIMER, AGAIN)  # it could not be left here

    def _leave(self, signal_number: int, frame: FrameType | None) -> None:
        """Runs on the main thread, in the middle of what it does.

        Raises:
            TimeIsOver: within user code or a load, and nowhere else.
        """
        if self._is_over(self._find_deadline()) and is_within_user_code(frame):
            raise TimeIsOver

    def _tell(self, deadline: float, frame: FrameType | None) -> None:
        """Log the stacks, the main thread's first."""
        self._told, self._is_telling = deadline, True
        if self._has_timer:
            setitimer(TIMER, 0)
        stage, left = find_stage(frame), deadline - monotonic()
        try:
            write_plainly(
                f"{TimeIsOver.type} {TimeIsOver.status} in {stage}: it still runs {left:.1f} s"
                " before the deadline; the stacks of all threads are in this line",
                stage=stage,
                stacks=describe_stacks(frame),
            )
        finally:
            self._is_telling = False


def find_stage(frame: FrameType | None) -> str:
    """The stage that the main thread is in."""
    each = find_caller(frame)[0]
    if each is None:
        return "request"
    stage: Any = each.f_locals.get("stage")
    return "load" if stage is None else str(stage.name)


def is_within_user_code(frame: FrameType | None) -> bool:
    """Whether an exception would be translated: what user code or a library raises always is."""
    outer, inner = find_caller(frame)
    return outer is not None and inner is not None and inner.f_globals["__name__"] not in NO_USERS


def find_caller(frame: FrameType | None) -> tuple[FrameType | None, FrameType | None]:
    """The pipeline's frame, or the load's; and the one that it has called."""
    inner = None
    while frame is not None:
        if frame.f_code in (Endpoint.serve.__code__, load_version.__code__):
            return frame, inner
        inner, frame = frame, frame.f_back
    return None, None


def describe_stacks(main: FrameType | None) -> str:
    """The stacks of all threads but the watchdog's own, the innermost frame last."""
    import traceback

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.main_thread().ident
    frames = {own: main} | {
        ident: frame
        for ident, frame in sys._current_frames().items()
        if ident != own and names.get(ident) != "watchdog"
    }
    return "\n".join(
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in frames.items()
        if frame is not None
    )
