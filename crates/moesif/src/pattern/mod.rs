//! Patterns of sampling and governance rules: Python's `re`, searched for anywhere in a text.
//!
//! In: a pattern in Python's syntax (`docs/wire-contract.md` says which). Out: whether it is found in a text, at a cost
//! that is bounded for every pattern and every text. A pattern is read into a tree ([`parse`]); where a finite automaton can
//! decide it, that is what searches ([`automaton`]); look-around, back-references and the like are searched for by
//! backtracking, with a limited number of steps ([`backtrack`]).

mod automaton;
mod backtrack;
mod characters;
mod parse;
mod syntax;

use std::fmt;
use std::sync::Arc;

use self::automaton::Automaton;
use self::backtrack::Program;

/// Most bytes of a pattern.
const LONGEST: usize = 8 * 1024;

/// A compiled pattern. Copies share what was compiled, and may be used by many threads at once.
#[derive(Clone)]
pub struct Pattern {
    compiled: Arc<Compiled>,
}

struct Compiled {
    source: Box<str>,
    /// Where there is one that can decide it.
    automaton: Option<Automaton>,
    program: Program,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is invalid, or uses what is not supported.
    #[error("{what}, at position {position}")]
    Syntax {
        /// The construct at fault.
        what: String,
        /// Where it begins, counted in characters from 0.
        position: usize,
    },
    /// It is longer than a pattern may be.
    #[error("a pattern of more than {LONGEST} bytes")]
    TooLong,
}

/// A search was given up: it would have cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the search for a pattern was given up: it would have cost too much")]
pub struct GaveUp;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When the pattern is invalid or uses what is not supported.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let syntax = parse::parse(source)?;
        let automaton = Automaton::new(&syntax);
        let program = Program::new(&syntax);
        Ok(Self { compiled: Arc::new(Compiled { source: source.into(), automaton, program }) })
    }

    /// Whether the pattern matches somewhere in the text.
    ///
    /// # Errors
    ///
    /// When the search was given up, after some milliseconds.
    pub fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        let Compiled { automaton, program, .. } = &*self.compiled;
        match automaton {
            Some(automaton) if automaton.decides(text) => {
                automaton.is_match(text).or_else(|GaveUp| program.is_match(text))
            }
            _ => program.is_match(text),
        }
    }
}

impl PatternError {
    fn at(position: usize, what: impl Into<String>) -> Self {
        Self::Syntax { what: what.into(), position }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pattern").field(&self.compiled.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    fn reason(source: &str) -> String {
        Pattern::new(source).err().map(|error| error.to_string()).unwrap_or_default()
    }

    /// Numbers that are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        fn text(&mut self, alphabet: &[&str], length: u64) -> String {
            (0..length).map(|_| self.pick(alphabet)).collect()
        }

        fn pick<'a>(&mut self, alphabet: &[&'a str]) -> &'a str {
            let limit = u64::try_from(alphabet.len()).unwrap();
            alphabet[usize::try_from(self.below(limit)).unwrap()]
        }
    }

    #[test]
    fn the_patterns_rules_are_made_of_are_searched_for_by_an_automaton() {
        for (source, found, not_found) in [
            ("^/health", "/healthz", "/v1/health"),
            ("GET", "GET", "POST"),
            (r"\.json$", "/a.json\n", "/a.json/b"),
            ("^(GET|POST)$", "POST", "POSTS"),
            (r"^/api/v\d+/users/[^/]+$", "/api/v2/users/7", "/api/v2/users/7/orders"),
            (r"\borders\b", "/orders/7", "/reorders"),
            ("(?i)curl|wget", "CURL/8", "Firefox"),
            ("(?:a$)?|^b", "", ""),
        ] {
            let pattern = pattern(source);
            assert!(pattern.compiled.automaton.is_some(), "{source}");
            assert_eq!(pattern.is_match(found), Ok(true), "{source} in {found}");
            assert_eq!(pattern.is_match(not_found), Ok(not_found.is_empty()), "{source} in {not_found}");
        }
    }

    #[test]
    fn an_error_names_the_construct_and_where_it_is() {
        for (source, expected) in [
            ("é(b", "a group without an end, at position 1"),
            ("a**", "a quantifier of a quantifier, at position 2"),
            ("x[a", "a set of characters without an end, at position 1"),
            ("(?<=a*)b", "a look-behind that is not of one width, at position 0"),
            (r"a\q", r"an unknown escape \q, at position 1"),
            (r"\N{BULLET}", r"a character by its name: \N{…}, at position 0"),
            ("a(?i)", "flags for the whole pattern that are not at its start, at position 1"),
            ("(?P<a b>c)", "a name that is not of letters, digits and underscores: \"a b\", at position 0"),
            (r"(a)++\1", "a possessive quantifier of a group that is referred to, at position 3"),
        ] {
            assert_eq!(reason(source), expected);
        }
        assert_eq!(reason(&"a".repeat(LONGEST + 1)), "a pattern of more than 8192 bytes");
    }

    #[test]
    fn a_search_without_an_end_is_given_up_and_leaves_no_trace() {
        let text = "a".repeat(500_000) + "b";
        for source in [r"(?=a)(a+)+$", r"(a|a)*\1$", "(?=[a-z]*c)a", r"(?=(.*))\1\1\1c", "(?:(?=a)a|a)*c"] {
            let pattern = pattern(source);
            assert_eq!(pattern.is_match(&text), Err(GaveUp), "{source}");
            assert!(pattern.is_match("b").is_ok(), "{source}");
        }
    }

    #[test]
    fn an_automaton_without_an_end_is_given_up_and_leaves_no_trace() {
        let mut dice = Dice(1);
        let text = dice.text(&["a", "c"], 300_000);
        for source in ["a[ac]{300}b", "(a|c)*a(a|c){100}b"] {
            let pattern = pattern(source);
            assert!(pattern.compiled.automaton.is_some(), "{source}");
            for _ in 0..2 {
                assert_eq!(pattern.is_match(&text), Err(GaveUp), "{source}");
                assert_eq!(pattern.is_match("cb"), Ok(false), "{source}");
                assert_eq!(pattern.is_match(&("a".repeat(400) + "b")), Ok(true), "{source}");
            }
        }
    }

    #[test]
    fn a_text_too_varied_for_the_automaton_is_searched_through_step_by_step() {
        let mut dice = Dice(1);
        let text = dice.text(&["a", "c"], 10_000) + "cab";
        let pattern = pattern("a[ac]{60}d|cab");
        assert!(
            pattern.compiled.automaton.as_ref().is_some_and(|automaton| automaton.is_match(&text).is_err())
        );
        assert_eq!(pattern.is_match(&text), Ok(true));
    }

    #[test]
    fn nothing_that_is_written_panics_or_runs_away() {
        let mut pieces: Vec<_> = r"( ) [ ] { } ? * + | ^ $ \ . - : # && -- ~~ < > = ! , 0 1 2 99 4294967294 P p{ k< i a x é İ w b B Z
            (? (?: (?= (?! (?<= (?<! (?> (?P<n> (?P=n) (?(1) (?i) \1 \w \b \U0010FFFF \ud800 [^ {2,} *? ++"
            .split_whitespace()
            .collect();
        pieces.extend(["\n", " ", "\0", "\u{10ffff}"]);
        let mut dice = Dice(7);
        let mut accepted = 0;
        for _ in 0..4_000 {
            let length = dice.below(12);
            let source = dice.text(&pieces, length);
            if let Ok(pattern) = Pattern::new(&source) {
                accepted += 1;
                for text in ["", "a", "ab\né", "aaaaaaaaaaaaaaaaaaaaaaaaaa\u{10ffff}"] {
                    let _ = pattern.is_match(text);
                }
            }
        }
        assert!(accepted > 400, "{accepted}");
    }

    #[test]
    fn depth_and_size_cost_neither_the_stack_nor_memory() {
        let small_stack = std::thread::Builder::new().stack_size(1024 * 1024);
        let nested = |open: &str, close: &str, levels| open.repeat(levels) + "a" + &close.repeat(levels);
        let work = move || {
            for (open, close) in [("(", ")*"), ("(?:", "){9}"), ("(?=", ")"), ("(?<=", ")"), ("(?>", "|b)?")]
            {
                assert!(pattern(&nested(open, close, 50)).is_match("aaa").is_ok());
                assert!(reason(&nested(open, close, 800)).starts_with("groups nested deeper than 50"));
            }
            assert!(reason(&nested("(a)?(?(1)", ")", 700)).starts_with("groups nested deeper than 50"));
            assert!(reason(&"(".repeat(LONGEST)).starts_with("groups nested deeper than 50"));
            assert!(reason(&"(".repeat(10_000)).starts_with("a pattern of more than"));
            for source in
                [r"(?:\w{1000}){1000}", "a{4294967294}", "((((.{99}){99}){99}){99}){99}", "(?:){99999}"]
            {
                assert!(pattern(source).is_match("a").is_ok(), "{source}");
            }
            for source in [r"[\W\D]".repeat(1_000), format!("(?i)[{}]", r"\w\u0131a-z".repeat(700))] {
                assert!(pattern(&source).is_match("a").is_ok());
            }
        };
        small_stack.spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn threads_share_a_pattern() {
        let patterns = [pattern(r"\bv\d+$"), pattern("(?<!x)v[0-9]+$")];
        std::thread::scope(|scope| {
            for number in 0..8 {
                let patterns = &patterns;
                scope.spawn(move || {
                    for round in 0..200 {
                        let found = round % 2 == 0;
                        let text = format!("é {}v{number}", if found { "" } else { "x" });
                        assert!(patterns.iter().all(|pattern| pattern.is_match(&text) == Ok(found)));
                    }
                });
            }
        });
    }
}
