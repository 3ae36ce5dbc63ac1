//! What nodes there are, and where.

use std::fmt::Write as _;

use super::*;

fn show(node: &Node, out: &mut String) {
    let _ = write!(out, "{}:", node.at);
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Scalar(text) => {
            let _ = write!(out, "{text:?}");
        }
        Value::Seq(items) => {
            out.push('[');
            items.iter().for_each(|item| {
                show(item, out);
                out.push(' ');
            });
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            entries.iter().for_each(|(key, value)| {
                show(key, out);
                out.push('=');
                show(value, out);
                out.push(' ');
            });
            out.push('}');
        }
    }
}

fn shown(text: &str) -> String {
    match parse(text) {
        Ok(documents) => {
            let mut out = String::new();
            for document in documents {
                show(&document, &mut out);
                out.push('\n');
            }
            out
        }
        Err(error) => format!("{}: {}", error.at, error.message),
    }
}

#[test]
fn nodes_stand_at_their_first_token() {
    let text = "- rule: >  # why\n    a\n\n    b\n  e:\n  f: &x [é, ~, \"\"]\n- *x\n- &base\n  k: 'v'\n";
    insta::assert_snapshot!(shown(text), @r#"0:[2:{2:"rule"=8:"a\nb\n" 32:"e"=37:null 37:"f"=40:[44:"é" 48:null 51:"" ] } 40:[44:"é" 48:null 51:"" ] 62:{70:"k"=73:"v" } ]"#);
}

#[test]
fn the_first_of_duplicate_keys_counts() {
    let documents = parse("a: 1\na: 2\n<<: {b: 3}\n").unwrap();
    assert_eq!(documents[0].get("a").unwrap().scalar(), Some("1"));
    assert!(documents[0].get("b").is_none());
    assert_eq!(documents[0].entries().len(), 3);
}

#[test]
fn null_documents_are_left_out() {
    insta::assert_snapshot!(shown("---\n---\n- a\n---\n# nothing\n---\n- b\n"), @r#"
    8:[10:"a" ]
    30:[32:"b" ]
    "#);
    assert_eq!(shown(""), "");
    assert_eq!(shown("# only a comment\n"), "");
}

#[test]
fn only_plain_untagged_nothing_is_null() {
    insta::assert_snapshot!(shown("[~, null, NULL, nUll, !!str null, 'null', '']"), @r#"0:[1:null 4:null 10:null 16:"nUll" 22:"null" 34:"null" 42:"" ]"#);
}

#[test]
fn errors_are_yaml_cpps() {
    assert_eq!(shown("- rule: [\n"), "10: end of sequence flow not found");
    assert_eq!(shown("- {a: b,\n"), "9: end of map flow not found");
    assert_eq!(shown("- rule: r\n\tdesc: d\n"), "10: illegal tab when looking for indentation");
    assert_eq!(shown("- a: b: c\n"), "6: illegal map value");
    assert_eq!(shown("- *nope\n"), "2: the referenced anchor is not defined");
    assert_eq!(shown("- \"a\n"), "2: illegal EOF in scalar");
}

#[test]
fn flow_collections_need_no_indentation() {
    let text = "- list: é\n  items: [\n    a, # it's ]\n    'b\"]'\n  ]\n- x: {\n  a: 1\n}\n- é: [\n1,\n]\n---\n[\n]\n";
    insta::assert_snapshot!(shown(text), @r#"
    0:[2:{2:"list"=8:"é" 13:"items"=20:[26:"a" 42:"b\"]" ] } 54:{54:"x"=57:{61:"a"=64:"1" } } 70:{70:"é"=74:[76:"1" ] } ]
    85:[]
    "#);
    let anchored = "- &a x\n- [\n*a\n]\n- [\n*a\n]\n";
    insta::assert_snapshot!(shown(anchored), @r#"0:[2:"x" 9:[2:"x" ] 18:[2:"x" ] ]"#);
    assert_eq!(shown("- [\na, [\n]\n"), "11: end of sequence flow not found");
}

#[test]
fn quoted_scalars_need_no_indentation() {
    let text = "- a: \"x  \n\ny\\\n  z\"\n  b: 'p\n  q'\n- [\"r\ns\"]\n";
    insta::assert_snapshot!(shown(text), @r#"0:[2:{2:"a"=5:"x\nyz" 21:"b"=24:"p q" } 34:[35:"r s" ] ]"#);
}

#[test]
fn bombs_stay_small() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..60 {
        let _ = writeln!(text, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    assert_eq!(parse(&text).unwrap()[0].entries().len(), 60);
    assert_eq!(
        parse(&"- ".repeat(5000)).unwrap_err().message,
        format!("collections nest deeper than {MAX_DEPTH}")
    );
    assert!(parse(&"[".repeat(5000)).is_err());
    assert!(parse("&a [*a]").is_err());
}
