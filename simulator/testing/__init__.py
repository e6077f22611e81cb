"""Contract tests for your own click model, recommender or engine; inherit one, in three lines.

```python
from simulator.testing import ClickModelContract


class TestImpatientUser(ClickModelContract):
    def click_model(self):
        return ImpatientUser()
```

Put that into a test file and run pytest. A check that fails says what is probably the cause; those
that make no sense before another one passes are skipped. To leave out a check that does not apply,
set it to None: `test_clicks_follow_the_shared_draws = None`.
"""

from simulator.testing.click_models import ClickModelContract
from simulator.testing.engines import EngineContract
from simulator.testing.recommenders import RecommenderContract

__all__ = ["ClickModelContract", "EngineContract", "RecommenderContract"]
