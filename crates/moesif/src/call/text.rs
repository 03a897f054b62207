//! Native strings, in which WSGI passes header values and paths (PEP 3333): each character represents one
//! byte. Also header names from CGI variables.

use std::mem;

/// Returns the bytes that a character of a native string represents. A character above U+00FF, which PEP 3333
/// does not allow, represents its UTF-8 bytes.
pub(crate) fn native_bytes(character: char, buffer: &mut [u8; 4]) -> &[u8] {
    match u8::try_from(u32::from(character)) {
        Ok(byte) => {
            let [first, ..] = buffer;
            *first = byte;
            std::slice::from_ref(first)
        }
        Err(_) => character.encode_utf8(buffer).as_bytes(),
    }
}

/// Appends the text of a native string: UTF-8 if its bytes are valid UTF-8, else Latin-1. The text has at most
/// as many bytes as the native string.
pub(crate) fn push_native(out: &mut String, text: &str) {
    if !text.is_ascii() {
        let start = out.len();
        // Decodes in place, because nothing can be allocated if memory is short.
        let mut bytes = mem::take(out).into_bytes();
        for character in text.chars() {
            bytes.extend_from_slice(native_bytes(character, &mut [0; 4]));
        }
        match String::from_utf8(bytes) {
            Ok(decoded) => {
                *out = decoded;
                return;
            }
            Err(error) => {
                let mut bytes = error.into_bytes();
                bytes.truncate(start);
                *out = String::from_utf8(bytes).unwrap_or_default();
            }
        }
    }
    out.push_str(text);
}

/// Appends a CGI header name (`X_API_KEY`) in the form `X-Api-Key`. A letter is upper case if no letter
/// precedes it.
pub(crate) fn push_header_name(out: &mut String, cgi_name: &str) {
    /// Bytes that are changed on the stack before they are appended. Most names have fewer.
    const CHUNK: usize = 32;
    let mut after_letter = false;
    let mut rest = cgi_name;
    while !rest.is_empty() {
        let end = (0..=CHUNK.min(rest.len())).rev().find(|&end| rest.is_char_boundary(end));
        let (chunk, after) = rest.split_at(end.unwrap_or(rest.len()));
        let mut buffer = [0; CHUNK];
        for (changed, &byte) in buffer.iter_mut().zip(chunk.as_bytes()) {
            *changed = match byte {
                b'_' => b'-',
                _ if after_letter => byte.to_ascii_lowercase(),
                _ => byte.to_ascii_uppercase(),
            };
            after_letter = byte.is_ascii_alphabetic();
        }
        let changed = buffer.get(..chunk.len()).map(str::from_utf8);
        out.push_str(changed.and_then(Result::ok).unwrap_or(chunk));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_string_is_read_as_utf8_or_else_as_latin1() {
        for (native, text) in [
            ("plain", "plain"),
            ("caf\u{c3}\u{a9}", "café"),
            ("caf\u{e9}", "café"),
            ("\u{ff}\u{fe}", "\u{ff}\u{fe}"),
            ("\u{c3}\u{a9}€", "é€"),
        ] {
            let mut out = String::from("é");
            push_native(&mut out, native);
            assert_eq!(out, format!("é{text}"));
        }
    }

    #[test]
    fn header_name_has_the_case_that_moesifwsgi_uses() {
        for (cgi, name) in [
            ("HOST", "Host"),
            ("X_API_V2KEY", "X-Api-V2Key"),
            ("ETAG", "Etag"),
            ("DNT", "Dnt"),
            ("X__Y", "X--Y"),
            ("X_CAF\u{c9}S", "X-Caf\u{c9}S"),
            ("X_AAAAAAAAAABBBBBBBBBBCCCCCCCCC\u{c9}DD", "X-Aaaaaaaaaabbbbbbbbbbccccccccc\u{c9}Dd"),
            ("X_AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDD_E", "X-Aaaaaaaaaabbbbbbbbbbccccccccccdd-E"),
            ("", ""),
        ] {
            let mut out = String::new();
            push_header_name(&mut out, cgi);
            assert_eq!(out, name);
        }
    }
}
