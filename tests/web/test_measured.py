"""What cards show of the tables is read again when a table changes, and only then."""

import pandas as pd

from attention.study import lookup, tables
from attention.web.measured import measured


def test_a_table_is_read_again_when_it_changes(tmp_path, monkeypatch):
    table = pd.read_csv(tables.ACCURACY_FILE)
    file = tmp_path / "accuracy.csv"
    table.to_csv(file, index=False)
    monkeypatch.setattr(lookup, "ACCURACY_FILE", file)
    before = measured("imagenette", "cpu")
    assert measured("imagenette", "cpu") is before
    table.assign(accuracy=0.5).to_csv(file, index=False)
    after = measured("imagenette", "cpu")
    assert after["baseline"].accuracy == 0.5 != before["baseline"].accuracy
    assert measured("imagewoof", "cpu")["baseline"] is not after["baseline"]
