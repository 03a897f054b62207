//! Native strings, in which WSGI passes header values and paths (PEP 3333): each character represents one
//! byte. Also header names from CGI variables.

use std::borrow::Cow;

/// Returns the bytes of a native string. A character above U+00FF, which PEP 3333 does not allow, becomes its
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

/// Returns the text of a native string: UTF-8 if its bytes are valid UTF-8, else Latin-1.
pub(crate) fn native_text(text: &str) -> Cow<'_, str> {
    match native_bytes(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

/// Appends a CGI header name (`X_API_KEY`) in the form `X-Api-Key`. A letter is upper case if no letter
/// precedes it.
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
    fn native_string_is_read_as_utf8_or_else_as_latin1() {
        assert_eq!(native_text("plain"), "plain");
        assert_eq!(native_text("caf\u{c3}\u{a9}"), "café");
        assert_eq!(native_text("caf\u{e9}"), "café");
        assert_eq!(native_text("\u{ff}\u{fe}"), "\u{ff}\u{fe}");
    }

    #[test]
    fn header_name_has_the_case_that_moesifwsgi_uses() {
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
