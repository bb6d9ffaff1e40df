from __future__ import annotations

import textwrap

import pytest

from mutants.python_faults import compiles, faults_of


def _found(code):
    """The lines that faults make of a piece of code, by the kind of fault."""
    text = textwrap.dedent(code)
    return [
        (fault.what, [line[2:] for line in fault.diff(text) if line.startswith("+")])
        for fault in faults_of("a.py", text)
    ]


@pytest.mark.parametrize(
    ("code", "faulty"),
    [
        ("x = a < b", ["x = a <= b", "x = a >= b"]),
        ("x = a >= b", ["x = a > b", "x = a < b"]),
        ("x = a == b", ["x = a != b"]),
        ("x = a is not b", ["x = a is b"]),
        ("x = a not in b", ["x = a in b"]),
        ("x = a and b", ["x = a or b"]),
        ("x = a or b or c", ["x = a and b or c", "x = a or b and c"]),
        ("x = not a", ["x = (a)"]),
        ("x = a + b", ["x = a - b"]),
        ("x = a // b", ["x = a / b"]),
        ("x = True", ["x = False"]),
        ("x = 1", ["x = 2"]),
        ("x = 60", ["x = 120"]),
        ("x = 0.5", ["x = 1.0"]),
        ("x = 0.0", ["x = 1.0"]),
        ("x = 'state'", ["x = 'statex'"]),
        ("x = 'Words for people.'", []),
        ("x = f(a, b)", ["x = f(b, a)"]),
        ("x = f(a, k=b)", ["x = f(a, )"]),
        ("x = f(a=b, k=c)", ["x = f(k=c)", "x = f(a=b, )"]),
        ("x = min(a, b)", ["x = max(a, b)"]),
        ("x = a if b else c", ["x = a if not (b) else c"]),
        ("x = [a for a in b if a]", ["x = [a for a in b if not (a)]"]),
    ],
)
def test_expression_has_these_faults(code, faulty):
    assert [line for _, lines in _found(code) for line in lines] == faulty


@pytest.mark.parametrize(
    ("body", "faulty"),
    [
        ("f(a)", ["pass"]),
        ("raise error", ["pass"]),
        ("self.x = a", ["pass"]),
        ("x += a", ["pass"]),
        ("return a", ["return None"]),
        ("return", []),
        ("return None", []),
        ("if a: return", ["if not (a): return"]),
        ("while True: break", ["while False: break", "while True: continue"]),
    ],
)
def test_statement_of_a_function_has_these_faults(body, faulty):
    code = f"def g():\n    {body}\n"

    assert [line for _, lines in _found(code) for line in lines] == faulty


def test_answer_of_yes_or_no_is_turned_round():
    assert _found("def g() -> bool:\n    return f(a)\n") == [
        ("condition negated", ["return not (f(a))"])
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import a",
        "__all__ = ['name']",
        "x: Literal['word'] | None",
        '"""Words."""',
        "def f(a: int | None) -> str: ...",
        "log.info('word', a=1)",
        "@dataclass(frozen=True, slots=True)\nclass A: ...",
        "x = f'{a:>10}'",
    ],
)
def test_what_no_test_need_see_has_no_faults(code):
    assert _found(code) == []


def test_text_that_is_not_ascii_is_cut_where_it_should_be():
    assert _found("x = ('ä', a < b)")[0][1] == ["x = ('ä', a <= b)"]


def test_fault_over_several_lines_shows_them_all():
    text = "x = f(\n    a,\n    b,\n)\n"
    (fault,) = faults_of("a.py", text)

    assert fault.diff(text) == ("- a,", "- b,", "+ b,", "+ a,")
    assert fault.line(text) == 2


def test_fault_in_a_function_is_looked_for_where_its_statement_runs():
    text = "def g():\n    if (\n        a\n        and b\n    ):\n        f()\n"
    scopes = {fault.what: fault.scope.lines for fault in faults_of("a.py", text)}

    assert scopes["operator replaced"] == {2, 3, 4, 5}
    assert scopes["statement deleted"] == {6}


def test_constant_of_a_module_is_looked_for_where_its_name_is_used():
    (fault,) = faults_of("a.py", "LIMIT = 3\n")

    assert (fault.scope.lines, fault.scope.names) == (frozenset(), {"LIMIT"})


def test_default_is_looked_for_where_the_function_runs():
    (fault, *_) = faults_of("a.py", "def g(a=1):\n    f(a)\n    return\n")

    assert fault.scope.lines == {2, 3}


def test_module_that_python_can_not_read_is_not_a_fault():
    text = "x = [a for a in b if a]\n"
    (good,) = faults_of("a.py", text)

    assert compiles(good, text)
    assert not compiles(good, "def (" + text)
