"""A rule pattern has the same meaning as in Python, or is refused with a reason (docs/guarantees.md, I-29).

The tests compare the crate ``python-re`` with the ``re`` module of the Python that runs them. Its README and
docs/wire-contract.md list the differences: what only one of them accepts, and where the results differ.
"""

# ruff: noqa: RUF001 - some characters that are equal without case look alike

from __future__ import annotations

import random
import re
import sys
import unicodedata
import warnings
from collections import Counter
from typing import TypeAlias

import pytest

from tests.governance.grammar import Grammar, GroupGrammar, InvalidGrammar
from tests.governance.searcher import Found, search

REFUSED_BEYOND_PYTHON = (
    r"\N{…} is not supported",
    "groups are nested more than",
    "a condition inside the group that it tests is not supported",
    "a possessive quantifier of a group that is referred to is not supported",
)
ACCEPTED_BEYOND_PYTHON = re.compile(r"\\[zpPk]|\(\?<")
PYTHON_3_10 = sys.version_info < (3, 11)

Expected: TypeAlias = "bool | dict[str, str] | None"
"""The result of Python, or ``None`` if its ``re`` module reports a bug in itself."""


def search_with_python(pattern: str, text: str) -> Expected:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "Flags not at the start", DeprecationWarning)
        try:
            return re.search(pattern, text) is not None
        except (re.error, OverflowError, ValueError, DeprecationWarning) as error:
            return {"error": str(error)}
        except SystemError as error:  # "please report a bug for the re module"
            if "please report a bug" not in str(error):
                raise
            return None


def is_listed(pattern: str, text: str, expected: Expected, found: Found) -> bool:
    """Return whether docs/wire-contract.md lists the difference."""
    if expected is None:
        return True
    if isinstance(found, dict):
        return isinstance(expected, dict) or any(map(found["error"].startswith, REFUSED_BEYOND_PYTHON))
    if isinstance(expected, dict):
        newer = PYTHON_3_10 and ("multiple repeat" in expected["error"] or "extension ?>" in expected["error"])
        return newer or ACCEPTED_BEYOND_PYTHON.search(pattern) is not None
    return sys.version_info < (3, 14) and not text and r"\B" in pattern


def compare(questions: list[tuple[str, str]]) -> Counter[str]:
    """Compare the results for pairs of pattern and text. Return how often each kind of result occurred."""
    kinds: Counter[str] = Counter()
    differences = []
    for (pattern, text), found in zip(questions, search(questions), strict=True):
        kinds["error" if isinstance(found, dict) else str(found)] += 1
        expected = search_with_python(pattern, text)
        if found is not expected and not is_listed(pattern, text, expected, found):
            differences.append(f"{pattern!r} in {text!r}: {expected} in Python, {found} here")
    assert not differences, "\n".join([f"{len(differences)} differences:", *sorted(differences, key=len)[:20]])
    return kinds


@pytest.mark.parametrize("seed", range(3))
def test_random_patterns_match_as_in_python(seed: int) -> None:
    grammar = Grammar(seed)
    patterns = [grammar.pattern() for _ in range(2_000)]
    kinds = compare([(pattern, grammar.text()) for pattern in patterns for _ in range(3)])
    assert min(kinds["True"], kinds["False"]) > 1_500, kinds
    assert kinds["error"] < 300, kinds


@pytest.mark.skipif(PYTHON_3_10, reason="CPython 3.10 does not always restore groups when it backtracks")
@pytest.mark.parametrize("seed", range(2))
def test_groups_capture_the_same_text_as_in_python(seed: int) -> None:
    grammar = GroupGrammar(seed)
    patterns = [grammar.pattern() for _ in range(2_500)]
    kinds = compare([(pattern, grammar.text()) for pattern in patterns for _ in range(3)])
    assert min(kinds["True"], kinds["False"]) > 1_500, kinds


@pytest.mark.parametrize("seed", range(2))
def test_patterns_that_python_refuses_are_refused(seed: int) -> None:
    grammar = InvalidGrammar(seed)
    kinds = compare([(grammar.pattern(), grammar.text()) for _ in range(12_000)])
    assert min(kinds["error"], kinds["True"] + kinds["False"]) > 2_500, kinds


RULES: list[tuple[str, list[str]]] = [
    ("^(GET|HEAD)$", ["GET", "HEAD", "GETS", "get"]),
    ("(?i)^post$", ["POST", "post", "posts"]),
    (r"^/api/v[12]/(users|orders)/\d+(/.*)?$", ["/api/v1/users/7", "/api/v2/orders/7/x", "/api/v3/users/7"]),
    (r"^/(?!health\b|metrics\b).*", ["/health", "/healthy", "/metrics/x", "/"]),
    (r"\.(?:js|css|png)(?:\?.*)?$", ["/a.js", "/a.css?v=1", "/a.json", "/a.png\n"]),
    (r"(?<!\d)(?:10|192\.168)\.[\d.]+$", ["10.0.0.1", "192.168.1.7", "110.0.0.1", "203.0.113.9"]),
    (r"^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$", ["203.0.113.9", "256.1.1.1", "1.2.3", "1.2.3.4."]),
    ("^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", ["123e4567-e89b-12d3-a456-426614174000", "123e4567"]),
    (r"^Bearer\s+[\w-]+\.[\w-]+\.[\w-]*$", ["Bearer a.b.c", "Bearer a.b", "bearer a.b.c"]),
    (r"^[^@\s]+@(?:[a-z0-9-]+\.)+example\.com$", ["ann@mail.example.com", "ann@example.com", "a b@x.example.com"]),
    (r"\b(curl|wget|python-requests)/[\d.]+", ["curl/8.1", "libcurl/8.1", "python-requests/2"]),
    (r"^(?=.*[A-Z])(?=.*\d).{8,}$", ["Passw0rd", "password1", "Ab1"]),
    (r"(['\"]).*?\1\s*=\s*\1", ["' or 'a'='", '"x" = "', "'a\"='"]),
    (r"(?i)\b(?:union\s+select|drop\s+table)\b", ["1 UNION  SELECT 2", "reunion select", "Drop\ttable x"]),
    (r"(?P<year>\d{4})-(?P<month>\d\d)", ["2026-11", "26-11"]),
    ("^5[0-9]{2}$|^429$", ["503", "429", "200", "4290"]),
]

DIFFERENCES_BETWEEN_DIALECTS: list[tuple[str, list[str]]] = [
    # Ends of text and of lines.
    ("a$", ["a", "a\n", "a\n\n", "a\r\n", "ba"]),
    (r"a\Z", ["a", "a\n"]),
    ("a$.", ["a\n", "a"]),
    ("(?s)a$.", ["a\n", "a\nb"]),
    ("(?:a$|b)+", ["a\n", "bb"]),
    ("a$|b", ["a\n", "a\nc"]),
    ("(?m)a$", ["a\nb", "a\r\nb"]),
    ("(?m)^b", ["a\nb", "a\rb", "a\u2028b"]),
    ("(?m)^$", ["a\n", "a\n\nb", "a"]),
    ("^$", ["", "\n", "\n\n"]),
    ("$^", ["", "\n"]),
    ("$$", ["\n", "a"]),
    (r"(?m)\Aa\Z", ["a", "b\na", "a\n"]),
    ("a.b", ["a\nb", "a\rb", "a\u2028b", "a\x85b"]),
    # Character classes.
    (r"^\d$", ["٣", "²", "½", "x"]),
    (r"^\w$", ["٣", "²", "½", "é", "\u0301", "‿", "_", "Ⓐ", "ⅷ"]),
    (r"^\s$", ["\x1c", "\x1f", "\x85", "\xa0", "\u200b", "\u2028", "\ufeff"]),
    (r"(?a)^\w$", ["é", "e"]),
    (r"(?a)^\s$", ["\x1c", "\v"]),
    (r"(?a)^[^\W]$", ["é", "e"]),
    (r"\bé\b", ["é", "aé", "é\u0301", "é‿"]),
    (r"(?a)\bé\b", ["é", "aéa"]),
    (r"(?a)\B", ["aéa", "éé"]),
    (r"\B", ["a", "aa", "!"]),
    # Sets.
    ("[]abc]", ["]", "a", "d"]),
    ("[^]]", ["]", "a"]),
    ("[a[b]", ["[", "b", "]"]),
    ("[a[b]]", ["a]", "a", "[]"]),
    ("[[:alpha:]]", ["a]", "b", ":]"]),
    ("[a&&b]", ["&", "a", "c"]),
    ("[a--b]", []),
    ("[+--]", ["-", ",", "."]),
    ("[a~~b]", ["~", "c"]),
    ("[a-]", ["-"]),
    ("[-a]", ["-"]),
    (r"[\b]", ["\b", "b"]),
    (r"[\d-]", ["-", "1"]),
    (r"[\d-z]", []),
    ("[^\\n]", ["\n", "a"]),
    (r"[\ud800-\uffff]", ["\ufffd", "a"]),
    (r"\ud800|a", ["a", "b"]),
    # Escapes.
    (r"\0", ["\0"]),
    (r"\012", ["\n"]),
    (r"\101", ["A"]),
    (r"(a)\1", ["aa", "a"]),
    (r"(a)\10", []),
    (r"(a)\101", ["aA"]),
    (r"\400", []),
    (r"\8", []),
    (r"[\8]", []),
    (r"[\18]", ["\x01", "8"]),
    (r"\x4", []),
    (r"\u00e9\U0001F600\xe9", ["é\U0001f600é"]),
    (r"\U00110000", []),
    (r"\a\f\v\t\r\n", ["\a\f\v\t\r\n"]),
    (r"\/\-\é\_\ ", ["/-é_ "]),
    *[(rf"\{letter}", []) for letter in "cegijlmoqyCEFGHIJKLMOQRTVXY"],
    ("a\\", []),
    # Quantifiers.
    ("a{2}", ["aa", "a"]),
    ("^a{,2}$", ["", "aa", "aaa", "a{,2}"]),
    ("a{", ["a{"]),
    ("a{}", ["a{}"]),
    ("a{,", ["a{,"]),
    ("a{1,x}", ["a{1,x}", "a"]),
    ("^a{,}$", ["aaa", "a{,}"]),
    ("a{2,1}", []),
    ("a{4294967295}", []),
    ("{2}", []),
    ("*", []),
    ("a|*", []),
    ("(*)", []),
    ("a**", []),
    ("a+*", []),
    ("a{2}{3}", []),
    ("(?:a{2}){3}", ["aaaaaa", "aaaaa"]),
    ("(?:)*", [""]),
    ("(?:a*)*b", ["aab", "aac"]),
    ("(?:a|b*)*c", ["abc", "abd"]),
    ("^*", []),
    (r"\b+", []),
    ("(?:^)*a", ["ba"]),
    ("(?=a)*b", ["b"]),
    ("(?=a)+b", ["b", "ab"]),
    ("(?:(?=a)|b)*c", ["bc", "abc"]),
    ("^(?:a??b??)*?$", ["abab", "abac"]),
    ("(|a)+$", ["aa"]),
    # Alternatives.
    ("|a", ["", "b"]),
    ("^(a|)$", ["", "a", "b"]),
    # Groups and references to them.
    ("(?P<n>a)(?P=n)", ["aa", "ab"]),
    ("(?P<n>a)(?P<n>b)", []),
    ("(?P<1>a)", []),
    ("(?P<>a)", []),
    ("(?P<n", []),
    ("(?P=n)", []),
    ("(?P>n)", []),
    (r"(a\1)", []),
    (r"\1(a)", []),
    (r"(?:(a)|b)\1", ["b", "aa", "ba"]),
    (r"(a)?\1b", ["b", "aab", "ab"]),
    (r"(?:(a)|b)*\1", ["aba", "ab", "b"]),
    (r"(?i)(a)\1", ["aA", "Aa"]),
    (r"(?i)(ſ)\1", ["ſs", "sS"]),
    ("(a)?(?(1)b|c)", ["ab", "c", "ac", "b"]),
    ("^(a)?(?(1)b)$", ["ab", "a", ""]),
    ("(?P<n>a)?(?(n)b|c)", ["ab", "c"]),
    ("(?(1)a|b)(c)", ["bc", "ac"]),
    ("(?:(?(1)a|b)(c))+$", ["bcac", "ac"]),
    ("(?(1)a|b|c)(d)", []),
    ("(?(2)a)(b)", []),
    ("(?(0)a)", []),
    ("(?(n)a)", []),
    ("(?(1a)a)(b)", []),
    # Look-around.
    ("a(?=b)", ["ab", "ac"]),
    ("a(?!b)", ["ab", "ac"]),
    ("(?<=a)b", ["ab", "b"]),
    ("(?<!a)b", ["ab", "b"]),
    ("(?<=é)b", ["éb", "eb"]),
    ("(?<=a|bc)d", []),
    ("(?<=a*)b", []),
    ("(?<=a{2})b", ["aab", "ab"]),
    (r"(?<=(a)\1)b", []),
    (r"(a)(?<=\1)b", ["ab", "cb"]),
    ("(?<=^a)b", ["ab", "cab"]),
    ("(?<!^)a", ["a", "ba"]),
    ("(?<=(?=ab)a)b", ["ab"]),
    ("(?<=(?<=a)b)c", ["abc", "bc"]),
    ("(?!)", ["", "a"]),
    ("(?=)", ["", "a"]),
    ("(?!(a)b)(?:c|a)", ["ab", "ac"]),
    (r"(?=(a+))a*b\1", ["baaabac", "aab"]),
    ("^(?!/health|/metrics)", ["/health", "/metrics/x", "/users"]),
    ("^/api/(?!internal/)", ["/api/internal/x", "/api/x"]),
    # Flags.
    ("(?i)get", ["GET", "Get"]),
    ("(?i:g)et", ["GET", "Get"]),
    ("(?i)g(?-i:e)t", ["GeT", "GET"]),
    ("(?si)A.", ["a\n"]),
    ("(?s-i:a)", []),
    ("(?i-i:a)", []),
    ("(?-a:a)", []),
    ("(?-i)a", []),
    ("(?L)a", []),
    ("(?L:a)", []),
    ("(?au)a", []),
    ("(?a)(?u)a", []),
    (r"(?a:\w)", ["é"]),
    (r"(?a:x)(?u:\w)", ["xé"]),
    ("a(?i)b", []),
    ("(?i)|(?s)a", []),
    ("(?#c)(?i)a", ["A"]),
    ("(?i)(?m)^A", ["\na"]),
    ("(?z)a", []),
    ("(?", []),
    ("(?i", []),
    ("(?i-", []),
    ("(?#", []),
    (r"(?#a\)b)c", ["c"]),
    # Verbose mode.
    ("(?x) a b # c\n d", ["abd", "a b"]),
    ("(?x) a\\ b [ ] ", ["a b ", "ab "]),
    ("(?x)a +", ["aa", "a +"]),
    ("(?x)a* +", []),
    ("(?x)a {2}", ["aa", "a{2}"]),
    ("(?x)a {2 }", ["a{2}", "a{2 }", "aa"]),
    ("(?x)a#\\\nb\nc", ["ac", "abc"]),
    ("(?x: a b) c", ["ab c", "abc"]),
    ("(?x)(?-x:a b)", ["a b", "ab"]),
    ("(?x) (?i)a", ["A"]),
    # Parentheses.
    ("(", []),
    (")", []),
    ("a)", []),
    ("[", []),
    ("[]", []),
    ("[^]", []),
    ("[a", []),
    ("[a-", []),
]

SINCE_3_11: list[tuple[str, list[str]]] = [
    ("^a++a", ["aaa"]),
    ("^a++b", ["aab"]),
    ("^a?+a", ["a", "aa"]),
    ("^(?:a|ab)++c", ["abc", "ac"]),
    ("^(?:a|ab){2,}+$", ["aab", "aba"]),
    ("^(?>a|ab)c", ["abc", "ac"]),
    ("(?>a*)ab", ["aab"]),
    (r"(?>(a|ab))\1", ["aa", "abab"]),
    ("a{2}+a", ["aa", "aaa"]),
    ("a+*+", []),
    ("a++?", []),
]


def test_typical_rules_and_differences_between_dialects_match_as_in_python() -> None:
    table = [*RULES, *DIFFERENCES_BETWEEN_DIALECTS, *([] if PYTHON_3_10 else SINCE_3_11)]
    compare([(pattern, text) for pattern, texts in table for text in [*texts, "", "a", "b\n"]])


@pytest.mark.parametrize("engine", ["", "(?=)"], ids=["automaton", "backtracking"])
@pytest.mark.parametrize("letter", "dws")
def test_character_classes_contain_the_same_characters_as_in_python(letter: str, engine: str) -> None:
    # Python's Unicode tables may be older than those of the crate. Compare only characters that Python knows.
    known = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in {"Cn", "Cs"})
    questions = []
    for flags in ("", "(?a)"):
        inside = "".join(re.findall(rf"{flags}\{letter}+", known))
        outside = "".join(re.findall(rf"{flags}\{letter.upper()}+", known))
        for whole, class_ in ((inside, letter), (outside, letter.upper())):
            parts = [whole[start : start + 50_000] for start in range(0, len(whole), 50_000)]
            questions += [(rf"{flags}{engine}\A\{class_}+\Z", part) for part in parts]
    assert search(questions) == [True] * len(questions)


@pytest.mark.parametrize("engine", ["", "(?=)"], ids=["automaton", "backtracking"])
def test_same_characters_are_equal_without_case_as_in_python(engine: str) -> None:
    known = (c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in {"Cn", "Cs"})
    cased = "".join(c for c in known if c != c.lower() or c != c.upper())
    questions = []
    for character in [*random.Random(1).sample(cased, 200), *"iIİıkK\u212asSſßẞåÅ\u212bµμΜθϴϑ\u0345ιﬅﬆǅ"]:
        pattern = f"(?i){character}"
        questions.append((rf"(?i){engine}\A{character}+\Z", "".join(re.findall(pattern, cased))))
        others = "".join(re.split(pattern, cased))
        questions.append((rf"(?i){engine}\A[^{character}]+\Z", others))
    assert search(questions) == [True] * len(questions)


def test_syntax_of_other_dialects_is_accepted() -> None:
    meanings = [
        ("(?<name>a)b", "ab", True),
        (r"(?<name>a)\k<name>", "aa", True),
        (r"(?<name>a)\k<name>", "ab", False),
        (r"(?<name>a)(?P=name)", "aa", True),
        (r"a\z", "a", True),
        (r"a\z", "a\n", False),
        (r"^\p{Lu}\p{Greek}$", "Aα", True),
        (r"^\p{L}$", "1", False),
        (r"^\pL\PL$", "é1", True),
        (r"^\p{Script=Greek}$", "α", True),
        (r"^[\p{Nd}_-]+$", "1_٣-", True),
        (r"^\P{Lu}$", "a", True),
        (r"^(?i)\p{Lu}$", "a", {"error"}),
        (r"(?i)^\p{Lu}$", "a", True),
        (r"\p{Nonsense}", "a", {"error"}),
        (r"\p{Lu", "a", {"error"}),
        (r"\k<name>", "a", {"error"}),
        (r"\k", "a", {"error"}),
        ("(?<name>a)(?<name>b)", "a", {"error"}),
    ]
    found = search([(pattern, text) for pattern, text, _ in meanings])
    answers = [set(answer) if isinstance(answer, dict) else answer for answer in found]
    assert answers == [expected for *_, expected in meanings]


def test_error_names_a_construct_that_only_python_accepts() -> None:
    reasons = {
        r"a\N{BULLET}": r"\N{…} is not supported, at position 1",
        "x" + "(" * 101 + ")" * 101: "groups are nested more than 50 deep, at position 52",
        "(a(?(1)b))*": "a condition inside the group that it tests is not supported, at position 2",
        "a" * 8193: "the pattern is longer than 8192 bytes",
    }
    if not PYTHON_3_10:
        reason = "a possessive quantifier of a group that is referred to is not supported, at position 8"
        reasons[r"(?:b(a))*+\1"] = reason
    for pattern in reasons:
        assert isinstance(search_with_python(pattern, ""), bool), pattern
    assert search([(pattern, "") for pattern in reasons]) == [{"error": reason} for reason in reasons.values()]


def test_result_is_the_documented_one_where_versions_of_python_differ() -> None:
    results = {
        # As in CPython since 3.14, and in other dialects.
        (r"\B", ""): True,
        # In CPython, a set without case does not contain an upper-case letter beyond U+FFFF that it names.
        ("(?i)[\U00010400x]", "\U00010400"): True,
        # CPython's search, unlike its match, ignores the flags of a group for the first character of a pattern.
        (r"(?a)(?u:\w)", "é"): True,
    }
    assert search(results) == list(results.values())


def test_expensive_search_stops_at_the_limit() -> None:
    for pattern, text in [
        (r"(?=a)(a+)+$", "a" * 40 + "b"),
        (r"^(a|a)*\1$", "a" * 40 + "b"),
        ("(a|c)*a(a|c){300}b", "".join(random.Random(1).choices("ac", k=100_000))),
    ]:
        assert search([(pattern, text), (pattern, "b")]) == ["limit exceeded", False]
