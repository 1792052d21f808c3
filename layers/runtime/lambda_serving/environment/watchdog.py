"""Watches the running request: code that hangs leaves a trace before Lambda ends the environment.

Shortly before the deadline the stacks of all threads are logged, and user code is left where it can
be: the caller gets 504, and the environment goes on. Where it cannot, the request's record is
written (docs/decisions/0029-hanging-code.md).

Three watch, since none sees all. A thread sees code that waits, or computes without the
interpreter's lock, as onnxruntime does. A timer of the kernel (SIGALRM) is for code that holds the
lock and asks for signals, as a regular expression does. Of other code that holds it faulthandler
prints the stacks, which needs no lock, if the thread has seen the request before.
"""

from __future__ import annotations

import faulthandler
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

SHARE = 6
"""The margin of a short time limit is a sixth of it. The kernel's timer rings when half of the
margin is left, and faulthandler prints when a third is."""

LOOK = 0.5
"""Seconds between two looks of the thread; nothing wakes it for a request."""

AGAIN = 0.1
"""Seconds between two attempts to leave the code."""

LEAVE = getattr(signal, "SIGRTMIN", 0) + 7
"""Signal that leaves the code of the main thread. SIGALRM may be the user's."""

NO_USERS = ("lambda_serving.user_code.failures", "lambda_serving.telemetry.record")
"""Modules that the pipeline calls between the user's methods, where nothing may be raised."""


class Watchdog:
    """Of the one request that an environment serves at a time, on the main thread."""

    def __init__(self) -> None:
        self._began = 0.0
        self._deadline = math.inf
        self._told = -math.inf
        """The deadline of the request whose stacks are in the log."""
        self._main = threading.main_thread()
        self._is_telling = False
        self._is_started = False
        self._rings_for = math.inf
        """The deadline for which the kernel's timer is set; an earlier request's, as a rule."""
        self._is_dumped_later = False
        """Whether faulthandler waits for the end of this request."""

    def begin(self, seconds: float) -> None:
        """A request begins that has that much time."""
        self._began = now = monotonic()
        self._deadline = now + seconds
        if self._deadline < self._rings_for:
            self._set_timer()

    def end(self) -> None:
        """The request has ended. The timer stays: it may do for the next one."""
        self._deadline = math.inf
        if self._is_dumped_later:
            self._is_dumped_later = False
            faulthandler.cancel_dump_traceback_later()

    def _set_timer(self) -> None:
        """Let the kernel's timer ring for this request, unless SIGALRM is the user's."""
        if not self._is_started:
            if threading.current_thread() is not self._main:  # an emulator's: no signal reaches it
                self._rings_for = -math.inf
                return
            self._is_started = True
            signal.signal(LEAVE, self._leave)
            if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
                signal.signal(signal.SIGALRM, self._ring)
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        self._rings_for = self._deadline
        if signal.getsignal(signal.SIGALRM) == self._ring:
            left = self._deadline - self._find_margin() / 2 - monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(left, AGAIN))

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
        seen = math.inf
        while True:
            deadline = self._find_deadline()
            left = deadline - self._find_margin() - monotonic()
            if deadline == seen < math.inf and left > 0 and not self._is_dumped_later:
                self._dump_later(deadline)  # quick requests have ended before a second look
            seen = deadline
            if self._rings_for < monotonic():  # user code has used the timer
                self._rings_for = math.inf
            if left > 0 or deadline == self._told:
                sleep(min(max(left, AGAIN), LOOK))
            else:
                self._tell(deadline, sys._current_frames().get(self._main.ident or 0))
                self._make_leave(deadline)

    def _dump_later(self, deadline: float) -> None:
        """Let faulthandler print the stacks if this thread does not come to run by then."""
        seconds = deadline - self._find_margin() / 3 - monotonic()
        faulthandler.dump_traceback_later(seconds, file=find_output())
        self._is_dumped_later = True
        if self._find_deadline() != deadline:  # it has ended meanwhile
            self._is_dumped_later = False
            faulthandler.cancel_dump_traceback_later()

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
        self._rings_for = math.inf
        if not self._is_over(deadline):
            if deadline < math.inf:
                self._set_timer()
            return
        while self._is_telling:  # the thread has come to run after all: with this, and by this
            sleep(AGAIN / 10)
        if self._told != deadline:
            self._tell(deadline, frame)
        self._leave(signal_number, frame)
        self._set_timer()  # it could not be left here

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
        if self._is_dumped_later:
            self._is_dumped_later = False
            faulthandler.cancel_dump_traceback_later()
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
