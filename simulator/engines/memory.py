"""What to do when memory does not suffice for a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simulator.errors import EngineError

_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python's, torch's or vLLM's says that memory ran out.

    Torch has an error of its own for accelerators, which is a RuntimeError; on a CPU it raises the
    bare RuntimeError.
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | ValueError) and any(
        words in str(error).lower() for words in _WORDS
    )


@contextmanager
def enough_memory(cure: str) -> Iterator[None]:
    """Tell what to lower where memory runs out.

    Args:
        cure: What this engine can do with less of.

    Raises:
        EngineError: In place of Python's or torch's own error.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        said = str(error).partition("\n")[0].strip().rstrip(".")
        raise EngineError(
            f"Memory ran out while the model answered ({said or type(error).__name__}). {cure} "
            "What was answered before is kept in the decision cache, and the same command goes on."
        ) from error
