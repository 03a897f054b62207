//! Unknown keys that are similar to the name of an option.
//!
//! Keys are compared without case, separators and the prefix `MOESIF_`. A key that is similar to an option is
//! named in the warning. If it is very similar to an option that decides where data goes or what is recorded,
//! it is an error ([`super::OptionSpec::refuses_misspelling`]).

use super::spec::OptionSpec;
use super::table::OPTIONS;

/// Start of the names of environment variables. People also write it before the keys of the settings.
pub(super) const PREFIX: &str = "MOESIF_";

/// The option that an unknown key most likely means.
pub(super) struct Meant {
    pub(super) option: &'static OptionSpec,
    /// Whether the key must not be ignored.
    pub(super) is_refused: bool,
}

/// Returns the option that an unknown key most likely means. `None` if more than a third of the letters of each
/// option differ.
pub(super) fn meant(key: &str) -> Option<Meant> {
    let key = letters(key);
    let close = OPTIONS.iter().map(|option| (distance(&key, &letters(option.name)), option));
    // Of two options at the same distance, the one that must not be misspelt counts.
    let (distance, option) =
        close.min_by_key(|(distance, option)| (*distance, !option.refuses_misspelling))?;
    let name = letters(option.name);
    if distance > name.len() / 3 {
        let option = part_of_a_mask(&key)?;
        return Some(Meant { option, is_refused: option.refuses_misspelling });
    }
    Some(Meant { option, is_refused: option.refuses_misspelling && is_slip(&key, &name, distance) })
}

/// Returns the number of letters to add, remove, change or swap.
fn distance(key: &str, name: &str) -> usize {
    strsim::osa_distance(key, name)
}

/// Whether a key is too similar to the name of an option to be anything else: one letter in five may differ.
/// A word of four letters becomes another word if one letter changes, as `SKIP` becomes `SHIP`. So in a short
/// name letters may only be missing, added or swapped.
fn is_slip(key: &str, name: &str, distance: usize) -> bool {
    const SHORT: usize = 5;
    let is_another_word = name.len() <= SHORT && key.len() == name.len() && sorted(key) != sorted(name);
    distance <= (name.len() / 5).max(1) && !is_another_word
}

/// Returns the mask that a part of a name means, such as `MASK_EVENT` or `BODY_MASKS`.
fn part_of_a_mask(key: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| key.contains("MASK") && letters(option.name).contains(key))
}

fn letters(key: &str) -> String {
    let key = key.to_ascii_uppercase();
    let key = key.strip_prefix(PREFIX).unwrap_or(&key);
    key.chars().filter(|letter| letter.is_alphanumeric()).collect()
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
            ("LOG_BODY_OUTGOINGS", "LOG_BODY_OUTGOING"),
            ("MASK_EVENT_MODELS", "MASK_EVENT_MODEL"),
            ("MASK_EVENT", "MASK_EVENT_MODEL"),
            ("REQUEST_HEADER_MASK", "REQUEST_HEADER_MASKS"),
            ("REQUEST_HEADERS_MASKS", "REQUEST_HEADER_MASKS"),
            ("RESPONSE_BODY_MASK", "RESPONSE_BODY_MASKS"),
            ("REQUEST_QUERY_MASK", "REQUEST_QUERY_MASKS"),
            ("BODY_MASKS", "REQUEST_BODY_MASKS"),
            ("SENSITIVE_DATAS", "SENSITIVE_DATA"),
            ("IDENTIFY_USERS", "IDENTIFY_USER"),
            ("IDENTITY_USER", "IDENTIFY_USER"),
            ("IDENTIFY_COMPANIES", "IDENTIFY_COMPANY"),
            ("IDENTIFY_USER_OUTGOIN", "IDENTIFY_USER_OUTGOING"),
        ] {
            let meant = meant(key).unwrap_or_else(|| panic!("{key} should mean {name}"));
            assert_eq!((meant.option.name, meant.is_refused), (name, true), "{key}");
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
            "REQUEST_HEADERS",
            "USER",
            "FOO",
            "",
            "_",
            "é",
        ] {
            assert!(meant(key).is_none_or(|meant| !meant.is_refused), "{key}");
        }
    }

    #[test]
    fn no_option_is_taken_for_another() {
        for option in OPTIONS {
            assert_eq!(meant(option.name).map(|meant| meant.option.name), Some(option.name));
        }
    }
}
