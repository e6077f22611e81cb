"""Prompts: templates, few-shot examples, and the renderer that fills them with item titles."""

from prompts.example_files import example_names, load_examples, shipped_examples
from prompts.examples import Example, draw_examples
from prompts.front_matter import FrontMatter, HistoryWindow, Labels
from prompts.persona import Leaning, Persona
from prompts.personas import Personas
from prompts.quoting import ShownItem
from prompts.renderer import PromptRenderer
from prompts.template import Template, load_template, template_names

__all__ = [
    "Example",
    "FrontMatter",
    "HistoryWindow",
    "Labels",
    "Leaning",
    "Persona",
    "Personas",
    "PromptRenderer",
    "ShownItem",
    "Template",
    "draw_examples",
    "example_names",
    "load_examples",
    "load_template",
    "shipped_examples",
    "template_names",
]
