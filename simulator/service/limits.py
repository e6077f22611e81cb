"""What a service takes at most, so that no caller can fill its memory or hold it up for ever."""

from __future__ import annotations

from dataclasses import dataclass, fields

from simulator.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; all above 0.

    Attributes:
        request_rows: Exposures in one request.
        batch_rows: Exposures that the engine gets at a time, from as many requests as fit.
        waiting_rows: Exposures that wait for the engine; past it a request is refused (503).
        body_bytes: Length of a request's body.
        seconds: How long a request may wait for its body, and then for its answer (504).
        requests: Requests under way, those included whose body is still on its way (503).

    Raises:
        ConfigError: If a bound is not above 0, or a whole request would not fit into a batch or
            into the queue.
    """

    request_rows: int = 1_024
    batch_rows: int = 1_024
    waiting_rows: int = 8_192
    body_bytes: int = 4_000_000
    seconds: float = 60.0
    requests: int = 1_024

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ConfigError(f"{field.name} = {getattr(self, field.name)} must be above 0.")
        if self.request_rows > min(self.batch_rows, self.waiting_rows):
            raise ConfigError(
                f"A request may have {self.request_rows:,} rows, a batch {self.batch_rows:,} and "
                f"the queue {self.waiting_rows:,}: a whole request must fit into both, so lower "
                "--max-rows or raise --batch-rows and --max-waiting."
            )


USUAL = Limits()
"""The bounds unless others are given."""
