//! Errors and limits of patterns. The comparison with Python is in `tests/governance/test_patterns.py`.

#![allow(clippy::expect_used, clippy::panic, reason = "clippy does not take helper functions for tests")]

use std::thread;

use python_re::limits::{MAX_FRAMES, MAX_GROUP_DEPTH, MAX_PATTERN_BYTES, MAX_STEPS};
use python_re::{LimitExceeded, Pattern, PatternError, SyntaxError};

fn pattern(source: &str) -> Pattern {
    Pattern::new(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn error(source: &str) -> PatternError {
    Pattern::new(source).expect_err(source)
}

/// Asserts that the pattern is refused because of its depth.
fn assert_too_deep(source: &str) {
    let error = error(source);
    assert!(matches!(error, PatternError::Syntax { error: SyntaxError::GroupsTooDeep, .. }), "{error}");
}

#[test]
fn error_names_the_construct_and_its_position() {
    for (source, expected) in [
        ("é(b", "the group has no closing parenthesis, at position 1"),
        ("a)", "the closing parenthesis has no opening one, at position 1"),
        ("(?&a)", "unknown group syntax (?&, at position 0"),
        ("(?#a", "the comment has no closing parenthesis, at position 0"),
        ("(?P<a", "the group name has no closing >, at position 0"),
        ("(a)(?(1", "the group name has no closing ), at position 3"),
        (
            "(?P<a b>c)",
            "invalid group name \"a b\": a name has only letters, digits and underscores and does not begin with a \
             digit, at position 0",
        ),
        ("(?P<n>a)(?P<n>b)", "two groups have the name n, at position 8"),
        (r"a\2", "a reference to group 2, which does not exist, at position 1"),
        (r"(a\1)", "a reference to a group that is not closed yet, at position 2"),
        (
            r"(?<=(a)\1)",
            "a reference in a look-behind to a group that is not closed before the look-behind, at position 7",
        ),
        ("(?<=a*)b", "the look-behind does not have a fixed width, at position 0"),
        ("(a)(?(1)b|c|d)", "the condition has more than two branches, at position 3"),
        ("a(?i)", "flags for the whole pattern are not at its start, at position 1"),
        ("(?i", "the flags have no closing parenthesis or colon, at position 3"),
        ("(?iz)", "unknown flag z, at position 3"),
        ("(?L)", "flag L is only for patterns of bytes, at position 2"),
        ("(?-a:b)", "flags a and u cannot be turned off, at position 2"),
        ("(?au)", "flags a and u exclude each other, at position 2"),
        ("(?i-i:a)", "a flag is turned both on and off, at position 2"),
        ("a|*", "the quantifier has nothing to repeat, at position 2"),
        ("a**", "the quantifier follows another quantifier, at position 2"),
        ("a{4294967295}", "the number of repetitions is greater than 4294967294, at position 1"),
        ("a{2,1}", "the minimum of the quantifier is greater than its maximum, at position 1"),
        ("x[a", "the character set has no closing bracket, at position 1"),
        (r"[\d-z]", r"invalid range \d-z in a character set, at position 1"),
        ("a\\", "the pattern ends with a backslash, at position 1"),
        (r"a\q", r"unknown escape \q, at position 1"),
        (r"\x4", r"escape \x does not have 2 hexadecimal digits, at position 0"),
        (r"\U00110000", r"escape \U is greater than \U0010FFFF, at position 0"),
        (r"\400", r"the octal escape is greater than \377, at position 0"),
        (r"\p{Nonsense}", "unknown Unicode property \"Nonsense\", at position 0"),
        (r"\N{BULLET}", r"\N{…} is not supported, at position 0"),
        ("(a(?(1)b))", "a condition inside the group that it tests is not supported, at position 2"),
        (
            r"(a)++\1",
            "a possessive quantifier of a group that is referred to is not supported, at position 3",
        ),
    ] {
        assert_eq!(error(source).to_string(), expected);
    }
}

#[test]
fn long_pattern_is_refused() {
    pattern(&"a".repeat(MAX_PATTERN_BYTES));
    let error = error(&"a".repeat(MAX_PATTERN_BYTES + 1));
    assert_eq!(error.to_string(), "the pattern is longer than 8192 bytes");
}

#[test]
fn deep_groups_are_refused() {
    pattern(&("(".repeat(MAX_GROUP_DEPTH) + &")".repeat(MAX_GROUP_DEPTH)));
    assert_eq!(error(&"(".repeat(51)).to_string(), "groups are nested more than 50 deep, at position 51");
}

#[test]
fn expensive_search_stops_at_the_limit_and_does_not_affect_the_next() {
    let text = "a".repeat(500_000) + "b";
    for source in [r"(?=a)(a+)+$", r"(a|a)*\1$", "(?=[a-z]*c)a", r"(?=(.*))\1\1\1c", "(?:(?=a)a|a)*c"] {
        let pattern = pattern(source);
        assert_eq!(pattern.is_match(&text), Err(LimitExceeded), "{source}");
        assert!(pattern.is_match("b").is_ok(), "{source}");
    }
}

#[test]
fn work_inside_one_instruction_is_charged() {
    // At each position of the text, one instruction tests thousands of characters. The others are few.
    for source in [
        "^(?:(?!a*+b)a)*$",                  // Consuming characters.
        "^(?:(?!(?<=b.{3999}))a)*$",         // Going back.
        r"^(?=(a{4000}))(?:(?!\1b)a)*$",     // Comparing captured text.
        r"(?i)^(?=(a{2000}))(?:(?!\1b)a)*$", // Comparing captured text without case.
    ] {
        let pattern = pattern(source);
        assert_eq!(pattern.is_match(&"a".repeat(8_000)), Err(LimitExceeded), "{source}");
        assert_ne!(pattern.is_match(&"a".repeat(500)), Err(LimitExceeded), "{source}");
    }
}

#[test]
fn stack_of_a_search_is_limited() {
    // Each round of the loop pushes three frames and takes five instructions.
    let rounds = MAX_FRAMES / 3;
    assert!(rounds * 6 < MAX_STEPS);
    let search = |rounds: usize| pattern("(?=)(?:ab?)*").is_match(&"a".repeat(rounds));
    assert_eq!(search(rounds / 2), Ok(true));
    assert_eq!(search(rounds), Err(LimitExceeded));
}

#[test]
fn deep_and_large_patterns_need_little_stack_and_memory() {
    let small_stack = thread::Builder::new().stack_size(1024 * 1024);
    let nested = |open: &str, close: &str, levels| open.repeat(levels) + "a" + &close.repeat(levels);
    let work = move || {
        for (open, close) in [("(", ")*"), ("(?:", "){9}"), ("(?=", ")"), ("(?<=", ")"), ("(?>", "|b)?")] {
            assert!(pattern(&nested(open, close, MAX_GROUP_DEPTH)).is_match("aaa").is_ok());
            assert_too_deep(&nested(open, close, 800));
        }
        assert_too_deep(&nested("(a)?(?(1)", ")", 700));
        assert_too_deep(&"(".repeat(MAX_PATTERN_BYTES));
        for source in [r"(?:\w{1000}){1000}", "a{4294967294}", "((((.{99}){99}){99}){99}){99}", "(?:){99999}"]
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
    thread::scope(|scope| {
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
