"""Engines: prompts in, label probabilities or text out. Importing this loads no model library."""

from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.encoding import Encoder
from simulator.engines.labels import LabelTokens, label_tokens
from simulator.engines.limited import Budget, LimitedEngine
from simulator.engines.loading import RunningEngine, load_prompt_encoder, open_engine
from simulator.engines.models import ResolvedModel, default_model, resolve_model
from simulator.engines.openai_server import OpenAIServerEngine
from simulator.engines.presets import PRESETS, ModelPreset
from simulator.engines.scripted import ScriptedEngine
from simulator.engines.server_pool import Retrying
from simulator.engines.transformers_local import TransformersEngine
from simulator.engines.vllm_local import VllmEngine

__all__ = [
    "PRESETS",
    "Budget",
    "CachedEngine",
    "DecisionCache",
    "Encoder",
    "LabelTokens",
    "LimitedEngine",
    "ModelPreset",
    "OpenAIServerEngine",
    "ResolvedModel",
    "Retrying",
    "RunningEngine",
    "ScriptedEngine",
    "TransformersEngine",
    "VllmEngine",
    "default_model",
    "label_tokens",
    "load_prompt_encoder",
    "open_engine",
    "resolve_model",
]
