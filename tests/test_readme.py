import re
from pathlib import Path

import pytest
from contracts import failures

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.slow
def test_the_examples_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)
    assert "similarity" in capsys.readouterr().out
    assert failures(scope["TestImpatientUser"]) == {}


def test_a_users_own_parts_stay_short() -> None:
    text = README.read_text(encoding="utf-8")
    for title in ("## Your own users", "## Your own recommender"):
        block = text.split(title)[1].split("```python\n")[1].split("```")[0]
        assert len(block.strip().splitlines()) <= 15
