//! Character classes, and rules for ignoring case, as in Python.

use std::collections::BTreeMap;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// Returns `\d`: the decimal digits.
pub(super) fn digits(ascii: bool) -> ClassUnicode {
    constant(if ascii { "[0-9]" } else { r"\p{Nd}" })
}

/// Returns `\w`: the letters, the numbers and the underscore. Unlike in other dialects, marks and connectors
/// are not included.
pub(super) fn words(ascii: bool) -> ClassUnicode {
    constant(if ascii { "[0-9A-Za-z_]" } else { r"[\p{L}\p{N}_]" })
}

/// Returns `\s`: white space. Without flag `a`, Python includes the ASCII information separators.
pub(super) fn spaces(ascii: bool) -> ClassUnicode {
    constant(if ascii { r"[\t-\r ]" } else { r"[\p{White_Space}\x1c-\x1f]" })
}

/// Returns `.`: every character, but the line feed only with flag `s`.
pub(super) fn any(line_feed: bool) -> ClassUnicode {
    constant(if line_feed { r"\p{any}" } else { r"[^\n]" })
}

/// Returns `\p{name}`, or `None` if Unicode has no such property.
pub(super) fn property(name: &str) -> Option<ClassUnicode> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ' ' | '-');
    name.chars().all(is_allowed).then(|| class(&format!(r"\p{{{name}}}")))?
}

/// Returns the character of a set that has exactly one.
pub(super) fn single(set: &ClassUnicode) -> Option<char> {
    match set.ranges() {
        [range] if range.start() == range.end() => Some(range.start()),
        _ => None,
    }
}

fn constant(pattern: &str) -> ClassUnicode {
    class(pattern).unwrap_or_else(ClassUnicode::empty)
}

fn class(pattern: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(pattern).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Some(set),
        // The parser simplifies a set of one character to a literal, and an empty set to a set of bytes.
        HirKind::Literal(literal) => {
            let ranges = str::from_utf8(&literal.0).ok()?.chars().map(|c| ClassUnicodeRange::new(c, c));
            Some(ClassUnicode::new(ranges))
        }
        HirKind::Class(Class::Bytes(_)) => Some(ClassUnicode::empty()),
        _ => None,
    }
}

/// For each character with cases: all characters that are equal to it when case is ignored.
pub(super) struct Cases(BTreeMap<char, Vec<char>>);

impl Cases {
    /// Returns the cases of ASCII letters.
    pub(super) fn of_ascii() -> Self {
        Self::by(&constant("[A-Za-z]"), |c| c.to_ascii_lowercase())
    }

    /// Returns the cases of all characters. Python compares the simple lower case. Characters with the same
    /// upper case are also equal: `ı` and `i`, `ſ` and `s`.
    pub(super) fn of_unicode() -> Self {
        Self::by(&constant(r"\p{Changes_When_Casemapped}"), |c| {
            let mut upper = lower(c).to_uppercase();
            [upper.next(), upper.next(), upper.next()]
        })
    }

    fn by<K: Ord>(cased: &ClassUnicode, key: impl Fn(char) -> K) -> Self {
        let mut groups: BTreeMap<K, Vec<char>> = BTreeMap::new();
        for character in cased.iter().flat_map(|range| range.start()..=range.end()) {
            groups.entry(key(character)).or_default().push(character);
        }
        let members = groups
            .into_values()
            .flat_map(|group| group.clone().into_iter().map(move |character| (character, group.clone())));
        Self(members.collect())
    }

    /// Adds to a set all characters that are equal to one in it.
    pub(super) fn close(&self, set: &mut ClassUnicode) {
        let within = set.iter().flat_map(|range| self.0.range(range.start()..=range.end()));
        let equal: Vec<_> =
            within.flat_map(|(_, group)| group).map(|&c| ClassUnicodeRange::new(c, c)).collect();
        set.union(&ClassUnicode::new(equal));
    }
}

/// Returns the simple lower case: one character. Where Unicode's full lower case has several, returns the
/// first.
pub(super) fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library maps cases, `regex-syntax` has the property. Their Unicode versions may differ.
    #[test]
    fn only_characters_with_the_casemapped_property_have_cases() {
        let assigned = constant(r"\P{Cn}");
        let is_known = |c: char| assigned.iter().any(|range| (range.start()..=range.end()).contains(&c));
        let mut others = assigned.clone();
        others.difference(&constant(r"\p{Changes_When_Casemapped}"));
        for character in others.iter().flat_map(|range| range.start()..=range.end()) {
            let mapped = character.to_lowercase().chain(character.to_uppercase());
            for other in mapped.filter(|&other| other != character) {
                assert!(!is_known(other), "{character:?} {other:?}");
            }
        }
    }

    #[test]
    fn characters_with_the_same_upper_case_are_equal() {
        let cases = Cases::of_unicode();
        for (given, expected) in
            [("i", "Iiİı"), ("K", "Kk\u{212a}"), ("ſ", "Ssſ"), ("ß", "ßẞ"), ("\u{fb05}", "\u{fb05}\u{fb06}")]
        {
            let mut set = ClassUnicode::new(given.chars().map(|c| ClassUnicodeRange::new(c, c)));
            cases.close(&mut set);
            let found: String = set.iter().flat_map(|range| range.start()..=range.end()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_constant_is_a_valid_set() {
        for ascii in [true, false] {
            for set in [digits(ascii), words(ascii), spaces(ascii), any(ascii)] {
                assert!(!set.ranges().is_empty());
            }
        }

        assert_eq!(property("Zl").as_ref().and_then(single), Some('\u{2028}'));
        assert_eq!(property("Nonsense"), None);
        assert_eq!(property("L}|\\p{N"), None);
    }
}
