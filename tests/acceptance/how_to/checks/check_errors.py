import conveyor


def check(page):
    answers = {
        page.answer_to(error)[0]
        for error in (
            conveyor.UnknownConversion(""),
            conveyor.InvalidRequest("It is empty."),
            conveyor.AcceptanceUnknown(""),
            conveyor.StorageError(""),
        )
    }
    assert answers == {404, 422, 503}
    assert page.answer_to(conveyor.InvalidRequest("It is empty.")) == (422, "It is empty.")
