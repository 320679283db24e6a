"""What a request may ask, checked before anything is computed; and answers as JSON."""

from __future__ import annotations

import ipaddress
import json
import urllib.parse
from collections.abc import Sequence
from typing import Any

import numpy as np

CODES_AT_MOST = 400  # in one request


class RequestError(Exception):
    """A request that gets an answer of 4xx.

    Args:
      status: of the answer.
      reason: in words, for whoever sent it.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def to_json(content: Any) -> bytes:
    """JSON; null for a number that isn't finite."""
    # A network of wild weights may give infinite numbers, for which JSON has no word.
    return json.dumps(_finite(content), allow_nan=False).encode()


def _finite(content):
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def parse_codes(asked: Any, latent_dim: int) -> np.ndarray:
    """Codes of a request, float32 `(n, latent_dim)`; RequestError if they are anything else."""
    shape = f"1 to {CODES_AT_MOST} codes of {latent_dim} finite numbers each"
    wrong = RequestError(400, f"'codes': expected a list of {shape}")
    if not isinstance(asked, list) or not 1 <= len(asked) <= CODES_AT_MOST:
        raise wrong
    for code in asked:
        if not isinstance(code, list) or len(code) != latent_dim:
            raise wrong
        if not all(type(number) in (int, float) for number in code):
            raise wrong
    try:
        with np.errstate(over="ignore"):
            found = np.array(asked, np.float64).astype(np.float32)
    except OverflowError:
        raise wrong from None
    if not np.isfinite(found).all():
        raise wrong
    return found


def parse_category(asked: Any, categories: Sequence[str]) -> int:
    """The number of a category; RequestError if there is none such."""
    if type(asked) is not int or not 0 <= asked < max(1, len(categories)):
        last = max(0, len(categories) - 1)
        raise RequestError(400, f"'category': expected a whole number from 0 to {last}")
    return asked


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object that a request is; RequestError if it is anything else."""
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise RequestError(400, "the request is no JSON that can be read") from None
    if not isinstance(asked, dict):
        raise RequestError(400, "expected a JSON object")
    return asked


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, at whatever port a tunnel may give it."""
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
