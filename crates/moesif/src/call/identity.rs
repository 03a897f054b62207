//! Finds the user id in the authorization headers of a request.
//!
//! Tokens are decoded but not verified. Verification is the application's task; here the id only labels a
//! record.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use moesif_wire::Headers;
use serde_json::value::RawValue;

/// Maximum length of an id in bytes. Longer values are not recorded.
pub const MAX_ID_BYTES: usize = moesif_wire::limits::ID;

/// Returns the user id from the first header in `names` that has one.
///
/// | Value | Id |
/// |---|---|
/// | `Bearer` and a JWT | member `field` of the payload |
/// | JWT or its payload, without a scheme | member `field` of the payload |
/// | `Basic` credentials | text before the colon |
///
/// Header names, schemes and `field` are case-insensitive. Only text up to the first comma of a value is
/// read.
pub(crate) fn identify_user(headers: &Headers<'_>, names: &[String], field: &str) -> Option<String> {
    names
        .iter()
        .filter_map(|name| headers.get(name))
        .find_map(|value| user_in(value, field).filter(|user| user.len() <= MAX_ID_BYTES))
}

fn user_in(value: &str, field: &str) -> Option<String> {
    let credentials = value.split(',').next()?.trim();
    if let Some(token) = after_scheme(credentials, "Bearer") {
        let mut parts = token.split('.');
        let payload = parts.nth(1)?;
        return parts.next().and_then(|_signature| payload_user(payload, field));
    }
    if let Some(pair) = after_scheme(credentials, "Basic") {
        let pair = decode(pair)?;
        let user = pair.split(|byte| *byte == b':').next()?;
        let user = std::str::from_utf8(user).ok()?.trim();
        return (!user.is_empty()).then(|| user.to_owned());
    }
    payload_user(credentials.split('.').nth(1).unwrap_or(credentials), field)
}

/// Returns the credentials without their scheme. `None` if they have another scheme.
fn after_scheme<'a>(credentials: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = credentials.split_at_checked(scheme.len())?;
    let separated = rest.is_empty() || rest.starts_with([' ', '\t']);
    (separated && start.eq_ignore_ascii_case(scheme)).then(|| rest.trim())
}

fn payload_user(payload: &str, field: &str) -> Option<String> {
    let payload = decode(payload)?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(&payload).ok()?;
    let (_, value) = fields.iter().find(|(name, _)| name.to_lowercase() == field.to_lowercase())?;
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok().filter(|text: &String| !text.is_empty()),
        b'n' | b'{' | b'[' => None,
        // A number keeps its JSON text, because an id may have more digits than a number type.
        _ => Some(json.to_owned()),
    }
}

/// Decodes base64 in the standard or the URL-safe alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let url_safe: String = text
        .trim()
        .trim_end_matches('=')
        .chars()
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    ENGINE.decode(url_safe).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    fn identified(fields: &[(&'static str, &str)], names: &[&str]) -> Option<String> {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.append(*name, (*value).to_owned());
        }
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        identify_user(&headers, &names, "sub")
    }

    fn jwt(payload: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload))
    }

    fn bearer(payload: &str) -> Option<String> {
        identified(&[("Authorization", &format!("Bearer {}", jwt(payload)))], &["authorization"])
    }

    #[test]
    fn token_is_decoded_in_both_base64_alphabets() {
        // The URL-safe form of this payload contains `-` and `_`, which a standard decoder refuses.
        let payload = r#"{"sub":"ann?>~~ÿÿ","x":"???>>>"}"#;
        let encoded = URL_SAFE_NO_PAD.encode(payload);
        assert!(encoded.contains('-') && encoded.contains('_'), "{encoded}");
        assert_eq!(bearer(payload).as_deref(), Some("ann?>~~ÿÿ"));
        let standard = format!("Bearer e30.{}.sig", STANDARD.encode(payload));
        assert_eq!(
            identified(&[("Authorization", &standard)], &["authorization"]).as_deref(),
            Some("ann?>~~ÿÿ")
        );
    }

    #[test]
    fn id_is_text_or_a_number() {
        assert_eq!(bearer(r#"{"SUB":"u1"}"#).as_deref(), Some("u1"));
        assert_eq!(bearer(r#"{"sub":42}"#).as_deref(), Some("42"));
        assert_eq!(bearer(r#"{"sub":12345678901234567890123}"#).as_deref(), Some("12345678901234567890123"));
        assert_eq!(bearer(&format!(r#"{{"sub":"{}"}}"#, "x".repeat(2000))), None);
        for payload in [r#"{"sub":null}"#, r#"{"sub":""}"#, r#"{"sub":[1]}"#, "{}", "[]", "not json", ""] {
            assert_eq!(bearer(payload), None, "{payload}");
        }
    }

    #[test]
    fn scheme_is_case_insensitive_and_must_come_first() {
        let names = ["authorization"];
        let token = jwt(r#"{"sub":"u1"}"#);
        for value in [format!("bearer {token}"), format!("BEARER\t{token}"), token.clone()] {
            assert_eq!(identified(&[("Authorization", &value)], &names).as_deref(), Some("u1"), "{value}");
        }
        let basic = format!("basic {}", STANDARD.encode(" ann :secret"));
        assert_eq!(identified(&[("Authorization", &basic)], &names).as_deref(), Some("ann"));
        let two_parts = format!("Bearer e30.{}", URL_SAFE_NO_PAD.encode(r#"{"sub":"u1"}"#));
        for value in ["Bearer", "Bearer ", "Basic", "Basic Og==", &two_parts, "", "Digest x", "é"] {
            assert_eq!(identified(&[("Authorization", value)], &names), None, "{value}");
        }
    }

    #[test]
    fn next_header_is_tried_if_one_has_no_id() {
        let token = format!("Bearer {}", jwt(r#"{"sub":"u1"}"#));
        assert_eq!(
            identified(
                &[("X-Api-Key", "opaque"), ("Authorization", &token)],
                &["x-api-key", "authorization"]
            )
            .as_deref(),
            Some("u1")
        );
    }
}
