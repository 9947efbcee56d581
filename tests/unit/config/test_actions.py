"""Actions of rules and their limits, from arguments and from a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from tocsin.artifacts import ArtifactBounds
from tocsin.config import AlertConfig, load_config
from tocsin.errors import ConfigError
from tocsin.model.action import ActionLimits, parse_action

RULE = '[[rule]]\nname = "r"\nmetric = "app.level"\nthreshold = 1\nactions = '


def read(text: str, folder: Path) -> AlertConfig:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_a_file_gives_a_rule_its_actions_and_commands_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "two words"
    folder.mkdir()
    actions = [
        "heap_snapshot",
        "stacks:2s",
        "call:app.f",
        "run:./drain.sh 'a b'",
        "run:../x",
        "run:echo hi",
        "run:/bin/x",
    ]
    config = read(RULE + str(actions), Path("two words"))
    here = str(tmp_path)
    assert config.rules[0].actions == (
        "heap_snapshot", "stacks:2s", "call:app.f", f"run:{shlex.join([f'{here}/two words/drain.sh', 'a b'])}",
        f"run:{here}/x", "run:echo hi", "run:/bin/x",
    )  # fmt: skip
    assert parse_action(config.rules[0].actions[3]).argv == (f"{here}/two words/drain.sh", "a b")


def test_a_wrong_action_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(RULE + '["stacks:2h"]', tmp_path)
    [problem] = caught.value.problems
    assert problem.where.endswith("tocsin.toml:5")
    assert problem.key == "rule[0].actions"
    assert "a time from 100 ms to 60 s" in problem.expected
    with pytest.raises(ConfigError, match="a list of texts"):
        read(RULE + "5", tmp_path)


def test_what_is_not_there_is_a_remark_and_no_mistake(tmp_path: Path) -> None:
    config = read(RULE + '["run:./gone.sh", "call:no_such_module.f", "call:json.dumps", "run:sh -c true"]', tmp_path)
    gone, module = config.warnings
    assert f"there is no program '{tmp_path}/gone.sh' that can be run" in gone
    assert module == "rule 'r': call:no_such_module.f: there is no module 'no_such_module' here"


def test_the_limits_have_defaults_and_may_be_said_one_by_one() -> None:
    plain = AlertConfig()
    assert plain.action_limits == ActionLimits() == plain.alert_settings().actions
    assert plain.artifact_bounds == ArtifactBounds()
    config = AlertConfig(
        actions={"cooldown": "5 min", "count": 3, "max_memory": "80 %"}, artifacts={"size": "5 MB", "age": "1 d"}
    )
    assert config.action_limits == ActionLimits(cooldown_s=300.0, count=3)
    assert (config.actions["deadline"], config.actions["growth"], config.actions["max_memory"]) == (
        30.0,
        256_000_000,
        80.0,
    )
    assert config.artifact_bounds == ArtifactBounds(size_bytes=5_000_000, age_s=86_400.0)
    assert config.replace(name="x").actions == config.actions
    assert "actions={'cooldown': 300.0, 'count': 3, 'max_memory': 80.0}" in repr(config)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"actions": {"cooldown": -1}}, "from 0 s to 7 d"),
        ({"actions": {"count": 0}}, "a whole number from 1"),
        ({"actions": {"deadline": "2 h"}}, "from 50 ms to 1 h"),
        ({"actions": {"growth": 5}}, "a size such as '256 MB'"),
        ({"actions": {"max_cpu": "5 %"}}, "of 10 % or more"),
        ({"actions": {"max_cpu": 0.9}}, "write 90"),
        ({"actions": {"cooldwn": 1}}, "cooldown"),
        ({"artifacts": {"size": "1 kB"}}, "a size such as '100 MB'"),
        ({"artifacts": {"age": "1s"}}, "from 1 min to 10 years"),
        ({"artifacts": 5}, "a table of settings"),
    ],
)
def test_a_wrong_limit_is_refused(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AlertConfig(**setting)
