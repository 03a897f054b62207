//! Errors: why a pattern is refused, and why a search stops early.

use crate::limits::{MAX_FRAMES, MAX_GROUP_DEPTH, MAX_PATTERN_BYTES, MAX_STEPS};

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern is invalid, or has a construct that this crate does not support.
    #[error("{error}, at position {position}")]
    Syntax {
        /// What is wrong.
        error: SyntaxError,
        /// Where the construct begins, counted in characters from 0.
        position: usize,
    },
    /// The pattern is longer than [`MAX_PATTERN_BYTES`].
    #[error("the pattern is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
}

/// What is wrong with the syntax of a pattern. Python refuses the same patterns, except where a variant says
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// `\N{BULLET}`. Python accepts it. This crate does not know the names of characters.
    #[error(r"\N{{…}} is not supported")]
    NamedCharacter,
    /// Python accepts deeper groups. This crate limits the depth, because each level needs stack.
    #[error("groups are nested more than {MAX_GROUP_DEPTH} deep")]
    GroupsTooDeep,
    /// `(a(?(1)b))`. Python accepts it. In a second round of the group, the outcome is not defined.
    #[error("a condition inside the group that it tests is not supported")]
    ConditionInsideItsGroup,
    /// `(?:(a)|b)*+\1`. Python accepts it. The content of the group depends on the alternatives that Python
    /// tried before.
    #[error("a possessive quantifier of a group that is referred to is not supported")]
    PossessiveReferencedGroup,

    /// `(a`
    #[error("the group has no closing parenthesis")]
    UnclosedGroup,
    /// `a)`
    #[error("the closing parenthesis has no opening one")]
    UnopenedGroup,
    /// `(?&a)`
    #[error("unknown group syntax (?{0}")]
    UnknownGroupSyntax(String),
    /// `(?#a`
    #[error("the comment has no closing parenthesis")]
    UnclosedComment,
    /// `(?P<a`
    #[error("the group name has no closing {0}")]
    UnclosedName(char),
    /// `(?P<1>a)`
    #[error(
        "invalid group name {0:?}: a name has only letters, digits and underscores and does not begin with a digit"
    )]
    InvalidName(String),
    /// `(?P<n>a)(?P<n>b)`
    #[error("two groups have the name {0}")]
    DuplicateName(String),
    /// `\1`
    #[error("a reference to group {0}, which does not exist")]
    UnknownGroup(String),
    /// `(a\1)`
    #[error("a reference to a group that is not closed yet")]
    ReferenceInsideItsGroup,
    /// `(?<=(a)\1)`
    #[error("a reference in a look-behind to a group that is not closed before the look-behind")]
    ReferenceInsideLookBehind,
    /// `(?<=a*)`
    #[error("the look-behind does not have a fixed width")]
    VariableLookBehind,
    /// `(a)(?(1)b|c|d)`
    #[error("the condition has more than two branches")]
    TooManyBranches,

    /// `a(?i)`
    #[error("flags for the whole pattern are not at its start")]
    LateFlags,
    /// `(?i`
    #[error("the flags have no closing parenthesis or colon")]
    UnclosedFlags,
    /// `(?z)`
    #[error("unknown flag {0}")]
    UnknownFlag(String),
    /// `(?L)`
    #[error("flag L is only for patterns of bytes")]
    BytesFlag,
    /// `(?-a:b)`
    #[error("flags a and u cannot be turned off")]
    RemovedAsciiFlag,
    /// `(?au)`
    #[error("flags a and u exclude each other")]
    AsciiAndUnicodeFlags,
    /// `(?i-i:a)`
    #[error("a flag is turned both on and off")]
    ContradictoryFlag,

    /// `*`
    #[error("the quantifier has nothing to repeat")]
    NothingToRepeat,
    /// `a**`
    #[error("the quantifier follows another quantifier")]
    MultipleQuantifiers,
    /// `a{4294967295}`
    #[error("the number of repetitions is greater than {}", u32::MAX - 1)]
    TooManyRepetitions,
    /// `a{2,1}`
    #[error("the minimum of the quantifier is greater than its maximum")]
    MinimumAboveMaximum,

    /// `[a`
    #[error("the character set has no closing bracket")]
    UnclosedSet,
    /// `[b-a]`
    #[error("invalid range {0}-{1} in a character set")]
    InvalidRange(String, String),

    /// `a\`
    #[error("the pattern ends with a backslash")]
    TrailingBackslash,
    /// `\q`
    #[error(r"unknown escape \{0}")]
    UnknownEscape(char),
    /// `\x4`
    #[error(r"escape \{0} does not have {1} hexadecimal digits")]
    MissingDigits(char, usize),
    /// `\U00110000`
    #[error(r"escape \U is greater than \U0010FFFF")]
    CodePointTooLarge,
    /// `\400`
    #[error(r"the octal escape is greater than \377")]
    OctalTooLarge,
    /// `\p{Nonsense}`
    #[error("unknown Unicode property {0:?}")]
    UnknownProperty(String),
}

/// A search stopped before it had a result, because it reached its limit of steps or of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the search was stopped: it takes more than {MAX_STEPS} steps or {MAX_FRAMES} frames")]
pub struct LimitExceeded;

impl SyntaxError {
    pub(crate) fn at(self, position: usize) -> PatternError {
        PatternError::Syntax { error: self, position }
    }
}
