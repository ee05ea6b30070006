"""An interaction log as JSON lines: what was asked and answered, without the secrets in it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import callspan
from callspan.testing import ScriptedChatModel


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "calls.jsonl")
        callspan.instrument(callbacks=[callspan.Recorder(path)], content="span_only")
        with callspan.session("chat-7", user="ada"):
            ScriptedChatModel("I did not see it").invoke("My key is sk-abcdefghijklmnopqrstuvwxyz123456")
        for line in path.read_text(encoding="utf-8").splitlines():
            call = json.loads(line)
            asked = call["said"]["gen_ai.input.messages"][0]["parts"][0]["content"]
            answered = call["said"]["gen_ai.output.messages"][0]["parts"][0]["content"]
            print(f"{call['user']} asked {call['model']}: {asked!r}, and it said {answered!r}")


if __name__ == "__main__":
    main()
