//! Searches for patterns: reads lines of JSON, `{"pattern": …, "text": …}`, and answers each with `{"result": …}`, which is
//! true, false, `"gave up"`, or `{"error": …}`. The tests compare this with what Python finds.

use std::io::{self, BufRead as _, Write as _};

use moesif::pattern::{Pattern, PatternError};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Question {
    pattern: String,
    text: String,
}

fn main() -> io::Result<()> {
    let mut answers = io::BufWriter::new(io::stdout().lock());
    let mut source = String::new();
    let mut pattern = Pattern::new(&source);
    for line in io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        if question.pattern != source {
            source = question.pattern;
            pattern = Pattern::new(&source);
        }
        serde_json::to_writer(&mut answers, &json!({ "result": answer(&pattern, &question.text) }))?;
        writeln!(answers)?;
    }
    answers.flush()
}

fn answer(pattern: &Result<Pattern, PatternError>, text: &str) -> Value {
    match pattern.as_ref().map(|pattern| pattern.is_match(text)) {
        Ok(Ok(found)) => found.into(),
        Ok(Err(_)) => "gave up".into(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}
