def check(page):
    assert set(page.fleet.states) >= {"queued", "converting", "succeeded"}
