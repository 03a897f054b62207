//! Unknown keys that are similar to the name of an option.
//!
//! Keys are compared without case, separators, the prefix `MOESIF_` and the plural of their words. A key that is
//! similar to an option is named in the warning. If it is very similar to an option that decides where data goes
//! or what is recorded, it is an error ([`super::OptionSpec::refuses_misspelling`]). A key that
//! names a mask of something an option can mask is an error too.

use super::spec::OptionSpec;
use super::table::OPTIONS;

/// Start of the names of environment variables. People also write it before the keys of the settings.
pub(super) const PREFIX: &str = "MOESIF_";

const MASK: &str = "MASK";

/// The options that an unknown key most likely means.
pub(super) struct Meant {
    /// At least one.
    pub(super) options: Vec<&'static OptionSpec>,
    pub(super) likeness: Likeness,
}

/// How a key resembles the name of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// They are similar.
    Similar,
    /// It is almost the name of an option that refuses misspelling.
    Misspelt,
    /// Both have the word `MASK`.
    Mask,
}

impl Meant {
    /// Whether the key must not be ignored.
    pub(super) fn is_refused(&self) -> bool {
        self.likeness != Likeness::Similar
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.options.iter().map(|option| option.name).collect()
    }
}

/// Returns the options that an unknown key most likely means. `None` if more than a third of the letters of each
/// option differ, and the key names no mask.
pub(super) fn meant(key: &str) -> Option<Meant> {
    let words = words(key);
    let key = words.concat();
    let close = OPTIONS.iter().map(|option| {
        let name = self::words(option.name).concat();
        (strsim::osa_distance(&key, &name), option, name)
    });
    // Of two options at the same distance, the one that must not be misspelt counts.
    let (distance, option, name) =
        close.min_by_key(|(distance, option, _)| (*distance, !option.refuses_misspelling))?;
    if option.refuses_misspelling && is_slip(&key, &name, distance) {
        return Some(Meant { options: vec![option], likeness: Likeness::Misspelt });
    }
    if names_a_mask(&words) {
        return Some(Meant { options: masks_like(&words), likeness: Likeness::Mask });
    }
    (distance <= name.len() / 3).then(|| Meant { options: vec![option], likeness: Likeness::Similar })
}

/// Returns names as a list for a question: `A, B or C`. Each begins with `prefix`.
pub(super) fn any_of(names: &[&str], prefix: &str) -> String {
    let options: Vec<_> = names.iter().map(|name| format!("{prefix}{name}")).collect();
    match options.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => options.concat(),
    }
}

/// Whether a key is too similar to the name of an option to be anything else: one letter in five may differ.
/// A word of four letters becomes another word if one letter changes, as `SKIP` becomes `SHIP`. So in a short
/// name letters may only be missing, added or swapped.
fn is_slip(key: &str, name: &str, distance: usize) -> bool {
    const SHORT: usize = 5;
    let is_another_word = name.len() <= SHORT && key.len() == name.len() && sorted(key) != sorted(name);
    distance <= (name.len() / 5).max(1) && !is_another_word
}

/// Whether a key names a mask: it has the word `MASK` and another word of a mask among the options, or only that
/// word. `RESTX_MASK_HEADER` belongs to another program: the word is in the middle, and no option has the first
/// word.
fn names_a_mask(words: &[String]) -> bool {
    let is_mask = |word: &String| word == MASK;
    let is_masked = |word: &String| masks().any(|option| self::words(option.name).contains(word));
    let is_ours = |word: &String| OPTIONS.iter().any(|option| self::words(option.name).contains(word));
    match words {
        [word] => is_mask(word),
        [first, .., last] => {
            words.iter().any(is_mask)
                && words.iter().any(|word| !is_mask(word) && is_masked(word))
                && (is_mask(last) || is_ours(first))
        }
        [] => false,
    }
}

/// Returns the options that mask content.
fn masks() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().filter(|option| words(option.name).iter().any(|word| word == MASK))
}

/// Returns the masks that have the most words in common with a key.
fn masks_like(words: &[String]) -> Vec<&'static OptionSpec> {
    let common = |option: &OptionSpec| {
        let name = self::words(option.name);
        words.iter().filter(|word| name.contains(word)).count()
    };
    let most = masks().map(common).max();
    masks().filter(|option| Some(common(option)) == most).collect()
}

/// Returns the words of a key in capitals and in the singular, without the prefix. A word ends at a separator or
/// before a capital.
fn words(key: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut was_small = false;
    for letter in key.chars() {
        if was_small && letter.is_uppercase() {
            spaced.push(' ');
        }
        was_small = letter.is_lowercase();
        spaced.push(if letter.is_alphanumeric() { letter.to_ascii_uppercase() } else { ' ' });
    }
    let mut words = spaced.split_whitespace().map(singular).peekable();
    let prefix = PREFIX.trim_end_matches('_');
    words.next_if(|word| word == prefix);
    words.collect()
}

/// Returns a word in the singular: `BODIES` and `BODYS` as `BODY`.
fn singular(word: &str) -> String {
    match (word.strip_suffix("IES"), word.strip_suffix('S')) {
        (Some(start), _) => format!("{start}Y"),
        (None, Some(start)) if !start.ends_with('S') => start.to_owned(),
        _ => word.to_owned(),
    }
}

fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_an_option_that_protects_data_is_refused() {
        for (key, name) in [
            ("application_id", "APPLICATION_ID"),
            ("applicationId", "APPLICATION_ID"),
            ("APPLICATON_ID", "APPLICATION_ID"),
            ("MOESIF_APPLICATION_ID", "APPLICATION_ID"),
            ("BASE_URL", "BASE_URI"),
            ("BASEURL", "BASE_URI"),
            ("base-uri", "BASE_URI"),
            ("LOCAL_MOESIF_BASE_URL", "LOCAL_MOESIF_BASEURL"),
            ("skip", "SKIP"),
            ("SKIPS", "SKIP"),
            ("SKIPP", "SKIP"),
            ("SKPI", "SKIP"),
            ("SKP", "SKIP"),
            ("SKIP_OUTGOIN", "SKIP_OUTGOING"),
            ("LOG_BODYS", "LOG_BODY"),
            ("LOGBODY", "LOG_BODY"),
            ("LOG_BODIES", "LOG_BODY"),
            ("logBodies", "LOG_BODY"),
            ("LOG_BODIES_OUTGOING", "LOG_BODY_OUTGOING"),
            ("LOG_BODY_OUTGOINGS", "LOG_BODY_OUTGOING"),
            ("MASK_EVENT_MODELS", "MASK_EVENT_MODEL"),
            ("REQUEST_HEADER_MASK", "REQUEST_HEADER_MASKS"),
            ("REQUEST_HEADERS_MASKS", "REQUEST_HEADER_MASKS"),
            ("RESPONSE_BODY_MASK", "RESPONSE_BODY_MASKS"),
            ("REQUEST_QUERY_MASK", "REQUEST_QUERY_MASKS"),
            ("SENSITIVE_DATAS", "SENSITIVE_DATA"),
            ("IDENTIFY_USERS", "IDENTIFY_USER"),
            ("IDENTITY_USER", "IDENTIFY_USER"),
            ("IDENTIFY_COMPANIES", "IDENTIFY_COMPANY"),
            ("IDENTIFY_USER_OUTGOIN", "IDENTIFY_USER_OUTGOING"),
        ] {
            let meant = meant(key).unwrap_or_else(|| panic!("{key} should mean {name}"));
            assert_eq!((meant.names(), meant.likeness), (vec![name], Likeness::Misspelt), "{key}");
        }
    }

    #[test]
    fn a_key_with_the_word_mask_is_refused() {
        let bodies = ["REQUEST_BODY_MASKS", "RESPONSE_BODY_MASKS"];
        let headers = ["REQUEST_HEADER_MASKS", "RESPONSE_HEADER_MASKS"];
        let requests = ["REQUEST_HEADER_MASKS", "REQUEST_BODY_MASKS", "REQUEST_QUERY_MASKS"];
        let every = [
            "MASK_EVENT_MODEL",
            "REQUEST_HEADER_MASKS",
            "RESPONSE_HEADER_MASKS",
            "REQUEST_BODY_MASKS",
            "RESPONSE_BODY_MASKS",
            "REQUEST_QUERY_MASKS",
        ];
        for (key, names) in [
            ("MASK_EVENT", &["MASK_EVENT_MODEL"][..]),
            ("MASK_EVENTS", &["MASK_EVENT_MODEL"]),
            ("MASK_MODEL", &["MASK_EVENT_MODEL"]),
            ("EVENT_MASK", &["MASK_EVENT_MODEL"]),
            ("BODY_MASKS", &bodies),
            ("bodyMasks", &bodies),
            ("MASK_HEADERS", &headers),
            ("REQUEST_MASKS", &requests),
            ("MOESIF_REQUEST_MASK", &requests),
            ("REQUEST_MASK_HEADER", &["REQUEST_HEADER_MASKS"]),
            ("REQUEST_BODY_MASK_LIST", &["REQUEST_BODY_MASKS"]),
            ("REQ_BODY_MASKS", &bodies),
            ("mask", &every),
        ] {
            let meant = meant(key).unwrap_or_else(|| panic!("{key} should mean a mask"));
            assert_eq!((meant.names(), meant.likeness), (names.to_vec(), Likeness::Mask), "{key}");
        }
    }

    #[test]
    fn other_keys_are_not_refused() {
        for key in [
            "BASE_DIR",
            "SHIP",
            "SLIP",
            "SKIN",
            "APPLICATION_ROOT",
            "APPLICATION_NAME",
            "LOG_LEVEL",
            "LOG_FILE",
            "BATCH_SZIE",
            "IDENTIFY_TEAM",
            "RESTX_MASK_HEADER",
            "RESTX_MASK_SWAGGER",
            "CSRF_COOKIE_MASKED",
            "SUBNET_MASK",
            "MASK_SECRET",
            "UMASK",
            "SHIPS",
            "DATABASES",
            "S",
            "REQUEST_HEADERS",
            "USER",
            "FOO",
            "",
            "_",
            "é",
        ] {
            assert!(meant(key).is_none_or(|meant| !meant.is_refused()), "{key}");
        }
    }

    #[test]
    fn no_option_is_taken_for_another() {
        for option in OPTIONS {
            assert_eq!(meant(option.name).map(|meant| meant.names()), Some(vec![option.name]));
        }
    }
}
