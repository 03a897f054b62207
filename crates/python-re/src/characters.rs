//! Sets of characters, as Python draws them.

use std::collections::BTreeMap;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// `\d`: the decimal digits.
pub(super) fn digits(ascii: bool) -> ClassUnicode {
    constant(if ascii { "[0-9]" } else { r"\p{Nd}" })
}

/// `\w`: the underscore and what Python calls alphanumeric, which is every letter and every number. Marks and connectors,
/// which other dialects include, are neither.
pub(super) fn words(ascii: bool) -> ClassUnicode {
    constant(if ascii { "[0-9A-Za-z_]" } else { r"[\p{L}\p{N}_]" })
}

/// `\s`: to Python, the information separators of ASCII are spaces too, unless `a` is on.
pub(super) fn spaces(ascii: bool) -> ClassUnicode {
    constant(if ascii { r"[\t-\r ]" } else { r"[\p{White_Space}\x1c-\x1f]" })
}

/// `.`: with `s`, also a line feed.
pub(super) fn any(line_feed: bool) -> ClassUnicode {
    constant(if line_feed { r"\p{any}" } else { r"[^\n]" })
}

/// `\p{name}`. `None` when Unicode has no such property.
pub(super) fn property(name: &str) -> Option<ClassUnicode> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ' ' | '-');
    name.chars().all(harmless).then(|| class(&format!(r"\p{{{name}}}")))?
}

/// The only character of a set.
pub(super) fn only(set: &ClassUnicode) -> Option<char> {
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
        // A set of one is simplified to it, and one of none to bytes.
        HirKind::Literal(literal) => {
            let ranges = str::from_utf8(&literal.0).ok()?.chars().map(|c| ClassUnicodeRange::new(c, c));
            Some(ClassUnicode::new(ranges))
        }
        HirKind::Class(Class::Bytes(_)) => Some(ClassUnicode::empty()),
        _ => None,
    }
}

/// Which characters are the same when case is ignored.
pub(super) struct Cases(BTreeMap<char, Vec<char>>);

impl Cases {
    /// Only ASCII has cases.
    pub(super) fn of_ascii() -> Self {
        Self::by(&constant("[A-Za-z]"), |c| c.to_ascii_lowercase())
    }

    /// Python compares the simple lower case, and takes for the same what has a common upper case: `ı` and `i`, `ſ` and `s`.
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

    /// Adds to a set what is the same as something in it.
    pub(super) fn close(&self, set: &mut ClassUnicode) {
        let within = set.iter().flat_map(|range| self.0.range(range.start()..=range.end()));
        let same: Vec<_> =
            within.flat_map(|(_, group)| group).map(|&c| ClassUnicodeRange::new(c, c)).collect();
        set.union(&ClassUnicode::new(same));
    }
}

/// The simple lower case, which has one character for each: the first where Unicode's full one has several.
pub(super) fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mappings are the standard library's and sets the crate's: either may know characters the other does not.
    #[test]
    fn no_known_character_outside_of_the_property_has_a_case() {
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
    fn characters_with_a_common_upper_case_are_the_same() {
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
    fn every_constant_is_a_set() {
        for ascii in [true, false] {
            for set in [digits(ascii), words(ascii), spaces(ascii), any(ascii)] {
                assert!(!set.ranges().is_empty());
            }
        }

        assert_eq!(property("Zl").as_ref().and_then(only), Some('\u{2028}'));
        assert_eq!(property("Nonsense"), None);
        assert_eq!(property("L}|\\p{N"), None);
    }
}
