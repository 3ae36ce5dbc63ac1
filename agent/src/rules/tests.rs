//! Rule files from text to load result: what each code looks like to people, and what rules compile to.

use proptest::prelude::*;
use serde_json::Value;

use super::{Environment, LoadResult, Loader, Plugin, describe};
use crate::fields::FieldSchema;

/// Loads files named `1.yaml`, `2.yaml` and so on with the container plugin.
fn load<T>(texts: &[&str], see: impl FnOnce(&Loader<'_>, Vec<LoadResult>) -> T) -> T {
    let schema = FieldSchema::new(true);
    let plugins = [Plugin::container()];
    let mut loader = Loader::new(Environment {
        schema: &schema,
        others: Vec::new(),
        plugins: &plugins,
        append_output: &[],
    });
    let load = |(number, text): (usize, &&str)| loader.load(&format!("{}.yaml", number + 1), text.as_bytes());
    let results = texts.iter().enumerate().map(load).collect();
    see(&loader, results)
}

/// Everything that was found in the last file, as people see it.
fn findings(texts: &[&str]) -> String {
    load(texts, |loader, mut results| {
        let last = results.pop().unwrap();
        let all = last.errors.iter().chain(&last.further_errors).chain(&last.warnings);
        all.map(|finding| finding.render(loader.sources())).collect::<Vec<_>>().join("\n")
    })
}

/// What the last rule compiles to.
fn compiled(texts: &[&str]) -> String {
    load(texts, |loader, results| {
        let error = results.iter().flat_map(|result| &result.errors).next();
        match error {
            Some(error) => error.message.clone(),
            None => {
                let described = describe(loader);
                let rule = described["rules"].as_array().unwrap().last().cloned().unwrap_or_default();
                rule["details"]["condition_compiled"].as_str().unwrap_or("no rule").to_owned()
            }
        }
    })
}

fn rule(condition: &str) -> String {
    format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

fn excepted(exception: &str) -> String {
    compiled(&[&format!("{}  exceptions:\n  - name: x\n{exception}\n", rule("evt.type=open"))])
}

#[test]
fn structure_is_checked() {
    insta::assert_snapshot!(findings(&["- rule: [\n"]), @r"
    error[LOAD_ERR_YAML_PARSE]: yaml-cpp: error at line 2, column 1: end of sequence flow not found
      --> 1.yaml:2:1
    ");
    insta::assert_snapshot!(findings(&["rule: r\n"]), @r"
    error[LOAD_ERR_YAML_VALIDATE]: Rules content is not yaml array of objects
      --> 1.yaml:1:1
      |
    1 | rule: r
      | ^
    ");
    insta::assert_snapshot!(findings(&["- rule: r\n  desc: d\n  conditon: x\n  enabled: maybe\n- list: l\n"]), @r"
    error[LOAD_ERR_YAML_VALIDATE]: Item has no mapping for key 'condition'
      --> 1.yaml:1:3 (rule 'r')
      |
    1 | - rule: r
      |   ^

    error[LOAD_ERR_YAML_VALIDATE]: Item has no mapping for key 'items'
      --> 1.yaml:5:3 (list 'l')
      |
    5 | - list: l
      |   ^
    ");
    insta::assert_snapshot!(findings(&[
        "- rule: r\n  condition: and x\n  override: {condition: append, desc: prepend}\n",
    ]), @r"
    error[LOAD_ERR_YAML_VALIDATE]: Invalid override operation for key 'desc': 'prepend'. Allowed values are: append replace 
      --> 1.yaml:3:39 (rule 'r')
      |
    3 |   override: {condition: append, desc: prepend}
      |                                       ^
    ");
    insta::assert_snapshot!(findings(&["- required_engine_version: 0.99.0\n"]), @r"
    error[LOAD_ERR_VALIDATE]: Rules require engine version 0.99.0, but engine version is 0.62.0
      --> 1.yaml:1:3
      |
    1 | - required_engine_version: 0.99.0
      |   ^
    ");
    insta::assert_snapshot!(findings(&["- required_plugin_versions: [{name: json, version: 0.7.0}]\n"]), @r"
    error[LOAD_ERR_VALIDATE]: Plugin requirement not satisfied, must load one of: json (>= 0.7.0)
      --> 1.yaml:1:30 (required plugin versions entry 'json')
      |
    1 | - required_plugin_versions: [{name: json, version: 0.7.0}]
      |                              ^
    ");
}

#[test]
fn conditions_are_shown_where_they_stand() {
    let folded = ">\n    evt.type = open and (fd.name startswith /etc\n    or proc.nme = cat)";
    insta::assert_snapshot!(findings(&[&rule(folded)]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: filter_check called with nonexistent field proc.nme
      --> 1.yaml:5:8 (rule 'r')
      |
    5 |     or proc.nme = cat)
      |        ^^^^^^^^
    ");
    let appended = format!(
        "{}- rule: r\n  condition: |\n    and proc.name = a\n    proc.name = b\n  override: {{condition: append}}\n",
        rule("evt.type = open")
    );
    insta::assert_snapshot!(findings(&[&appended]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: unexpected token after 'a', expecting 'or', 'and'
      --> 1.yaml:9:5 (rule 'r')
      |
    9 |     proc.name = b
      |     ^^^^^^^^^
    ");
    let listed =
        format!("- list: l\n  items: [abc, def]\n{}", rule("evt.type = open and proc.pid in (1, l)"));
    insta::assert_snapshot!(findings(&[&listed]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: abc is not a valid number
      --> 1.yaml:5:50 (rule 'r')
      |
    5 |   condition: evt.type = open and proc.pid in (1, l)
      |                                                  ^
    ");
    let in_macro = format!(
        "- macro: m\n  condition: proc.name = a and\n    proc.nme = b\n{}",
        rule("evt.type=open and m")
    );
    insta::assert_snapshot!(findings(&[&in_macro]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: filter_check called with nonexistent field proc.nme
      --> 1.yaml:3:5 (rule 'r')
      |
    3 |     proc.nme = b
      |     ^^^^^^^^
    ");
    let exception = format!(
        "{}  exceptions:\n  - name: x\n    fields: [proc.pid]\n    values: [[abc]]\n",
        rule("evt.type = open")
    );
    insta::assert_snapshot!(findings(&[&exception]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: abc is not a valid number
      --> 1.yaml:7:5 (rule 'r')
      |
    7 |   - name: x
      |     ^
    ");
}

#[test]
fn several_errors_are_shown() {
    let text = format!(
        "{}{}",
        rule("evt.type = opn"),
        rule("evt.num = x and evt.cpu = y").replace("rule: r", "rule: s")
    );
    insta::assert_snapshot!(findings(&[&text]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: unknown event type opn
      --> 1.yaml:3:25 (rule 'r')
      |
    3 |   condition: evt.type = opn
      |                         ^^^

    error[LOAD_ERR_COMPILE_CONDITION]: x is not a valid number
      --> 1.yaml:8:24 (rule 's')
      |
    8 |   condition: evt.num = x and evt.cpu = y
      |                        ^

    error[LOAD_ERR_COMPILE_CONDITION]: y is not a valid number
      --> 1.yaml:8:40 (rule 's')
      |
    8 |   condition: evt.num = x and evt.cpu = y
      |                                        ^
    ");
}

#[test]
fn oddities_are_warned_of() {
    insta::assert_snapshot!(findings(&[&rule("proc.name = proc.pname and evt.dir = <")]), @r"
    warning[LOAD_DEPRECATED_ITEM]: due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'
      --> 1.yaml:3:41 (rule 'r')
      |
    3 |   condition: proc.name = proc.pname and evt.dir = <
      |                                         ^^^^^^^

    warning[LOAD_COMPILE_CONDITION]: 'proc.pname' may be a valid field misused as a const string value
      --> 1.yaml:3:26 (rule 'r')
      |
    3 |   condition: proc.name = proc.pname and evt.dir = <
      |                          ^^^^^^^^^^

    warning[LOAD_NO_EVTTYPE]: Rule matches too many evt.type values. This has a significant performance penalty.
      --> 1.yaml:1:3 (rule 'r')
      |
    1 | - rule: r
      |   ^
    ");
    insta::assert_snapshot!(findings(&[
        "- list: 'a b'\n  items: []\n  foo: 1\n- macro: 1m\n  condition: evt.num=1\n- nothing: 1\n",
    ]), @r#"
    warning[LOAD_INVALID_LIST_NAME]: List has an invalid name. List names should match a regular expression: ([^()"'[:space:]=,]+)
      --> 1.yaml:1:3 (list 'a b')
      |
    1 | - list: 'a b'
      |   ^

    warning[LOAD_UNKNOWN_KEY]: Unknown key 'foo'. The key will be ignored.
      --> 1.yaml:3:3 (list 'a b')
      |
    3 |   foo: 1
      |   ^^^

    warning[LOAD_INVALID_MACRO_NAME]: Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)
      --> 1.yaml:4:3 (macro '1m')
      |
    4 | - macro: 1m
      |   ^

    warning[LOAD_UNKNOWN_ITEM]: Unknown top level item
      --> 1.yaml:6:3
      |
    6 | - nothing: 1
      |   ^

    warning[LOAD_UNUSED_MACRO]: Macro not referred to by any other rule/macro
      --> 1.yaml:4:3 (macro '1m')
      |
    4 | - macro: 1m
      |   ^

    warning[LOAD_UNUSED_LIST]: List not referred to by any other rule/macro
      --> 1.yaml:1:3 (list 'a b')
      |
    1 | - list: 'a b'
      |   ^
    "#);
    let source = rule("ka.verb=get").replace("  output", "  source: k8s_audit\n  output");
    insta::assert_snapshot!(findings(&[&source]), @r"
    warning[LOAD_UNKNOWN_SOURCE]: Unknown source k8s_audit, skipping
      --> 1.yaml:1:3 (rule 'r')
      |
    1 | - rule: r
      |   ^
    ");
    let deprecated = rule("evt.type=open").replace("output: o", "output: o %evt.latency.s %container.info");
    insta::assert_snapshot!(findings(&[&format!("{deprecated}- rule: r\n  enabled: false\n")]), @r"
    warning[LOAD_DEPRECATED_ITEM]: The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').
      --> 1.yaml:6:3 (rule 'r')
      |
    6 | - rule: r
      |   ^

    warning[LOAD_DEPRECATED_ITEM]: %container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container plugin will automatically add required fields to the output message.
      --> 1.yaml:4:28 (rule 'r')
      |
    4 |   output: o %evt.latency.s %container.info
      |                            ^^^^^^^^^^^^^^^

    warning[LOAD_DEPRECATED_ITEM]: usage of deprecated field 'evt.latency' has been detected in the rule output
      --> 1.yaml:4:14 (rule 'r')
      |
    4 |   output: o %evt.latency.s %container.info
      |              ^^^^^^^^^^^

    warning[LOAD_DEPRECATED_ITEM]: usage of deprecated field 'evt.latency.s' has been detected in the rule output
      --> 1.yaml:4:14 (rule 'r')
      |
    4 |   output: o %evt.latency.s %container.info
      |              ^^^^^^^^^^^^^
    ");
    let skipped =
        rule("evt.type=open and no.such=1").replace("  output", "  skip-if-unknown-filter: true\n  output");
    insta::assert_snapshot!(findings(&[&skipped]), @r"
    warning[LOAD_UNKNOWN_FILTER]: filter_check called with nonexistent field no.such
      --> 1.yaml:3:32 (rule 'r')
      |
    3 |   condition: evt.type=open and no.such=1
      |                                ^^^^^^^
    ");
    let exceptions = format!(
        "{}  exceptions:\n  - {{name: x, fields: proc.name}}\n  - {{name: x, fields: proc.name}}\n\
         - rule: r\n  exceptions: [{{name: x}}]\n  append: true\n",
        rule("evt.type=open")
    );
    insta::assert_snapshot!(findings(&[&exceptions]), @r"
    warning[LOAD_EXCEPTION_NAME_NOT_UNIQUE]: Multiple definitions of exception 'x' in the same rule
      --> 1.yaml:8:5 (rule 'r', exception 'x')
      |
    8 |   - {name: x, fields: proc.name}
      |     ^

    warning[LOAD_DEPRECATED_ITEM]: 'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.
      --> 1.yaml:9:3 (rule 'r')
      |
    9 | - rule: r
      |   ^

    warning[LOAD_APPEND_NO_VALUES]: Overriding/appending exception with no values
      --> 1.yaml:10:16 (rule 'r', exception 'x')
       |
    10 |   exceptions: [{name: x}]
       |                ^
    ");
}

#[test]
fn comparisons_with_na_are_warned_of() {
    insta::assert_snapshot!(findings(&[&rule("evt.type=open and ka.verb in (get, <NA>)")]), @r"
    error[LOAD_ERR_COMPILE_CONDITION]: filter_check called with nonexistent field ka.verb
      --> 1.yaml:3:32 (rule 'r')
      |
    3 |   condition: evt.type=open and ka.verb in (get, <NA>)
      |                                ^^^^^^^

    warning[LOAD_UNSAFE_NA_CHECK]: comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule condition. If you need to check for the existence of a field, consider using the 'exists' operator instead.
      --> 1.yaml:3:49 (rule 'r')
      |
    3 |   condition: evt.type=open and ka.verb in (get, <NA>)
      |                                                 ^^^^
    ");
}

#[test]
fn a_missing_plugin_is_the_error_of_the_file_that_requires_it() {
    let requires = "- required_plugin_versions: [{name: json, version: 0.7.0}]\n";
    load(&[requires, &rule("evt.type=open")], |_, results| {
        assert!(!results[0].successful());
        assert!(results[1].successful());
    });
    let container = "- required_plugin_versions:\n  - {name: x, version: 1.0.0, alternatives: [{name: container, version: 0.4.0}]}\n";
    load(&[container], |_, results| assert!(results[0].successful()));
    let newer = "- required_plugin_versions: [{name: container, version: 0.8.0}]\n";
    load(&[newer], |_, results| {
        let message =
            "Plugin 'container' version '0.7.1' is not compatible with required plugin version '0.8.0'";
        assert_eq!(results[0].errors[0].message, message);
    });
}

#[test]
fn outputs_are_checked() {
    insta::assert_snapshot!(findings(&[&rule("evt.type=open").replace("output: o", "output: o %proc.nme x")]), @r"
    error[LOAD_ERR_COMPILE_OUTPUT]: unknown filter: unexpected token after '
      --> 1.yaml:4:13 (rule 'r')
      |
    4 |   output: o %proc.nme x
      |             ^^^^^^^^^
    ");
}

#[test]
fn exceptions_become_part_of_the_condition() {
    assert_eq!(
        excepted("    fields: proc.name\n    values: [a, b c]"),
        "(evt.type = open and not proc.name in (a, \"b c\"))"
    );
    assert_eq!(
        excepted("    fields: fd.name\n    comps: pmatch\n    values: [/etc]"),
        "(evt.type = open and not fd.name pmatch (/etc))"
    );
    assert_eq!(
        excepted(
            "    fields: [proc.name, fd.name]\n    comps: [=, in]\n    values:\n    - [a, /x]\n    - [b, [/y, /z]]"
        ),
        "(evt.type = open and not ((proc.name = a and fd.name in (/x)) or (proc.name = b and fd.name in (/y, /z))))"
    );
    assert_eq!(
        excepted(
            "    fields: [tolower(proc.name), fd.name]\n    comps: [=, startswith anyof]\n    values: [[a, [/x, /y]]]"
        ),
        "(evt.type = open and not (tolower(proc.name) = a and fd.name startswith anyof (/x, /y)))"
    );
    assert_eq!(excepted("    fields: proc.name"), "evt.type = open");
    assert_eq!(
        excepted("    fields: [proc.name]\n    values: [[a, b]]"),
        "Fields and values lists must have equal length"
    );
    assert_eq!(
        excepted("    fields: {}\n"),
        "Rule exception item must have fields property with a list of fields"
    );
}

#[test]
fn a_replaced_exception_has_its_default_operator() {
    let text = format!(
        "{}  exceptions:\n  - {{name: x, fields: proc.name, values: [a]}}\n\
         - rule: r\n  exceptions: [{{name: y, fields: fd.name, values: [/b]}}]\n  override: {{exceptions: replace}}\n",
        rule("evt.type=open")
    );
    assert_eq!(compiled(&[&text]), "(evt.type = open and not fd.name in (/b))");
}

#[test]
fn values_that_break_the_text_are_literals() {
    assert_eq!(
        excepted("    fields: proc.name\n    values: ['say \"hi\" now', 'k=v', plain]"),
        r#"(evt.type = open and not proc.name in ("say \"hi\" now", k=v, plain))"#
    );
    let text = format!(
        "- list: l\n  items: ['a\"b', 'C:\\Program Files']\n{}",
        rule("evt.type=open and proc.name in (l)")
    );
    assert_eq!(compiled(&[&text]), r#"(evt.type = open and proc.name in ("a\"b", "C:\\Program Files"))"#);
}

#[test]
fn an_empty_document_ends_nothing() {
    assert_eq!(compiled(&[&format!("---\n---\n{}", rule("evt.type=open"))]), "evt.type = open");
}

#[test]
fn macros_see_what_was_defined_before_their_last_change() {
    let both = "- macro: a\n  condition: b\n- macro: b\n  condition: evt.num=1\n";
    assert_eq!(compiled(&[both]), "Undefined macro 'b' used in filter.");
    let touched = format!(
        "{both}- macro: a\n  condition: or b\n  override: {{condition: append}}\n{}",
        rule("evt.type=open and a")
    );
    assert_eq!(compiled(&[&touched]), "(evt.type = open and (evt.num = 1 or evt.num = 1))");
    let looped = format!("{both}- macro: a\n  condition: b\n- macro: b\n  condition: a\n");
    assert_eq!(compiled(&[&looped]), "reference loop in macro 'b'");
}

#[test]
fn what_a_rule_that_is_left_out_mentions_is_unused() {
    let items = "- list: l\n  items: [a]\n- macro: m\n  condition: proc.name in (l)\n";
    let unused = |rule: String| {
        load(&[&format!("{items}{rule}")], |_, results| {
            results[0]
                .warnings
                .iter()
                .filter(|warning| warning.code.code().starts_with("LOAD_UNUSED"))
                .count()
        })
    };
    let skip = |rule: String| format!("{rule}  skip-if-unknown-filter: true\n");
    let list_only = |condition: &str| skip(rule(&format!("evt.type=open and proc.name in (l) {condition}")));
    assert_eq!(unused(rule("evt.type=open and m")), 0);
    assert_eq!(unused(skip(rule("evt.type=open and m and no.such=1"))), 0);
    assert_eq!(unused(list_only("and no.such=1")), 1);
    assert_eq!(unused(skip(rule("evt.type=open and m").replace("output: o", "output: '%no.such'"))), 1);
    assert_eq!(unused(rule("m").replace("  output", "  source: k8s_audit\n  output")), 1);
}

#[test]
fn each_file_is_compiled_by_itself() {
    let uses = rule("evt.type=open and m");
    let defines = "- macro: m\n  condition: proc.name=cat\n";
    load(&[&uses, defines], |loader, results| {
        assert!(!results[0].successful());
        assert!(results[1].successful());
        assert_eq!(loader.rules().count(), 1);
    });
    load(&[defines, &uses], |_, results| {
        assert!(results.iter().all(LoadResult::successful));
        assert_eq!((results[0].warnings.len(), results[1].warnings.len()), (1, 0));
    });
}

#[test]
fn what_follows_an_error_is_not_loaded() {
    let text = format!("- list: l\n{}", rule("evt.type=open"));
    load(&[&text, "- list: m\n  items: []\n"], |loader, results| {
        assert!(!results[0].successful() && results[1].successful());
        assert_eq!(loader.rules().count(), 0);
    });
}

#[test]
fn the_schema_is_a_remark_only() {
    load(
        &["- rule: r\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: info\n"],
        |_, results| {
            assert!(results[0].successful());
            assert_eq!(results[0].schema_valid, Some(false));
            assert_eq!(results[0].schema_warnings.len(), 3);
        },
    );
    load(&["# nothing\n"], |_, results| assert_eq!(results[0].schema_valid, None));
}

#[test]
fn bytes_that_are_no_utf8_are_no_reason_to_stop() {
    load(&[], |_, _| ());
    let schema = FieldSchema::new(false);
    let mut loader =
        Loader::new(Environment { schema: &schema, others: Vec::new(), plugins: &[], append_output: &[] });
    let result = loader.load("f", b"# caf\xe9\n- list: l\n  items: [a]\n");
    assert!(result.successful());
}

/// Inputs that would take for ever, or all memory, if they were followed blindly.
#[test]
fn hostile_files_end_soon() {
    let started = std::time::Instant::now();
    let doubling: String =
        (0..200).map(|i| format!("- list: l{i}\n  items: [l{}, l{}]\n", i + 1, i + 1)).collect();
    assert!(
        compiled(&[&format!("{doubling}{}", rule("proc.name in (l0)"))])
            .starts_with("Lists make the condition")
    );
    let macros: String =
        (1..200).map(|i| format!("- macro: m{i}\n  condition: m{} or m{}\n", i - 1, i - 1)).collect();
    let first = "- macro: m0\n  condition: evt.num=1\n";
    assert!(compiled(&[&format!("{first}{macros}")]).starts_with("condition is too large"));
    let late: String = (0..200)
        .map(|i| format!("- macro: n{i}\n  condition: n{} or n{}\n", i + 1, (i + 2).min(200)))
        .collect();
    let last = "- macro: n200\n  condition: evt.num=1\n";
    assert!(!compiled(&[&format!("{last}{late}{late}")]).is_empty());
    let many = format!("- list: big\n  items: [{}]\n", "x, ".repeat(20_000));
    let users: String =
        (0..250).map(|i| format!("- list: u{i}\n  items: [{}]\n", "big, ".repeat(50))).collect();
    assert!(compiled(&[&format!("{many}{users}")]).starts_with("Lists have more than"));
    let mut aliases =
        String::from("- list: a0\n  items: &a0 [x, x, x, x, x, x, x, x, x, x]\n- rule: r\n  exceptions:\n");
    for i in 1..9 {
        let row = vec![format!("*a{}", i - 1); 10].join(", ");
        aliases.push_str(&format!("  - name: e{i}\n    fields: &a{i} [{row}]\n"));
    }
    assert!(!compiled(&[&aliases]).is_empty());
    assert!(!compiled(&[&"- [\n".repeat(20_000)]).is_empty());
    assert!(!compiled(&[&"- a: [\n]\n".repeat(2_000)]).is_empty());
    assert!(!compiled(&[&rule(&"(".repeat(1 << 17))]).is_empty());
    assert!(!compiled(&[&rule(&"not ".repeat(1 << 15))]).is_empty());
    let items = "- list: l\n  items: [a]\n".repeat(5_000);
    assert!(!compiled(&[&items]).is_empty());
    // Far more than it takes, far less than what is not bounded.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

proptest! {
    /// Whatever becomes of a rule file, it gets a result, and the result can be printed.
    #[test]
    fn no_text_panics(cuts in prop::collection::vec((0usize..4000, 0usize..40, "[ -~\n\té]{0,6}"), 1..6)) {
        let mut text = SEED.to_owned();
        for (at, length, insert) in cuts {
            let at = text.floor_char_boundary(at % (text.len() + 1));
            let end = text.floor_char_boundary((at + length).min(text.len())).max(at);
            text.replace_range(at..end, &insert);
        }
        load(&[&text, &text], |loader, results| {
            for result in &results {
                let json: Value = result.json(loader.sources());
                prop_assert!(json["errors"].is_array());
                let all = result.errors.iter().chain(&result.warnings).chain(&result.further_errors);
                all.for_each(|finding| { finding.render(loader.sources()); });
            }
            describe(loader);
            Ok(())
        })?;
    }
}

const SEED: &str = r#"# A bit of everything.
- required_engine_version: 0.57.0
- required_plugin_versions:
  - name: container
    version: 0.4.0
- list: shells
  items: [bash, "zsh", 'k sh']
- list: all_shells
  items: [shells, dash]
  override:
    items: replace
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.arg.res=0)
- macro: container
  condition: container.id != host
- rule: Shell in container
  desc: >
    A shell was started
    in a container.
  condition: >
    spawned and container
    and proc.name in (all_shells)
    and not (proc.pname startswith "run\x20" or tolower(proc.name) = val(proc.pname))
  output: Shell %proc.name in %container.id (%proc.aname[2]) %container.info
  priority: NOTICE
  tags: [a, b]
  exceptions:
  - name: parents
    fields: [proc.pname, fd.name]
    comps: [in, startswith anyof]
    values:
    - [[a, b c], [/x]]
  - name: names
    fields: proc.name
    values: [x]
- rule: Shell in container
  condition: and user.name != root
  exceptions:
  - name: names
    values: [y, "q'"]
  override: {condition: append, exceptions: append}
- rule: Shell in container
  enabled: false
"#;
