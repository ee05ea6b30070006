"""Build the real OpenTelemetry Collector and the real Jaeger for the tests; `make servers` runs this.

Both come from the Go module proxy and need nothing but Go: about ten minutes on two cores, three gigabytes in Go's
own caches. The binaries are kept in `$CALLSPAN_SERVERS` (`~/.cache/callspan/servers` if not set), in a folder named
after what they were built from, so that a second call does nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MANIFEST = Path(__file__).with_name("otelcol-builder.yaml")
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.159.0"
COLLECTOR = "otelcol-callspan"
JAEGER = "jaeger"
JAEGER_MODULE = "github.com/jaegertracing/jaeger"
# Jaeger 2.13.0, the last one that Go can fetch: its module path has no `/v2`.
JAEGER_VERSION = "v1.76.0"
# Jaeger's own module file has this line too; `go install` refuses modules with one, and a module of ours repeats it.
JAEGER_REPLACES = "github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0"


def built() -> Path | None:
    """Give the folder with both servers as this project wants them, the newest if several versions of Go made some."""
    made = [folder for folder in _cache().glob(f"{_wanted()}-*") if folder.is_dir()]
    return max(made, key=lambda folder: folder.stat().st_mtime, default=None)


def main() -> int:
    """Build what is missing; the exit code is 1 if there is no Go, else the one of what failed."""
    if shutil.which("go") is None:
        print("The servers are written in Go: install Go 1.26 or newer (https://go.dev/dl/) and", file=sys.stderr)
        print("have `go` on the PATH. Without them the tests in tests/pipeline are skipped.", file=sys.stderr)
        return 1
    version, system, processor = _told("go", "env", "GOVERSION", "GOOS", "GOARCH").split()
    folder = _cache() / f"{_wanted()}-{version}-{system}-{processor}"
    if folder.is_dir():
        print(f"The servers are in {folder}")
        return 0
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder and renamed in the end: what was interrupted is never taken for whole.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        servers = Path(scratch, "servers")
        servers.mkdir()
        try:
            _timed("the Collector", _build_collector, Path(scratch), servers)
            _timed("Jaeger", _build_jaeger, Path(scratch), servers)
        except subprocess.CalledProcessError as error:
            print(f"failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
            return error.returncode
        if not folder.is_dir():
            servers.rename(folder)
    print(f"The servers are in {folder}")
    return 0


def _cache() -> Path:
    return Path(os.environ.get("CALLSPAN_SERVERS") or Path.home() / ".cache/callspan/servers").absolute()


def _wanted() -> str:
    """Name what the servers are built from: a change of any of it makes another name."""
    parts = [MANIFEST.read_text(encoding="utf-8"), BUILDER, JAEGER_MODULE, JAEGER_VERSION, JAEGER_REPLACES]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _build_collector(scratch: Path, servers: Path) -> None:
    work = scratch / "collector"
    work.mkdir()
    _run(["go", "install", BUILDER], work, GOBIN=str(work))
    _run([work / "builder", "--config", MANIFEST], work)
    shutil.move(work / "_build" / COLLECTOR, servers)


def _build_jaeger(scratch: Path, servers: Path) -> None:
    work = scratch / "jaeger"
    work.mkdir()
    (work / "go.mod").write_text(
        f"module jaeger\n\ngo 1.26\n\nrequire {JAEGER_MODULE} {JAEGER_VERSION}\n\nreplace {JAEGER_REPLACES}\n"
    )
    # Jaeger's own checksums pin everything below it.
    fetched = json.loads(_told("go", "mod", "download", "-json", f"{JAEGER_MODULE}@{JAEGER_VERSION}", where=work))
    (work / "go.sum").write_bytes(Path(fetched["Dir"], "go.sum").read_bytes())
    build = ["go", "build", "-mod=mod", "-trimpath", "-ldflags", "-s -w"]
    _run([*build, "-o", servers / JAEGER, f"{JAEGER_MODULE}/cmd/jaeger"], work)


def _timed(what: str, build: Callable[[Path, Path], None], scratch: Path, servers: Path) -> None:
    print(f"Building {what}: some minutes the first time", flush=True)
    begun = time.monotonic()
    build(scratch, servers)
    print(f"Built {what} in {time.monotonic() - begun:.0f} s", flush=True)


def _run(command: Sequence[str | Path], where: Path, **environment: str) -> None:
    subprocess.run(command, cwd=where, check=True, env=os.environ | {"GOWORK": "off"} | environment)


def _told(*command: str, where: Path | None = None) -> str:
    done = subprocess.run(command, cwd=where, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
