//! Texts with merge tags: `{{name}}` and `{{name|default}}`.
//!
//! Braces are a tag only if the rule declares a variable of that name. Otherwise they are text. Tags are
//! found once, when the rule is compiled. Values are escaped, inserted between the pieces and not parsed
//! again. So a value cannot add tags, quotes or JSON members.

use std::collections::HashMap;

use moesif_wire::text::json_string_length;
use serde_json::value::RawValue;

/// Replaces a tag that has neither a value nor a default.
const UNKNOWN: &str = "UNKNOWN";

/// Values of a rule's merge tags, by the name of the variable.
pub(super) type Values = HashMap<String, String>;

/// A text with merge tags.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    syntax: Syntax,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Tag { name: String, default: String },
}

/// How values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Plain,
    /// As a part of a JSON string.
    Json,
}

impl Syntax {
    /// Appends a text, escaped for this syntax.
    fn push(self, out: &mut String, text: &str) {
        match self {
            Self::Plain => out.push_str(text),
            Self::Json => {
                // Serializing a string cannot fail. The quotes around it are removed.
                let quoted = serde_json::to_string(text).unwrap_or_default();
                out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
            }
        }
    }
}

impl Template {
    /// Compiles plain text, such as the value of a header.
    pub(super) fn plain(text: &str, variables: &[String]) -> Self {
        let syntax = Syntax::Plain;
        Self { pieces: pieces(text, variables, syntax), syntax }
    }

    /// Compiles a JSON document. Its strings may contain tags at any depth. Keys, numbers, order and white
    /// space stay unchanged.
    pub(super) fn json(document: &RawValue, variables: &[String]) -> Self {
        let syntax = Syntax::Json;
        let mut template = Self { pieces: Vec::new(), syntax };
        let mut rest = document.get();
        while let Some((before, string, after)) = next_string(rest) {
            template.push_text(before);
            let is_key = after.trim_start().starts_with(':');
            let pieces = match serde_json::from_str::<String>(string) {
                Ok(text) if !is_key => pieces(&text, variables, syntax),
                _ => Vec::new(),
            };
            if pieces.iter().any(|piece| matches!(piece, Piece::Tag { .. })) {
                template.push_text("\"");
                template.pieces.extend(pieces);
                template.push_text("\"");
            } else {
                // Keeps the original text, because a character can be escaped in several ways.
                template.push_text(string);
            }
            rest = after;
        }
        template.push_text(rest);
        template
    }

    /// Returns the text with these values in place of its tags.
    pub(super) fn render(&self, values: Option<&Values>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Tag { name, default } => {
                    let value = values.and_then(|values| values.get(name));
                    self.syntax.push(&mut out, value.unwrap_or(default));
                }
            }
        }
        out
    }

    fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }
}

/// Splits a text into tags and the text between them. Escapes that text for the syntax.
fn pieces(text: &str, variables: &[String], syntax: Syntax) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, tag, after)) = next_tag(rest) {
        let (name, default) = tag.split_once('|').unwrap_or((tag, UNKNOWN));
        if variables.iter().any(|variable| variable == name) {
            syntax.push(&mut literal, before);
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
            pieces.push(Piece::Tag { name: name.to_owned(), default: default.to_owned() });
        } else {
            syntax.push(&mut literal, rest.get(..rest.len() - after.len()).unwrap_or_default());
        }
        rest = after;
    }
    syntax.push(&mut literal, rest);
    pieces.push(Piece::Text(literal));
    pieces
}

/// Finds the first pair of double braces without a pair inside. Returns the text before, inside and after it.
fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let mut search = 0;
    loop {
        let end = search + text.get(search..)?.find("}}")?;
        let (before, after) = (text.get(..end)?, text.get(end + 2..)?);
        if let Some(start) = text.get(search..end)?.rfind("{{").map(|start| search + start) {
            return Some((text.get(..start)?, before.get(start + 2..)?, after));
        }
        search = end + 2;
    }
}

/// Finds the first string of a JSON text. Returns the text before it, the string with its quotes, and the
/// text after it.
fn next_string(json: &str) -> Option<(&str, &str, &str)> {
    let start = json.find('"')?;
    let (before, from_quote) = json.split_at_checked(start)?;
    let (string, after) = from_quote.split_at_checked(json_string_length(from_quote)?)?;
    Some((before, string, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn plain(text: &str, variables: &[&str], pairs: &[(&str, &str)]) -> String {
        let variables: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
        Template::plain(text, &variables).render(Some(&values(pairs)))
    }

    fn json(document: &str, variables: &[&str], pairs: &[(&str, &str)]) -> String {
        let variables: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
        let document: &RawValue = serde_json::from_str(document).unwrap();
        Template::json(document, &variables).render(Some(&values(pairs)))
    }

    #[test]
    fn declared_tags_are_replaced_and_other_braces_are_text() {
        for (text, rendered) in [
            ("{{0}}", "Basic"),
            ("a {{0}} b {{1|none}} c", "a Basic b none c"),
            ("{{0}}{{0}}", "BasicBasic"),
            ("{{1}}", "UNKNOWN"),
            ("{{1|}}", ""),
            ("{{1|a|b}}", "a|b"),
            ("{{0|default}}", "Basic"),
            ("{{2}}", "{{2}}"),
            ("{{2|x}} {{0}}", "{{2|x}} Basic"),
            ("{{ 0 }}", "{{ 0 }}"),
            ("{{{0}}}", "{Basic}"),
            ("{{{{0}}}}", "{{Basic}}"),
            ("}}{{0}}", "}}Basic"),
            ("{{0", "{{0"),
            ("{{}} {0} {{0}", "{{}} {0} {{0}"),
            ("é{{0}}é", "éBasicé"),
            ("", ""),
        ] {
            assert_eq!(plain(text, &["0", "1"], &[("0", "Basic"), ("2", "no")]), rendered, "{text}");
        }
        assert_eq!(plain("{{0}} {{0|x}}", &[], &[("0", "Basic")]), "{{0}} {{0|x}}");
    }

    #[test]
    fn tag_in_a_value_is_not_replaced() {
        assert_eq!(plain("{{0}}/{{1}}", &["0", "1"], &[("0", "{{1}}"), ("1", "x")]), "{{1}}/x");
        assert_eq!(plain("{{{{0}}}}", &["0", "1"], &[("0", "1"), ("1", "x")]), "{{1}}");
    }

    #[test]
    fn tags_in_json_strings_are_replaced_at_every_depth_and_the_rest_is_unchanged() {
        let document = r#"{ "z": 1.50, "{{0}}" :"{{0}}","a":[ "x {{0}}",{"n":[["{{1|d}}"]]}, 123456789012345678901,null],
            "e":"\u007b\u007b0}}","k":"{{2}}","q":"\"{{0}}\"\\","s":"\ud800{{0}}" }"#;
        assert_eq!(
            json(document, &["0", "1"], &[("0", "Basic")]),
            r#"{ "z": 1.50, "{{0}}" :"Basic","a":[ "x Basic",{"n":[["d"]]}, 123456789012345678901,null],
            "e":"Basic","k":"{{2}}","q":"\"Basic\"\\","s":"\ud800{{0}}" }"#
        );
        assert_eq!(json("\"{{0}}\"", &["0"], &[("0", "x")]), "\"x\"");
        for scalar in ["null", "17", "true", "{}", "[]", "\"\""] {
            assert_eq!(json(scalar, &["0"], &[]), scalar);
        }
    }

    #[test]
    fn value_cannot_end_its_json_string() {
        let hostile = "\",\"admin\":true,\"x\":\"\\\n\u{0}é\u{2028}";
        let rendered = json(r#"{"a":"{{0}}"}"#, &["0"], &[("0", hostile)]);
        let read: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(read, serde_json::json!({"a": hostile}));
        let defaulted = json(r#"{"a":"{{0|\"\\u0041\n}}"}"#, &["0"], &[]);
        let read: serde_json::Value = serde_json::from_str(&defaulted).unwrap();
        assert_eq!(read["a"], "\"\\u0041\n");
    }

    #[test]
    fn compiling_takes_linear_time() {
        let braces =
            "{".repeat(1 << 20) + &"}".repeat(1 << 20) + &"{{".repeat(1 << 19) + &"}} ".repeat(1 << 18);
        assert_eq!(plain(&braces, &["0"], &[]), braces);
    }
}
