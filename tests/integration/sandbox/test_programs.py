import os
import time

import pytest

from convertapi_sandbox.converters.program import run, run_python
from convertapi_sandbox.errors import ApiError

# Stands for LibreOffice: fails on documents that it cannot load by exiting with 0, as that does.
FAKE_SOFFICE = """\
#!/bin/sh
case "$1" in -env:UserInstallation=file://*/profile) ;; *) exit 3 ;; esac
mkdir -p out
if grep -q broken document.xlsx; then exit 0; fi
printf 'converted to %s' "$5" > "out/document.$5"
"""


@pytest.fixture
def libreoffice(tmp_path, monkeypatch):
    program = tmp_path / "soffice"
    program.write_text(FAKE_SOFFICE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_office_documents_by_libreoffice(libreoffice, sandbox, client_of):
    with sandbox() as server:
        client = client_of(server)
        assert client.results("xlsx", "csv", b"sheet") == [b"converted to csv"]
        answer = client.convert("xlsx", "pdf", b"broken")
        assert (answer.status_code, answer.json()["Code"]) == (500, 5002)


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path):
    started = time.monotonic()
    with pytest.raises(ApiError) as raised:
        run(["sh", "-c", "sleep 60 & sleep 60"], folder=tmp_path, timeout_s=0.2)
    assert raised.value.code == 5000
    assert time.monotonic() - started < 30


def test_a_program_sees_nothing_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEYOR_SECRET", "hush")
    finished = run(["env"], folder=tmp_path, timeout_s=5)
    assert b"hush" not in finished.output
    assert f"HOME={tmp_path}".encode() in finished.output


def test_a_hostile_document_reads_no_file_beside_it(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("hush")
    for path in ("../secret.txt", "/etc/passwd", str(tmp_path / "secret.txt")):
        (folder / "document.typ").write_text(f'#read("{path}")')
        finished = run_python("compile_typst.py", ["."], folder=folder, timeout_s=20)
        assert finished.status != 0
        assert not (folder / "document.pdf").exists()
