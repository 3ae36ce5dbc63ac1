//! The table of configuration keys against the paths of Falco's schema.

use std::fs;

use saker::config::{Type, keys};

use crate::corpus;

/// Keys that Falco reads but its schema does not have.
const BEYOND_THE_SCHEMA: [&str; 2] = ["rules_file", "rules_file[]"];

/// Falco's word for a type.
fn type_word(ty: Type) -> &'static str {
    match ty {
        Type::Flag => "boolean",
        Type::Integer(..) => "integer",
        Type::Number(..) => "number",
        Type::Text | Type::Word(_) | Type::Duration | Type::Address => "string",
        Type::List => "array",
        Type::Mapping | Type::Texts => "object",
        Type::TextOrMapping => "oneOf",
        Type::TextOrPair | Type::Any => "anyOf",
    }
}

#[test]
fn the_table_has_all_paths_of_the_schema_and_no_others() {
    let Some(corpus) = corpus() else { return };
    let text = fs::read_to_string(corpus.join("reference/config_keys.tsv")).unwrap();
    let mut expected: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?))
        })
        .collect();
    let mut got: Vec<(&str, &str)> = keys()
        .filter(|key| !key.path.starts_with("saker") && !BEYOND_THE_SCHEMA.contains(&key.path))
        .map(|key| (key.path, type_word(key.ty)))
        .collect();
    expected.sort_unstable();
    got.sort_unstable();
    println!("conformance configuration keys: {} paths", expected.len());
    assert_eq!(got, expected);
}
