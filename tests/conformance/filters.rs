//! Data set `filters`: strings that are conditions, and strings that are not. Syntax only.

use serde_json::Value;

use crate::{Score, corpus, json_lines};

/// Nesting that rule conditions may have.
const MAX_DEPTH: usize = 1000;

#[test]
fn filters() {
    let Some(corpus) = corpus() else { return };
    let mut score = Score::new("filters");
    for case in json_lines(&corpus.join("filters/parse.jsonl")) {
        let text = |key| case.get(key).and_then(Value::as_str).unwrap_or_default();
        let accepted = text("expect") == "accept";
        let failure = match (saker_filter::parse(text("filter"), MAX_DEPTH), accepted) {
            (Ok(_), true) | (Err(_), false) => None,
            (Ok(tree), false) => Some(format!("{}: accepted as {tree}", text("filter"))),
            (Err(found), true) => {
                let messages: Vec<_> = found.into_iter().map(|diagnostic| diagnostic.message).collect();
                Some(format!("{}: refused: {}", text("filter"), messages.join("; ")))
            }
        };
        score.add(failure.map(|failure| format!("{}: {failure}", text("id"))));
    }
    score.report(1.0);
}
