"""Makes random patterns and texts. The same seed gives the same ones."""

# ruff: noqa: RUF001 - some characters that are equal without case look alike

from __future__ import annotations

import random
import re
import sys

# Includes letters with unusual cases, a digit and a number outside of ASCII, white space that only Python knows, a mark
# and a connector.
CHARACTERS = "aabbcAK1_- ksSiIſ\u212aİıéÉßﬅ\n٣²\x1c\xa0\u0301‿\U00010428"
ASCII = "aabbcAK1_- ksSiI\n\x1c"
HAS_POSSESSIVE = sys.version_info >= (3, 11)

QUANTIFIERS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{0,}", "{2,}", "{0}"]
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"]
ASSERTIONS = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]
ESCAPES = [
    r"\n",
    r"\x61",
    r"\u212a",
    r"\U00010428",
    r"\141",
    r"\0",
    r"\.",
    r"\-",
    r"\é",
    "{",
    "}",
    "]",
    "{a",
    "a{,",
    "(?#c)",
]
SET_ITEMS = [*CLASSES, r"\n", r"\b", r"\x41", r"\u0130", r"\101", r"\]", "[", "^", "&&", "~~", "||", "--.", ".", "$"]
FLAG_GROUPS = ["(?i:", "(?-i:", "(?s:", "(?m:", "(?a:", "(?x:", "(?i-s:", "(?am-ix:"]
FIXED_WIDTH = [
    "a",
    "ab",
    r"\w",
    r"\b.",
    "a|b",
    r"ab|\w.",
    "^",
    "(?:a|b){2}",
    "",
    "(a)",
    "$|^",
    "[^a]",
    "(?=b)",
    "a(?<!b)",
]


class Grammar:
    """Makes patterns from the whole syntax."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.groups = 0
        self.closed_groups: list[str] = []

    def pattern(self) -> str:
        """Return a pattern that is almost always valid."""
        self.groups = 0
        self.closed_groups = []
        flags = "".join(self.random.sample("imsxa", self.random.choice([1, 1, 2])))
        return (f"(?{flags})" if self.chance(0.35) else "") + self.alternatives(3)

    def text(self, longest: int = 7) -> str:
        characters = self.random.choice([CHARACTERS, ASCII])
        return "".join(self.random.choices(characters, k=self.random.randint(0, longest)))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def alternatives(self, depth: int) -> str:
        number = 1 if self.chance(0.7) else self.random.randint(2, 3)
        return "|".join(self.sequence(depth) for _ in range(number))

    def sequence(self, depth: int) -> str:
        return "".join(self.term(depth) for _ in range(self.random.choice([0, 1, 1, 2, 2, 3, 4])))

    def term(self, depth: int) -> str:
        closed_before = len(self.closed_groups)
        item = self.item(depth)
        if item in ASSERTIONS or not self.chance(0.3):
            return item
        quantifier = self.random.choice(QUANTIFIERS)
        if self.chance(0.25):
            quantifier += "?"
        elif HAS_POSSESSIVE and self.chance(0.2):
            quantifier += "+"
            # References to these groups are refused, because what CPython leaves in them is not defined.
            del self.closed_groups[closed_before:]
        return item + quantifier

    def item(self, depth: int) -> str:
        kinds = [self.literal, self.set, self.escape, self.reference]
        weights = [42.0, 8, 21, 6]
        if depth > 0:
            kinds += [lambda: self.group(depth - 1), lambda: self.capture(depth - 1), lambda: self.condition(depth - 1)]
            weights += [13, 8, 2]
        return self.random.choices(kinds, weights)[0]()

    def literal(self) -> str:
        character = self.random.choice(CHARACTERS)
        return re.escape(character) if character in " -" else character

    def set(self) -> str:
        items = [self.set_item() for _ in range(self.random.randint(1, 3))]
        return "[" + self.random.choice(["", "", "^", "]", "^]", "-"]) + "".join(items) + "]"

    def set_item(self) -> str:
        kind = self.random.random()
        if kind < 0.55:
            return re.escape(self.random.choice(CHARACTERS))
        if kind < 0.75:
            start, end = sorted(self.random.choices(CHARACTERS, k=2))
            return f"{re.escape(start)}-{re.escape(end)}"
        return self.random.choice(SET_ITEMS)

    def escape(self) -> str:
        return self.random.choice(self.random.choice([ESCAPES, CLASSES, ASSERTIONS, ["."]]))

    def reference(self) -> str:
        if not self.closed_groups:
            return self.literal()
        name = self.random.choice(self.closed_groups)
        return rf"(?:\{name})" if name.isdigit() else f"(?P={name})"

    def condition(self, depth: int) -> str:
        if not self.closed_groups:
            return self.literal()
        name = self.random.choice(self.closed_groups)
        otherwise = "|" + self.sequence(depth) if self.chance(0.7) else ""
        return f"(?({name}){self.sequence(depth)}{otherwise})"

    def capture(self, depth: int) -> str:
        self.groups += 1
        name = str(self.groups)
        named = self.chance(0.3)
        body = self.alternatives(depth)
        self.closed_groups.append(f"g{name}" if named else name)
        return f"(?P<g{name}>{body})" if named else f"({body})"

    def group(self, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.1:
            width = self.random.choice(FIXED_WIDTH)
            self.groups += width.count("(a")
            return self.random.choice(["(?<=", "(?<!"]) + width + ")"
        opening = "(?:"
        if kind < 0.3:
            opening = self.random.choice(FLAG_GROUPS)
        elif kind < 0.5:
            opening = self.random.choice(["(?=", "(?!"])
        elif kind < 0.6 and HAS_POSSESSIVE:
            opening = "(?>"
        return f"{opening}{self.alternatives(depth)})"


class GroupGrammar(Grammar):
    """Makes patterns that depend on what their groups capture, and short texts of two different letters."""

    def literal(self) -> str:
        return self.random.choice("aab")

    def set(self) -> str:
        return self.random.choice([".", "[ab]"])

    def escape(self) -> str:
        return self.random.choice(["^", "$", r"\b", ".", "[^b]"])

    def pattern(self) -> str:
        self.groups = 0
        self.closed_groups = []
        return self.alternatives(3)

    def item(self, depth: int) -> str:
        kinds = [self.literal, self.escape, self.reference]
        weights = [40.0, 8, 20]
        if depth > 0:
            kinds += [lambda: self.group(depth - 1), lambda: self.capture(depth - 1), lambda: self.condition(depth - 1)]
            weights += [12, 25, 8]
        return self.random.choices(kinds, weights)[0]()

    def group(self, depth: int) -> str:
        openings = ["(?:", "(?:", "(?=", "(?!", *(["(?>"] if HAS_POSSESSIVE else [])]
        return f"{self.random.choice(openings)}{self.alternatives(depth)})"

    def text(self, longest: int = 6) -> str:
        return "".join(self.random.choices("aab", k=self.random.randint(0, longest)))


class InvalidGrammar(Grammar):
    """Makes patterns that are mostly invalid."""

    PIECES = (
        *"()()[]{}?*+|^$\\\\.dwsbBAZNxuU<>=!:#-,01237989aiLmsx \n&~_kKé",
        "(?",
        "(?P",
        "(?<",
        "(?:",
        "[^",
        "{2",
        "(?i",
    )

    def pattern(self) -> str:
        return "".join(self.random.choices(self.PIECES, k=self.random.randint(1, 9)))
