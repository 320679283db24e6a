"""How asking a model can fail, and when to ask again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from aae_tf.errors import UserError

LONGEST = 300  # characters of what a server says
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds

Answer = TypeVar("Answer")


class PredictionError(UserError):
    """A model's answer can't be had, read or written."""


class Unavailable(PredictionError):
    """No server is there, or it says that it can't answer now."""


class Missing(PredictionError):
    """The server doesn't have the model, or not in that version."""


class Refused(PredictionError):
    """The model can't use what it was sent; the message is the model's own."""


def failure(server: str, code: str, words: str, timeout: float) -> PredictionError:
    """The error for what a server answered.

    Args:
      server: the value of --server.
      code: name of gRPC's status, or what else is known of the failure.
      words: the server's.
      timeout: seconds that it had.
    """
    said = in_one_line(words)
    if code == "INVALID_ARGUMENT":
        return Refused(said)
    if code == "NOT_FOUND":
        return Missing(said)
    if code == "DEADLINE_EXCEEDED":
        return PredictionError(
            f"--server={server}: no answer within --timeout={timeout:g} seconds; try a longer one, "
            "or a smaller --predict_batch_size"
        )
    if code == "UNAVAILABLE":
        return Unavailable(f"--server={server}: no server answers ({said})")
    return PredictionError(f"--server={server}: {code}: {said}")


def in_one_line(words: str) -> str:
    """What a model or a server says, without TensorFlow's account of where it happened."""
    asserted = re.search(r"assertion failed: \[(.*?)\]", words, re.DOTALL)
    if asserted:
        words = asserted[1]
    words = re.sub(r"Graph execution error:|Detected at node .*?(\n|$)", " ", words)
    words = re.sub(r"<stack traces unable to be found>", " ", words)
    words = words.partition("[[{{node")[0].partition("[Op:")[0]
    said = " ".join(words.split())
    return said if len(said) <= LONGEST else said[:LONGEST] + "..."


def retried(attempt: Callable[[], Answer], retries: int, first_wait: float = FIRST_WAIT) -> Answer:
    """What an attempt gives, repeated while nobody is available.

    Waits twice as long before each further attempt. To ask a model twice does no harm: it keeps
    nothing.

    Args:
      attempt: raises Unavailable where another attempt may get through.
      retries: attempts after the first.
      first_wait: seconds before the second attempt.
    """
    for wait in range(retries):
        try:
            return attempt()
        except Unavailable:
            time.sleep(min(first_wait * 2 ** min(wait, 10), LONGEST_WAIT))
    return attempt()
