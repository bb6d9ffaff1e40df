from pathlib import Path


def check(page):
    client = page.app.test_client()
    with Path("report.docx").open("rb") as document:
        answer = client.post("/conversions", data={"document": (document, "report.docx")})
    page.conveyor.handle(answer.json["id"]).wait(timeout=120)

    assert answer.status_code == 202
    status = client.get(f"/conversions/{answer.json['id']}").json
    assert status == {"state": "succeeded", "fraction": 1.0}
