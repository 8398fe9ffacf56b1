"""A page that stays up for weeks: visitors come and go, its memory stays."""

import httpx

from benchmarks.load import Page, answers, pictures, process

VISITORS, FEW, MODELS = 30, 10, 6


def test_visitors_leave_nothing_in_memory(server, in_a_thread):
    """Each with a session of its own and six models: Gradio's own sessions keep the pictures, 49 MB of 30 visitors."""

    async def visits(count: int) -> None:
        async with httpx.AsyncClient(base_url=server, timeout=60) as client:
            for _ in range(count):
                assert len(answers(await page.compare(client, picture))) == MODELS

    page, picture = Page(server, models=MODELS), pictures(1)[0]
    in_a_thread(visits(FEW))  # what the first ones load stays
    before = process(server, None)
    in_a_thread(visits(VISITORS))
    after = process(server, None)
    assert after["RSS MB"] - before["RSS MB"] < 20
    assert after["open files"] <= before["open files"] + 2
