"""A visitor with a phone: the answers are where one looks for them."""

RESULTS = "document.querySelector('#results').getBoundingClientRect().top"


def at_rest(page, run: str | None) -> str:
    """Wait for a whole board that is another than `run`; returns which."""
    page.wait_for_function(
        "run => { const c = document.querySelector('#results .cards');"
        " return c && 'complete' in c.dataset && c.dataset.run !== run }",
        arg=run,
    )
    return page.evaluate("document.querySelector('#results .cards').dataset.run")


def test_a_photo_leads_to_its_answers_and_a_box_of_a_model_does_not(visit):
    page = visit(width=390, height=844).page
    assert page.evaluate(RESULTS) > 844  # else there is nothing to lead to
    page.locator("#samples .thumbnail-item").first.click()
    run = at_rest(page, None)
    assert abs(page.evaluate(RESULTS)) < 80

    box = page.locator("#models input:not(:checked)").first
    box.check()
    assert page.evaluate(RESULTS) > 422  # the list is on the screen, and stays while the answers come
    run = at_rest(page, run)
    assert page.evaluate(RESULTS) > 422

    page.locator("#go").click()
    at_rest(page, run)
    assert abs(page.evaluate(RESULTS)) < 80


def test_the_list_of_models_takes_a_part_of_the_screen(visit):
    page = visit(width=390, height=844).page
    assert page.locator("#models").bounding_box()["height"] < 300
    last = page.locator("#models input:visible").last
    last.focus()  # what the keyboard reaches is in sight
    around, place = page.locator("#models").bounding_box(), last.bounding_box()
    assert around["y"] <= place["y"] and place["y"] + place["height"] <= around["y"] + around["height"]
