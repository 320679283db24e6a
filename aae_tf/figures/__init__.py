"""Pictures of a run or of several; Matplotlib is imported here alone."""

import os
import sys

if "matplotlib" not in sys.modules:
    # It refuses to be imported where this names no backend that it knows. None is needed here.
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib  # noqa: F401
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
