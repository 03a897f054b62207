//! Tests that look at one engine. `tests/` has the tests of the public interface.

use super::*;

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn text(&mut self, pieces: &[&str], length: usize) -> String {
        (0..length).map(|_| pieces[self.below(pieces.len())]).collect()
    }
}

fn with_automaton(source: &str) -> Pattern {
    let pattern = Pattern::new(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    assert!(pattern.compiled.automaton.is_some(), "{source}");
    pattern
}

#[test]
fn automaton_searches_for_common_patterns() {
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
        let pattern = with_automaton(source);
        assert_eq!(pattern.is_match(found), Ok(true), "{source} in {found}");
        assert_eq!(pattern.is_match(not_found), Ok(not_found.is_empty()), "{source} in {not_found}");
    }
}

#[test]
fn engines_agree() {
    let pieces: Vec<_> =
        r"a b é \w \W \b \B ^ $ . [^a] ( (?: ) | * + ? {2} *? (?i) (?m) (?s)".split(' ').collect();
    let mut random = Random(3);
    let mut compared = 0;
    for _ in 0..6_000 {
        let length = random.below(9);
        let source = random.text(&pieces, length);
        let Ok(pattern) = Pattern::new(&source) else { continue };
        let Compiled { automaton: Some(automaton), program, .. } = &*pattern.compiled else { continue };
        for text in ["", "a", "ab\n", "ba b", "aAéb\na", "bb\né"] {
            if automaton.decides(text) {
                assert_eq!(automaton.is_match(text), program.is_match(text), "{source} in {text:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 8_000, "{compared}");
}

#[test]
fn automaton_that_exceeds_its_limit_can_be_used_again() {
    let text = Random(1).text(&["a", "c"], 300_000);
    for source in ["a[ac]{300}b", "(a|c)*a(a|c){100}b"] {
        let pattern = with_automaton(source);
        for _ in 0..2 {
            assert_eq!(pattern.is_match(&text), Err(LimitExceeded), "{source}");
            assert_eq!(pattern.is_match("cb"), Ok(false), "{source}");
            assert_eq!(pattern.is_match(&("a".repeat(400) + "b")), Ok(true), "{source}");
        }
    }
}

#[test]
fn backtracking_takes_over_when_the_automaton_exceeds_its_limit() {
    let text = Random(1).text(&["a", "c"], 10_000) + "cab";
    let pattern = with_automaton("a[ac]{60}d|cab");
    let automaton = pattern.compiled.automaton.as_ref().unwrap();
    assert_eq!(automaton.is_match(&text), Err(LimitExceeded));
    assert_eq!(pattern.is_match(&text), Ok(true));
}

#[test]
fn random_patterns_do_not_panic() {
    let mut pieces: Vec<_> =
        r"( ) [ ] { } ? * + | ^ $ \ . - : # && -- ~~ < > = ! , 0 1 2 99 4294967294 P p{ k< i a x é İ w b B Z
        (? (?: (?= (?! (?<= (?<! (?> (?P<n> (?P=n) (?(1) (?i) \1 \w \b \U0010FFFF \ud800 [^ {2,} *? ++"
            .split_whitespace()
            .collect();
    pieces.extend(["\n", " ", "\0", "\u{10ffff}"]);
    let mut random = Random(7);
    let mut accepted = 0;
    for _ in 0..4_000 {
        let length = random.below(12);
        let source = random.text(&pieces, length);
        if let Ok(pattern) = Pattern::new(&source) {
            accepted += 1;
            for text in ["", "a", "ab\né", "aaaaaaaaaaaaaaaaaaaaaaaaaa\u{10ffff}"] {
                let _ = pattern.is_match(text);
            }
        }
    }
    assert!(accepted > 400, "{accepted}");
}
