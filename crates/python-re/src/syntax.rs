//! The tree of a parsed pattern. The parser has resolved flags, names and character sets, so every node has
//! one meaning.

use regex_syntax::hir::ClassUnicode;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Syntax {
    pub root: Node,
    /// The character sets of the pattern, without duplicates: `\w` alone has 770 ranges. Nodes refer to them
    /// by index.
    pub sets: Vec<ClassUnicode>,
    /// By group number: whether a back-reference or a condition uses the group. A search remembers only
    /// those.
    pub referenced: Vec<bool>,
}

#[derive(Debug)]
pub(super) enum Node {
    /// Matches the empty string.
    Empty,
    Char(char),
    /// One character of `Syntax::sets[_]`.
    Set(usize),
    Assertion(Assertion),
    Concatenation(Vec<Node>),
    Alternation(Vec<Node>),
    Repetition(Box<Repetition>),
    /// A group that captures.
    Capture {
        group: usize,
        body: Box<Node>,
    },
    /// `(?>…)`
    Atomic(Box<Node>),
    /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`
    Look(Box<Look>),
    Backreference(Backreference),
    /// `(?(1)…|…)`
    Condition(Box<Condition>),
}

#[derive(Debug)]
pub(super) struct Repetition {
    pub body: Node,
    pub min: u32,
    /// `None` means unlimited.
    pub max: Option<u32>,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Greedy,
    Lazy,
    /// Like greedy, but never gives characters back.
    Possessive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assertion {
    TextStart,
    TextEnd,
    /// `$` without flag `m`: the end of the text, or before a line feed at the end.
    LastLineEnd,
    LineStart,
    LineEnd,
    WordBoundary {
        /// The characters of words: `Syntax::sets[_]`.
        words: usize,
        ascii: bool,
        negated: bool,
    },
}

#[derive(Debug)]
pub(super) struct Look {
    pub body: Node,
    /// For a look-behind: the number of characters to go back before matching the body.
    pub behind: Option<u64>,
    pub negated: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Backreference {
    pub group: usize,
    pub case: Case,
    pub width: Width,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub group: usize,
    pub then: Node,
    pub otherwise: Node,
}

/// How to compare characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    IgnoreAscii,
    Ignore,
}

/// Number of characters that a node can match. `u64::MAX` means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub min: u64,
    pub max: u64,
}

impl Width {
    const ZERO: Self = Self { min: 0, max: 0 };
    const ONE: Self = Self { min: 1, max: 1 };

    /// Returns the width if there is only one.
    pub(super) fn fixed(self) -> Option<u64> {
        (self.min == self.max && self.max < u64::MAX).then_some(self.min)
    }

    fn then(self, next: Self) -> Self {
        Self { min: self.min.saturating_add(next.min), max: self.max.saturating_add(next.max) }
    }

    fn or(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

impl Node {
    pub(super) fn width(&self) -> Width {
        match self {
            Self::Empty | Self::Assertion(_) | Self::Look(_) => Width::ZERO,
            Self::Char(_) | Self::Set(_) => Width::ONE,
            Self::Concatenation(items) => items.iter().map(Self::width).fold(Width::ZERO, Width::then),
            Self::Alternation(items) => {
                items.iter().map(Self::width).reduce(Width::or).unwrap_or(Width::ZERO)
            }
            Self::Repetition(repetition) => {
                let Width { min, max } = repetition.body.width();
                Width {
                    min: min.saturating_mul(repetition.min.into()),
                    max: max.saturating_mul(repetition.max.map_or(u64::MAX, u64::from)),
                }
            }
            Self::Capture { body, .. } | Self::Atomic(body) => body.width(),
            Self::Backreference(reference) => reference.width,
            Self::Condition(condition) => condition.then.width().or(condition.otherwise.width()),
        }
    }
}
