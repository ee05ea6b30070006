"""How the scripted server counts: made-up but always the same, so that a test can state the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def count(text: str) -> int:
    """Count a text's tokens: one for each four characters begun.

    Args:
        text: Any text.
    """
    return (len(text) + 3) // 4


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Count what a chat request sends: its messages and the tools it offers.

    Args:
        body: The request.
    """
    return count(json.dumps([body.get("messages", []), body.get("tools", [])]))


def usage(prompt: int, said: str) -> dict[str, Any]:
    """Build the `usage` of a chat completion: half of the prompt was cached, a third of the answer thought.

    As in OpenAI's counts, the details are parts of the totals and never come on top.

    Args:
        prompt: The tokens of the request.
        said: The answer.
    """
    spoken = count(said)
    thought = spoken // 2
    return {
        "prompt_tokens": prompt,
        "completion_tokens": spoken + thought,
        "total_tokens": prompt + spoken + thought,
        "prompt_tokens_details": {"cached_tokens": prompt // 2, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
