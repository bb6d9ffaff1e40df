import pytest


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=a.docx", "a.docx"),
        ("attachment; filename*=UTF-8''%E6%BC%A2%E5%AD%97.docx", "漢字.docx"),
    ],
)
def test_an_upload_is_what_comes_down(client, header, name):
    content = bytes(range(256)) * 8192
    reply = client("POST", "/upload", data=content, headers={"Content-Disposition": header}).json()
    assert (reply["FileName"], reply["FileExt"], reply["FileSize"]) == (name, "docx", len(content))
    assert len(reply["FileId"]) == 32
    answer = client.session.get(reply["Url"], headers={"Authorization": None})
    assert answer.content == content
    assert int(answer.headers["Content-Length"]) == len(content)
    assert "filename" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "told",
    [
        b"filename=\"=?utf-8?B?w5wuZG9jeA==?=\"; filename*=utf-8''%C3%9C.docx",
        b"filename*=UTF-8''%C3%9C.docx",
        b'filename="%C3%9C.docx"',
        b'filename="\xdc.docx"',
        b'filename="U\xcc\x88.docx"',
        b'filename="C:\\fakepath\\\xdc.docx"',
        b"filename*;filename*1;filename=\xdc.docx",
        b"filename*=iso-8859-12''x.docx;filename=\xdc.docx",
    ],
)
@pytest.mark.parametrize("is_form", [True, False])
def test_names_are_taken_as_clients_write_them(client, told, is_form):
    headers, body = {"Content-Disposition": b"attachment; " + told}, b"abc"
    if is_form:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        head = b'--x\r\nContent-Disposition: form-data; name="File"; ' + told
        body = head + b"\r\n\r\nabc\r\n--x--\r\n"
    reply = client("POST", "/upload", data=body, headers=headers).json()

    assert (reply["FileName"], reply["FileSize"]) == ("Ü.docx", 3)


@pytest.mark.parametrize("body", [b"", b"--x", b"--y\r\n", b"--x\r\n\r\nabc\r\n--x--\r\n"])
def test_a_form_that_can_not_be_read_is_refused(client, body):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    assert client("POST", "/upload", data=body, headers=headers).status_code == 400


def test_multipart_uploads(client):
    reply = client("POST", "/upload", files={"any": ("ж.docx", b"abc")}).json()
    assert (reply["FileName"], reply["FileSize"]) == ("ж.docx", 3)


def test_uploads_by_url(client, receiver):
    reply = client("POST", "/upload", params={"url": f"{receiver.url}/dir/b.md"}).json()
    assert (reply["FileName"], reply["FileSize"]) == ("b.md", len(receiver.content))


def test_an_upload_by_url_that_fails(client):
    answer = client("POST", "/upload?url=http://example.com/a")
    assert (answer.status_code, answer.json()["Code"]) == (500, 5008)


@pytest.mark.parametrize("options", [{"data": b"x"}, {"files": {"a": (None, "text")}}])
def test_an_upload_needs_a_name(client, options):
    answer = client("POST", "/upload", **options)
    assert (answer.status_code, answer.json()["Code"]) == (400, 4001)


def test_a_file_is_removed_once(client):
    file_id = client.upload(b"x")
    assert client("DELETE", f"/d/{file_id}", headers={"Authorization": None}).status_code == 200
    assert client("DELETE", f"/d/{file_id}").status_code == 404
    assert client("GET", f"/d/{file_id}").status_code == 404
    audit = client.audit()
    assert (audit["uploads"], audit["downloads"], audit["deleted_files"]) == (1, 0, 1)


def test_urls_may_be_those_of_another_host(sandbox, client_of):
    with sandbox(public_url="http://sandbox:8765/") as server:
        client = client_of(server)
        url = client.convert("md", "html").json()["Files"][0]["Url"]
        assert url.startswith("http://sandbox:8765/d/")
        assert client.convert("html", "txt", None, File=url).status_code == 200
