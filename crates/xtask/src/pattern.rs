//! `cargo xtask pattern`: searches for patterns, so that the Python tests can compare the results with those
//! of `re`.
//!
//! Each line of input is a question, `{"pattern": …, "text": …}`. Each line of output is an answer,
//! `{"result": …}`. The result is true, false, `"limit exceeded"`, or `{"error": …}` with the reason why the
//! pattern is refused.

use std::io::{self, BufRead, Write};

use python_re::{Pattern, PatternError};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Question {
    pattern: String,
    text: String,
}

/// Answers every question of the input.
pub(crate) fn answer_all(questions: impl BufRead, answers: impl Write) -> io::Result<()> {
    let mut answers = io::BufWriter::new(answers);
    let mut source = String::new();
    let mut pattern = Pattern::new(&source);
    for line in questions.lines() {
        let question: Question = serde_json::from_str(&line?)?;
        // Successive questions often have the same pattern. Compile it once.
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
        Ok(Err(_)) => "limit exceeded".into(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}
