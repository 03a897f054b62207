//! Measures the slowest searches that we know: `cargo run --release -p python-re --example worst_cases`.

use std::time::Instant;

use python_re::{Pattern, PatternError};

fn main() -> Result<(), PatternError> {
    let ascii = "a".repeat(500_000) + "b";
    let mixed = "äѣ中字ꙁ1".repeat(100_000);
    let random = random_text();
    println!("milliseconds  result  pattern");
    for (source, text) in [
        (r"(?=a)(a+)+$", &ascii),
        (r"(?:(?!b)a)*c", &ascii),
        (r"(?=(.*))\1\1\1c", &ascii),
        (r"(?i)(a*)\1\1c", &ascii),
        (r"(?=)\w+c", &mixed),
        (r"(?=)\W*\w*c", &mixed),
        (r"(?=)(?:\w\B|\W\b)*c", &mixed),
        (r"(?i)(.*)\1c", &mixed),
        ("a[ac]{300}b", &random),
        ("(a|c)*a(a|c){100}b", &random),
    ] {
        let pattern = Pattern::new(source)?;
        let started = Instant::now();
        let result = pattern.is_match(text);
        println!("{:12.2}  {result:?}  {source}", started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Returns the same random text of `a` and `c` in each run. It needs many states of an automaton.
fn random_text() -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if state >> 63 == 0 { 'a' } else { 'c' }
    };
    (0..300_000).map(|_| next()).collect()
}
