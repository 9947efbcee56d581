from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tocsin.model.metrics import CATALOGUE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("metrics_doc", ROOT / "scripts" / "metrics_doc.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_metrics_says_what_the_code_says(script: Any) -> None:
    written = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert written == script.page(), "write it anew: python scripts/metrics_doc.py --write"


def test_every_metric_stands_on_the_page_once(script: Any) -> None:
    page = script.page()
    assert [name for name in CATALOGUE if page.count(f"| `{name}` |") != 1] == []


def test_every_metric_says_what_it_means_without_a_full_stop() -> None:
    for info in CATALOGUE.values():
        assert info.text, info.name
        assert not info.text.endswith("."), info.name
        assert info.kind in {"gauge", "counter"}
