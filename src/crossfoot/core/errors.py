"""Every error Crossfoot raises, named by what to do next.

::

    CrossfootError
    ├── RetryLater            wait (``after_s``) and do the same again
    ├── OutcomeUnknown        a write may or may not have happened: look before resending
    ├── Rejected              the other side refused: somebody must change something first
    ├── NeedsReauthorisation  the grant is gone: connect again
    ├── NeedsPerson           settings, input or a decision are missing: the message says which, where and how
    │   └── BadSettings       several problems in ``crossfoot.yaml``, each with its place
    ├── Stopped               a guard or the brake holds the run; nothing was written (exit status 2)
    └── Defect                Crossfoot contradicts itself: report it, with the message

What a person caused is told in one sentence and never with a stack trace.
"""

from __future__ import annotations

from collections.abc import Sequence


class CrossfootError(Exception):
    """Root of the tree. ``str(error)`` is a sentence for the reader."""


class RetryLater(CrossfootError):
    """Nothing happened, or nothing harmful: the same call may be made again after ``after_s`` seconds."""

    def __init__(self, message: str, *, after_s: float, limit: str = "") -> None:
        super().__init__(message)
        self.after_s = after_s
        self.limit = limit


class OutcomeUnknown(CrossfootError):
    """A write left and no usable answer came back: it may have been done."""


class Rejected(CrossfootError):
    """The vendor definitely refused. Keeps status, code, request id and the vendor's own words."""

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", request_id: str = "", reasons: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.reasons = tuple(reasons) or (message,)


class NeedsReauthorisation(CrossfootError):
    """The access that was granted has ended; only ``crossfoot connect`` helps. ``code`` is the vendor's own word."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NeedsPerson(CrossfootError):
    """Something only a person can supply or decide is missing; the message says what, where and how."""


class BadSettings(NeedsPerson):
    """``crossfoot.yaml`` is wrong in one or more places; all of them are told at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Stopped(CrossfootError):
    """A guard or the brake stopped the run before it wrote (or wrote more)."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Defect(CrossfootError):
    """Crossfoot found itself in a state that its own rules forbid."""
