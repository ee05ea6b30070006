"""Install the real Arize Phoenix and the real MLflow for the tests; `make viewers` runs this.

Each gets a virtual environment of its own, with pip: about a minute each, one gigabyte together. They are kept in
`$CALLSPAN_VIEWERS` (`~/.cache/callspan/viewers` if not set), in a folder named after its version and the Python that
runs it, so that a second call does nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PHOENIX = "arize-phoenix==20.26.1"
MLFLOW = "mlflow==3.17.2"


def python_of(viewer: str) -> Path | None:
    """Give the interpreter of a viewer's environment, if it is there; any Python's will do, tests only talk to it.

    Args:
        viewer: The package and its version.
    """
    made = sorted(_cache().glob(f"{viewer.replace('==', '-')}-python*/bin/python"))
    return made[0] if made else None


def main() -> int:
    """Install what is missing; the exit code is that of what failed."""
    for viewer in (PHOENIX, MLFLOW):
        if python_of(viewer) is None:
            print(f"Installing {viewer}: a minute the first time", flush=True)
            try:
                _install(viewer)
            except subprocess.CalledProcessError as error:
                print(f"failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
                return error.returncode
        print(f"{viewer} is run by {python_of(viewer)}")
    return 0


def _cache() -> Path:
    return Path(os.environ.get("CALLSPAN_VIEWERS") or Path.home() / ".cache/callspan/viewers").absolute()


def _install(viewer: str) -> None:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = _cache() / f"{viewer.replace('==', '-')}-{python}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder and renamed in the end: what was interrupted is never taken for whole.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as scratch:
        made = Path(scratch, "environment")
        venv.create(made, with_pip=True)
        subprocess.run([made / "bin/python", "-m", "pip", "install", "--quiet", viewer], check=True)
        made.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
