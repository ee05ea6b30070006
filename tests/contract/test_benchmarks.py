"""The benchmark runs; and what callspan must not cost is asserted where no clock is needed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks.manager import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

ROOT = Path(__file__).parents[2]


def test_the_benchmark_runs(tmp_path):
    pytest.importorskip("langgraph.prebuilt", reason="the agent needs it", exc_type=ImportError)
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert {workload["mode"] for workload in figures["workloads"]} == {"sync", "async"}
    for workload in figures["workloads"]:
        assert f"{workload['name']}, {workload['mode']} ({workload['runs']} run" in done.stdout
        assert workload["runs"] > 0
        heard = {"sync": 3, "async": 5}[workload["mode"]] if workload["tokens"] else 3  # and LangChain's own handlers
        assert len(workload["contenders"]) == 9 + heard
    assert all(f"  {verdict['gate']}: " in done.stdout for verdict in figures["gates"])


class Telling(BaseChatModel):
    """Tells its run manager of three tokens, and keeps what the manager's method was at the last one."""

    seen: Any = None

    @property
    def _llm_type(self):
        return "telling"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        for token in ("one ", "two ", "three"):
            run_manager.on_llm_new_token(token)
        self.seen.append(run_manager)
        return _result()

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        for token in ("one ", "two ", "three"):
            await run_manager.on_llm_new_token(token)
        self.seen.append(run_manager)
        return _result()


def _result():
    return ChatResult(generations=[ChatGeneration(message=AIMessage("one two three"))])


TOLD = {
    manager: vars(manager)["on_llm_new_token"] for manager in (CallbackManagerForLLMRun, AsyncCallbackManagerForLLMRun)
}
"""LangChain's own methods, before anything is instrumented."""


@pytest.mark.usefixtures("recording")
async def test_a_token_that_nobody_hears_meets_langchains_own_method():
    """Nothing of ours stands on the class or, once the first token is through, on the run manager."""
    model = Telling(seen=[])
    model.invoke("hi")
    await model.ainvoke("hi")
    assert [type(manager) for manager in model.seen] == list(TOLD)
    for manager, (cls, method) in zip(model.seen, TOLD.items(), strict=True):
        assert vars(cls)["on_llm_new_token"] is method
        assert manager.on_llm_new_token.__func__ is method
        assert "on_llm_new_token" not in vars(manager)
