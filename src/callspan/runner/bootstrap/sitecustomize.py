"""What Python imports first in a program under `callspan run`, and in every Python that it starts.

Nothing but this file is in its folder, which is all that is put on the program's path.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _go_on() -> None:
    """Do what Python would have done without us: import the next module of this name."""
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _begin() -> None:
    try:
        from callspan.runner.session import begin
    except ImportError:  # a Python that the program starts may be another one, without us
        return
    begin(_FOLDER)


_FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is dear to import at every start
sys.path[:] = [path for path in sys.path if path != _FOLDER]
try:
    _go_on()
finally:
    _begin()
