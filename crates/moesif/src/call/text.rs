//! Native strings, in which WSGI passes header values and paths (PEP 3333): each character represents one
//! byte. Also header names from CGI variables.

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
/// as many bytes as the native string. Nothing is allocated if there is room for them.
pub(crate) fn push_native(out: &mut String, text: &str) {
    if text.is_ascii() || !decode(text, |_| ()) {
        out.push_str(text);
    } else {
        decode(text, |part| out.push_str(part));
    }
}

/// Calls `take` with the parts of the UTF-8 text that a native string represents. Returns `false` if its bytes
/// are not valid UTF-8.
fn decode(native: &str, mut take: impl FnMut(&str)) -> bool {
    let mut buffer = [0; 64];
    let mut length = 0;
    for character in native.chars() {
        for byte in native_bytes(character, &mut [0; 4]) {
            if let Some(next) = buffer.get_mut(length) {
                *next = *byte;
                length += 1;
            }
            if length == buffer.len() {
                let Some(left) = take_valid(&mut buffer, length, &mut take) else {
                    return false;
                };
                length = left;
            }
        }
    }
    take_valid(&mut buffer, length, &mut take) == Some(0)
}

/// Calls `take` with the text in the first `length` bytes of a buffer. Moves the start of an incomplete character
/// to the start of the buffer, and returns its length. `None` if the bytes are not valid UTF-8.
fn take_valid(buffer: &mut [u8], length: usize, take: &mut impl FnMut(&str)) -> Option<usize> {
    let valid = match str::from_utf8(buffer.get(..length)?) {
        Ok(text) => {
            take(text);
            length
        }
        Err(error) if error.error_len().is_none() => {
            let valid = error.valid_up_to();
            take(str::from_utf8(buffer.get(..valid)?).ok()?);
            valid
        }
        Err(_) => return None,
    };
    buffer.copy_within(valid..length, 0);
    Some(length - valid)
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
            ("caf\u{c3}", "caf\u{c3}"),
            // The buffer ends within a character.
            (&format!("{}\u{c3}\u{a9}x", "a".repeat(63)), &format!("{}éx", "a".repeat(63))),
            (&"\u{e2}\u{82}\u{ac}".repeat(100), &"€".repeat(100)),
            (&format!("{}\u{e9}x", "\u{c3}\u{a9}".repeat(50)), &format!("{}éx", "\u{c3}\u{a9}".repeat(50))),
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
