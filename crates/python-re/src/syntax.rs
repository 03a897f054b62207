//! The tree of a parsed pattern. Flags, names and sets of characters are resolved: every node means one thing.

use regex_syntax::hir::ClassUnicode;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Syntax {
    pub root: Node,
    /// The sets that nodes refer to, each once: `\w` alone has 770 ranges.
    pub sets: Vec<ClassUnicode>,
    /// By number: whether a back-reference or a condition looks at the group. The others need not be remembered.
    pub referenced: Vec<bool>,
}

#[derive(Debug)]
pub(super) enum Node {
    /// Matches nothing, successfully.
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
    Reference(Reference),
    /// `(?(1)…|…)`
    Condition(Box<Condition>),
}

#[derive(Debug)]
pub(super) struct Repetition {
    pub body: Node,
    pub least: u32,
    /// `None` is without end.
    pub most: Option<u32>,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Greedy,
    Lazy,
    /// Never gives back what it took.
    Possessive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assertion {
    TextStart,
    TextEnd,
    /// `$` without `m`: the end, or before a line feed at the end.
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
    /// How many characters before the position the body starts, for a look-behind.
    pub behind: Option<u64>,
    pub negated: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
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

/// How characters are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    IgnoreAscii,
    Ignore,
}

/// How many characters a node can match. `u64::MAX` is without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub least: u64,
    pub most: u64,
}

impl Width {
    const ZERO: Self = Self { least: 0, most: 0 };
    const ONE: Self = Self { least: 1, most: 1 };

    /// The width, where there is only one.
    pub(super) fn fixed(self) -> Option<u64> {
        (self.least == self.most && self.most < u64::MAX).then_some(self.least)
    }

    fn then(self, next: Self) -> Self {
        Self { least: self.least.saturating_add(next.least), most: self.most.saturating_add(next.most) }
    }

    fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
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
                let Width { least, most } = repetition.body.width();
                Width {
                    least: least.saturating_mul(repetition.least.into()),
                    most: most.saturating_mul(repetition.most.map_or(u64::MAX, u64::from)),
                }
            }
            Self::Capture { body, .. } | Self::Atomic(body) => body.width(),
            Self::Reference(reference) => reference.width,
            Self::Condition(condition) => condition.then.width().or(condition.otherwise.width()),
        }
    }
}
