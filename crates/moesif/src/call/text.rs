//! Text as a gateway interface hands it over: header values and paths in "native strings", whose characters stand
//! for bytes (PEP 3333).

use std::borrow::Cow;

/// The bytes such a string stands for. A character beyond U+00FF, which the interface does not allow, stands for its
/// UTF-8 bytes.
pub(crate) fn native_bytes(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(u32::from(character)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The text such a string was meant as: UTF-8 where its bytes are that, Latin-1 otherwise.
pub(crate) fn native_text(text: &str) -> Cow<'_, str> {
    match native_bytes(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

/// Appends a CGI header name (`X_API_KEY`) in the form `X-Api-Key`: a letter is upper case where no letter stands
/// before it.
pub(crate) fn push_header_name(out: &mut String, cgi_name: &str) {
    let mut after_letter = false;
    for character in cgi_name.chars() {
        let character = match character {
            '_' => '-',
            _ if after_letter => character.to_ascii_lowercase(),
            _ => character.to_ascii_uppercase(),
        };
        after_letter = character.is_ascii_alphabetic();
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_sent_in_a_header_is_read_as_utf8_and_latin1_as_latin1() {
        assert_eq!(native_text("plain"), "plain");
        assert_eq!(native_text("caf\u{c3}\u{a9}"), "café");
        assert_eq!(native_text("caf\u{e9}"), "café");
        assert_eq!(native_text("\u{ff}\u{fe}"), "\u{ff}\u{fe}");
    }

    #[test]
    fn header_names_are_titled_like_upstream() {
        for (cgi, name) in [
            ("HOST", "Host"),
            ("X_API_V2KEY", "X-Api-V2Key"),
            ("ETAG", "Etag"),
            ("DNT", "Dnt"),
            ("X__Y", "X--Y"),
            ("", ""),
        ] {
            let mut out = String::new();
            push_header_name(&mut out, cgi);
            assert_eq!(out, name);
        }
    }
}
