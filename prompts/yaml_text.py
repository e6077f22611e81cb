"""YAML that somebody wrote: read as plain data, with every fault told by its line."""

from __future__ import annotations

import yaml

from simulator.errors import PromptError

# What PyYAML lets through when it makes a value of a text, such as a date with a 13th month.
_UNMADE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


def parse_yaml(text: str, place: str, first_line: int = 1) -> object:
    """What a YAML text says.

    Args:
        text: The YAML.
        place: The file's name, for errors.
        first_line: The line of the file in which the text starts.

    Raises:
        PromptError: If it is no YAML; names the file and the line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        what = getattr(error, "problem", None) or error
        raise PromptError(f"{place}, line {line}: not valid YAML: {what}.") from error
    except RecursionError as error:
        raise PromptError(f"{place}: not valid YAML: nested too deeply.") from error
    except _UNMADE as error:
        raise PromptError(
            f"{place}: not valid YAML: a value cannot be read ({error}); put it in quotes."
        ) from error
