"""When to try again, and how often in all: rpc/retry.h's numbers, so that C and Python callers weigh on a
service alike."""

from __future__ import annotations

import random
import time

from . import errors

ATTEMPTS_MAX = 4  # of one call, the first one counted
BASE_SECONDS, CAP_SECONDS = 0.02, 1.0
PERCENT, FLOOR, SAVED_MAX = 10, 10, 100

#: What another try may help against, where the call may be repeated at all.
AGAIN = (
    errors.Unreachable,
    errors.Busy,
    errors.NoSession,
    errors.SessionExpired,
    errors.NoMemory,
    errors.ProtocolError,
    errors.Interrupted,
    errors.Draining,
    errors.BulkLost,
)
#: Of these, what leaves the connection as it was.
CONNECTED = (errors.Busy, errors.NoMemory, errors.Interrupted, errors.BulkLost)
#: What says that the call did not run, so that any call may be sent again.
DID_NOT_RUN = (errors.Draining, errors.BulkLost)


def backoff(failures: int, after_ms: int = 0) -> float:
    """Seconds to wait: what a busy service asks for, and a random part of a range that doubles."""
    most = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(failures, 20))
    return after_ms / 1000 + random.uniform(0, most)


class Budget:
    """A tenth of all calls may be sent again, and a few where there were hardly any."""

    def __init__(self) -> None:
        self._percents = FLOOR * 100
        self._filled = time.monotonic()

    def earn(self) -> None:
        """A call was made."""
        self._percents = min(SAVED_MAX * 100, self._percents + PERCENT)

    def spend(self) -> bool:
        """One retry; False where none is left."""
        now = time.monotonic()
        earned = int(now - self._filled)
        self._filled += earned
        if self._percents < FLOOR * 100:
            self._percents = min(FLOOR * 100 + 99, self._percents + earned * 100)
        if self._percents < 100:
            return False
        self._percents -= 100
        return True
