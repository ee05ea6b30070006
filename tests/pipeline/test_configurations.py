"""The configurations that users run: real servers accept them, and docker-compose.yml fits them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline import build_servers
from tests.pipeline.otlp_json import BADGER_BYTES
from tests.pipeline.servers import ROOT

yaml = pytest.importorskip("yaml", reason="needs pyyaml")

CONFIGURATIONS = ("collector-config.yaml", "jaeger.yaml", "jaeger-badger.yaml")


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@pytest.mark.parametrize(
    ("server", "files"),
    [
        (build_servers.COLLECTOR, ["collector-config.yaml"]),
        (build_servers.JAEGER, ["jaeger.yaml"]),
        (build_servers.JAEGER, ["jaeger.yaml", "jaeger-badger.yaml"]),
    ],
)
def test_the_real_server_accepts_it(server: str, files: list[str], binaries: Path) -> None:
    """As it stands, without any variable set, the configuration has no wrong key and no wrong value."""
    options = [f"--config={ROOT / file}" for file in files]
    done = subprocess.run(
        [binaries / server, "validate", *options], env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_container_is_the_collector_that_is_tested(services: dict[str, Any]) -> None:
    """The image has the version that `make servers` builds."""
    built = yaml.safe_load(build_servers.MANIFEST.read_text(encoding="utf-8"))["dist"]["version"]
    assert services["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{built}"
    assert build_servers.BUILDER.endswith(f"@v{built}")


def test_every_variable_that_compose_sets_is_read(services: dict[str, Any]) -> None:
    """No variable of docker-compose.yml is misspelt: Go reads the one, a configuration the others."""
    texts = "".join((ROOT / file).read_text(encoding="utf-8") for file in CONFIGURATIONS)
    read = set(re.findall(r"\$\{env:(\w+)", texts))
    written = {name for service in services.values() for name in service["environment"]}
    assert written - read == {"GOMEMLIMIT"}


def test_every_mounted_file_is_there_and_is_used(services: dict[str, Any]) -> None:
    """What a container's command names is a file of this repository, mounted there."""
    for service in services.values():
        mounts = [volume.split(":") for volume in service["volumes"] if volume.startswith("./")]
        assert [source for source, *_ in mounts if not (ROOT / source).is_file()] == []
        assert [f"--config={target}" for _, target, _ in mounts] == service["command"]


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    """Every published port is on the loopback address."""
    ports = [port for service in services.values() for port in service["ports"]]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_badger_would_refuse_is_cut_before(services: dict[str, Any]) -> None:
    """The Collector before a Jaeger with Badger cuts values to what the tests have shown to be stored."""
    assert services["collector"]["environment"]["COLLECTOR_MAX_VALUE_BYTES"] == str(BADGER_BYTES)
