"""The network's slots are where its modules are, and each variant fills those of its placement."""

import torch

from attention.models import parts
from attention.models.variants import VARIANTS, build_model


def test_stations_are_those_of_the_plain_network():
    found = parts.stations(160)
    model = build_model("baseline").eval()
    shapes = {}
    for station in found:
        model.get_submodule(station.path).register_forward_hook(
            lambda _m, _i, out, path=station.path: shapes.__setitem__(path, tuple(out.shape[1:]))
        )
    model(torch.rand(1, 3, 160, 160))
    assert {station.path: station.shape for station in found} == shapes
    assert [s.placement for s in found if s.placement].count("block") == sum(len(stage) for stage in model.stages)
    assert found[0].path == "input" and found[-1].path == "fc"


def test_each_variant_sits_in_slots_of_its_placement_and_nowhere_else():
    by_slot, placements = parts.occupants(), {s.path: s.placement for s in parts.stations(160) if s.placement}
    assert by_slot.keys() == placements.keys()
    for name in VARIANTS:
        filled = [slot for slot, names in by_slot.items() if name in names]
        expected = VARIANTS[name].placement
        sits = {placements[slot] for slot in filled}
        assert sits == {"none": set(), "everywhere": {"input", "block", "head"}}.get(expected, {expected}), name
