//! Plugins that see system calls (`saker.plugins.system_calls`), over the bundled capture: `tests/plugin/calls` extracts from `execve` and
//! `openat`, `tests/plugin/counting` counts the `execve` events that it parses.

use serde_json::Value;

use crate::drivers::can_trace;
use crate::plugins::library;
use crate::reload::{self, Place};
use crate::web::{get, number};
use crate::{CAPTURE, TempFile, saker, text};

/// An entry of `plugins` for the plugin that extracts, for the one that parses.
fn calls(init: &str) -> String {
    entry("saker_calls", "saker_test_plugin_calls", init)
}

fn counting(init: &str) -> String {
    entry("saker_counting", "saker_test_plugin_counting", init)
}

fn entry(name: &str, file: &str, init: &str) -> String {
    format!("{{name: {name}, library_path: {}, init_config: '{init}'}}", library(file).display())
}

const ON: &[&str] = &["-o", "saker.plugins.system_calls=true"];

/// Rules, each a condition and an output.
fn rules(all: &[(&str, &str)]) -> TempFile {
    let rule = |(number, (condition, output)): (usize, &(&str, &str))| {
        format!(
            "- rule: R{number}\n  desc: d\n  condition: {condition}\n  output: R{number} {output}\n  priority: INFO\n"
        )
    };
    TempFile::new("rules.yaml", &all.iter().enumerate().map(rule).collect::<String>())
}

/// A replay of the capture; what was written to both.
fn replay(rules: &TempFile, plugins: &[String], more: &[&str]) -> (String, String) {
    let plugins = format!("plugins=[{}]", plugins.join(", "));
    let args = [&["replay", "-r", &rules.path, "-o", &plugins], more, &[CAPTURE]].concat();
    let out = saker(&args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    (text(&out.stdout), text(&out.stderr))
}

/// The events of the capture for which a condition is true, in a form.
fn read(condition: &str, form: &str) -> Vec<String> {
    let out = saker(&["read", CAPTURE, condition, "-p", form]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    text(&out.stdout).lines().map(str::to_owned).collect()
}

/// The outputs of a rule.
fn told(alerts: &str, rule: &str) -> Vec<String> {
    let start = format!(": Informational {rule} ");
    alerts.lines().filter_map(|line| Some(line.split_once(&start)?.1.to_owned())).collect()
}

/// What a plugin counted, from the closing summary.
fn counted(said: &str, plugin: &str) -> String {
    let start = format!("Plugin '{plugin}' on system calls: ");
    let line = said.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("nothing of {plugin} in\n{said}")).to_owned()
}

#[test]
fn fields_of_a_plugin_are_there_in_rules_and_outputs_with_any_number_of_workers() {
    let rules = rules(&[(
        "calls.kind = 293",
        "%evt.num %thread.tid %evt.arg.exe | %calls.number %calls.thread %calls.param[1]",
    )]);
    let expected = read("evt.type = execve and evt.failed = false", "%evt.num %thread.tid %evt.arg.exe");
    assert!(expected.len() > 50);
    let mut first = None;
    for threads in ["1", "4"] {
        let (alerts, said) = replay(&rules, &[calls("")], &[ON, &["--threads", threads]].concat());
        let told = told(&alerts, "R0");
        assert_eq!(told.len(), read("evt.type = execve", "%evt.num").len(), "{said}");
        for line in &told {
            let (ours, theirs) = line.split_once(" | ").unwrap();
            assert_eq!(ours, theirs);
        }
        assert!(expected.iter().all(|line| told.contains(&format!("{line} | {line}"))));
        let alerts = (alerts, counted(&said, "saker_calls"));
        assert_eq!(first.get_or_insert_with(|| alerts.clone()), &alerts, "with {threads} threads");
    }
}

#[test]
fn a_plugin_is_asked_once_and_only_where_it_is_needed() {
    // The dear check stands first, and is looked at last.
    let rules = rules(&[
        ("calls.kind >= 0 and calls.param[1] != x and proc.name = sh", "%calls.number %calls.thread"),
        ("calls.number >= 0 and proc.name = sh", "%calls.number"),
    ]);
    let (alerts, said) = replay(&rules, &[calls("")], &[ON, &["--rule-matching", "all"]].concat());
    let expected = read("proc.name = sh and evt.type in (execve, openat)", "%evt.num");
    assert!(!expected.is_empty() && expected.len() < read("evt.type in (execve, openat)", "%evt.num").len());
    assert_eq!(told(&alerts, "R1"), expected);
    assert_eq!(counted(&said, "saker_calls"), format!("events: {}, refused: 0", expected.len()));
}

#[test]
fn only_events_of_the_types_that_it_names_are_shown_to_a_plugin() {
    let rules = rules(&[
        ("calls.kind exists", "%evt.type"),
        ("not calls.kind exists and evt.type = connect", "%calls.kind"),
    ]);
    let (alerts, said) = replay(&rules, &[calls("")], ON);
    let mut types = told(&alerts, "R0");
    let expected = read("evt.type in (execve, openat)", "%evt.num").len();
    assert_eq!(types.len(), expected, "{said}");
    types.sort();
    types.dedup();
    assert_eq!(types, ["execve", "openat"]);
    let others = told(&alerts, "R1");
    assert!(!others.is_empty() && others.iter().all(|line| line == "<NA>"), "{others:?}");
    assert_eq!(counted(&said, "saker_calls"), format!("events: {expected}, refused: 0"));
}

#[test]
fn a_plugin_parses_before_it_is_asked_and_in_order() {
    let rules = rules(&[
        ("evt.type = execve", "%evt.num %counting.execs %counting.last"),
        ("evt.type = connect", "%evt.num %counting.execs %counting.last"),
    ]);
    let execs: Vec<u64> =
        read("evt.type = execve", "%evt.num").iter().map(|num| num.parse().unwrap()).collect();
    let (alerts, said) = replay(&rules, &[counting("")], ON);
    let expected: Vec<String> =
        (1..).zip(&execs).map(|(count, num)| format!("{num} {count} {num}")).collect();
    assert_eq!(told(&alerts, "R0"), expected, "{said}");
    let connects = told(&alerts, "R1");
    assert!(!connects.is_empty());
    for line in &connects {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let before: Vec<u64> = execs.iter().copied().filter(|num| *num < numbers[0]).collect();
        assert_eq!(numbers[1..], [before.len() as u64, before.last().copied().unwrap_or(0)], "{line}");
    }
    let asked = execs.len() + connects.len();
    let counts = format!("events: {asked}, refused: 0, sent to be parsed: {}", execs.len());
    assert_eq!(counted(&said, "saker_counting"), counts);
    // More workers change nothing: one does it.
    let (more, said) = replay(&rules, &[counting("")], &[ON, &["--threads", "4"]].concat());
    assert_eq!(more, alerts, "{said}");
}

#[test]
fn a_plugin_that_nobody_asks_parses_all_the_same() {
    let rules = rules(&[("evt.type = connect", "connect")]);
    let (_, said) = replay(&rules, &[counting(""), calls("")], ON);
    let execs = read("evt.type = execve", "%evt.num").len();
    assert_eq!(
        counted(&said, "saker_counting"),
        format!("events: 0, refused: 0, sent to be parsed: {execs}")
    );
    // One that does not parse is not even begun.
    assert!(!said.contains("saker_calls"), "{said}");
}

/// A run over the capture by a configuration.
fn run(rules: &TempFile, plugins: &[String], more: &str) -> (Option<i32>, String, String) {
    let config = TempFile::new(
        "saker.yaml",
        &format!(
            "engine: {{kind: replay, replay: {{capture_file: {CAPTURE}}}}}\nrules_files: [{}]\nplugins: [{}]\n{more}",
            rules.path,
            plugins.join(", ")
        ),
    );
    let out = saker(&["run", "-c", &config.path]);
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn system_calls_are_shown_only_if_that_is_switched_on() {
    let plain = rules(&[("evt.type = execve", "x")]);
    let (code, _, said) = run(&plain, &[calls("")], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("plugin saker_calls: it takes events of system calls, which are not shown to plugins"),
        "{said}"
    );
    assert!(said.contains("'saker.plugins.system_calls: true' shows them") && said.contains(" µs"), "{said}");
    let asking = rules(&[("calls.kind = 293", "x")]);
    let (code, _, said) = run(&asking, &[calls("")], "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nonexistent field calls.kind"), "{said}");
    let (code, _, said) = run(&asking, &[calls("")], "saker: {plugins: {system_calls: true}}\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("not shown to plugins") && !said.contains("it has no source of events"), "{said}");
}

#[test]
fn a_plugin_that_crashes_is_begun_again_and_leaves_nulls() {
    let asking = rules(&[("evt.type = execve", "%evt.num %calls.number")]);
    let limits = "saker: {plugins: {system_calls: true, max_restarts: 2, restart_wait_ms: 10}}\n";
    let (code, alerts, said) = run(&asking, &[calls("crash=3")], limits);
    assert_eq!(code, Some(1), "{said}");
    let told = told(&alerts, "R0");
    let execs = read("evt.type = execve", "%evt.num");
    // Each of its three lives ends at the third event, which it does not answer; after that nobody is asked.
    let expected: Vec<String> = (1..)
        .zip(&execs)
        .map(|(count, num)| format!("{num} {}", if count > 9 || count % 3 == 0 { "<NA>" } else { num }))
        .collect();
    assert_eq!(told, expected, "{said}");
    let failures = alerts
        .lines()
        .filter(|line| line.contains("Saker internal: plugin failure: plugin saker_calls: "))
        .count();
    assert_eq!(failures, 3, "{alerts}");
    let unseen = execs.len() - 6;
    assert_eq!(
        counted(&said, "saker_calls"),
        format!("events: 6, refused: 0, failures of plugins: 3, begun again: 2, not seen: {unseen}")
    );
    assert!(said.contains("source 'syscall': it is begun again in 10ms (1 of 2 times)"), "{said}");
    assert!(
        said.contains("system calls: plugin saker_calls: its process crashed: signal 6 (SIGABRT)"),
        "{said}"
    );
}

#[test]
fn what_a_plugin_does_not_parse_because_it_crashed_is_counted() {
    let asking = rules(&[("evt.type = execve", "%evt.num %counting.execs")]);
    let limits = "saker: {plugins: {system_calls: true, max_restarts: 1, restart_wait_ms: 10}}\n";
    let (code, alerts, said) = run(&asking, &[counting("crash=5")], limits);
    assert_eq!(code, Some(1), "{said}");
    let execs = read("evt.type = execve", "%evt.num");
    let counts: Vec<String> =
        told(&alerts, "R0").iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(counts[..11], ["1", "2", "3", "4", "<NA>", "1", "2", "3", "4", "<NA>", "<NA>"], "{said}");
    // The fifth and the tenth were on their way and were asked about; all after that were to be parsed and were asked about.
    let unseen = 2 * (execs.len() - 8);
    assert!(counted(&said, "saker_counting").ends_with(&format!(", not seen: {unseen}")), "{said}");
}

#[test]
fn a_plugin_that_hangs_is_ended_at_its_deadline() {
    let asking = rules(&[("evt.type = execve", "%evt.num %calls.number")]);
    let limits = "saker: {plugins: {system_calls: true, max_restarts: 0, timeout_ms: 8000}}\n";
    let (code, alerts, said) = run(&asking, &[calls("hang=2")], limits);
    assert_eq!(code, Some(1), "{said}");
    let execs = read("evt.type = execve", "%evt.num");
    let told = told(&alerts, "R0");
    assert_eq!(told.len(), execs.len());
    assert_eq!(told[..2], [format!("{0} {0}", execs[0]), format!("{} <NA>", execs[1])]);
    assert!(said.contains("its process did not answer for 8s"), "{said}");
}

#[test]
fn a_plugin_that_insists_on_a_table_is_told_that_there_is_none() {
    let asking = rules(&[("evt.type = execve", "%calls.number")]);
    let (code, _, said) = run(&asking, &[calls("table=1")], "saker: {plugins: {system_calls: true}}\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("plugin saker_calls: could not initialize plugin"), "{said}");
    assert!(said.contains("state tables of Falco and of other plugins are not available here"), "{said}");
}

#[test]
fn what_a_plugin_suggests_and_what_is_appended_is_extracted() {
    let asking = rules(&[("evt.type = execve", "%evt.num")]);
    let append = "append_output=[{suggested_output: true, extra_output: 'n=%calls.number', extra_fields: [calls.kind]}]";
    let (alerts, said) = replay(&asking, &[calls("")], &[ON, &["-o", append, "--json"]].concat());
    let alert: Value = serde_json::from_str(alerts.lines().next().unwrap()).unwrap();
    let fields = &alert["output_fields"];
    assert_eq!(fields["calls.number"], fields["evt.num"], "{alert}\n{said}");
    assert_eq!(fields["calls.kind"], 293, "{alert}");
    let output = alert["output"].as_str().unwrap();
    let (number, thread) = (&fields["evt.num"], &fields["calls.thread"]);
    assert!(
        output.contains(&format!(" n={number} ")) && output.ends_with(&format!(" calls_thread={thread}")),
        "{output}"
    );
}

#[test]
fn fields_of_plugins_are_there_in_other_commands() {
    let plugins = format!("plugins=[{}, {}]", calls(""), counting(""));
    let options = ["-o", &plugins, "-o", "saker.plugins.system_calls=true"];
    let read_of = |args: &[&str]| {
        let out = saker(&[&["read", CAPTURE], args, &options].concat());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let printed = read_of(&["calls.kind = 293", "-p", "%evt.num %calls.number %counting.execs"]);
    let expected: String = (1..)
        .zip(read("evt.type = execve", "%evt.num"))
        .map(|(count, num)| format!("{num} {num} {count}\n"))
        .collect();
    assert_eq!(printed, expected);
    let config = TempFile::new(
        "falco.yaml",
        &format!(
            "engine: {{kind: nodriver}}\nrules_files: []\nplugins: [{}]\nsaker: {{plugins: {{system_calls: true}}}}\n",
            calls("")
        ),
    );
    let listed = |source: &str| {
        let out = saker(&["falco", "-c", &config.path, &format!("--list={source}"), "-N"]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let fields = listed("syscall");
    assert!(fields.contains("calls.param\n") && fields.contains("proc.name\n"), "{fields}");
    let rules = rules(&[("calls.kind = 293", "%calls.number")]);
    let out = saker(&[&["explain", "R0", CAPTURE, "-r", &rules.path], &options[..]].concat());
    assert!(text(&out.stdout).contains("293"), "{}{}", text(&out.stdout), text(&out.stderr));
}

/// A replay from a pipe, whose events come when the test says so.
fn place(plugin: &str, rules: &str, more: &str) -> Place {
    let place =
        Place::new(&format!("plugins: [{plugin}]\nsaker: {{plugins: {{system_calls: true}}}}\n{more}"));
    place.write("rules.yaml", rules);
    place
}

fn rule(name: &str, output: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type = execve\n  output: {name} {output}\n  priority: INFO\n"
    )
}

#[test]
fn a_reload_asks_a_plugin_for_other_fields_and_leaves_its_process() {
    let place = place(&counting(""), &rule("First", "%evt.num %counting.execs"), "");
    let mut run = reload::Run::start(&place);
    let bytes = reload::capture();
    let (one, two) = bytes.split_at(bytes.len() / 2);
    run.feed(one);
    place.write("rules.yaml", &rule("Second", "%evt.num %counting.last %counting.execs"));
    run.hangup();
    run.wait_for("reload 1: ready");
    run.feed(two);
    let (alerts, said) = run.finish();
    let execs = read("evt.type = execve", "%evt.num");
    let told: Vec<String> = alerts
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(": Informational ").nth(1)?.split(' ').collect();
            match words[..] {
                ["First", num, execs] => Some(format!("{num} {num} {execs}")),
                ["Second", num, last, execs] => Some(format!("{num} {last} {execs}")),
                _ => None,
            }
        })
        .collect();
    // Its count goes on: it was not begun again.
    let expected: Vec<String> =
        (1..).zip(&execs).map(|(count, num)| format!("{num} {num} {count}")).collect();
    assert_eq!(told, expected, "{said}");
    assert!(alerts.contains(" First ") && alerts.contains(" Second "), "{said}");
    assert!(!said.contains("failures of plugins"), "{said}");
}

#[test]
fn workers_go_on_through_reloads_and_a_plugin_that_parses_waits_for_the_next_start() {
    let place = Place::new("");
    let configure = |plugins: &[String]| {
        let config = format!(
            "engine: {{kind: replay, replay: {{capture_file: {}}}}}\nrules_files: [{}]\nlog_level: debug\nplugins: [{}]\n\
             saker: {{threads: 3, plugins: {{system_calls: true}}}}\n",
            place.path("events").display(),
            place.path("rules.yaml").display(),
            plugins.join(", ")
        );
        place.write("saker.yaml", &config);
    };
    configure(&[calls("")]);
    place.write("rules.yaml", &rule("First", "%evt.num %calls.number"));
    let mut run = reload::Run::start(&place);
    let bytes = reload::capture();
    let mut parts = bytes.chunks(bytes.len() / 4 + 1);
    run.feed(parts.next().unwrap());
    place.write("rules.yaml", &rule("Second", "%calls.kind %evt.num %calls.number"));
    run.hangup();
    run.wait_for("reload 1: ready");
    run.feed(parts.next().unwrap());
    // With other settings the process is another.
    configure(&[calls("x=1")]);
    run.hangup();
    run.wait_for("reload 2: ready");
    run.feed(parts.next().unwrap());
    configure(&[calls("x=1"), counting("")]);
    run.hangup();
    run.wait_for("plugin saker_counting parses system calls, which one worker must do, and 3 are at work");
    run.feed(parts.next().unwrap());
    let (alerts, said) = run.finish();
    let told: Vec<String> = alerts
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(": Informational ").nth(1)?.split(' ').collect();
            match words[..] {
                ["First", num, own] | ["Second", "293", num, own] => Some(format!("{num} {own}")),
                _ => None,
            }
        })
        .collect();
    assert_eq!(told, read("evt.type = execve", "%evt.num %evt.num"), "{said}");
    assert!(
        counted(&said, "saker_calls").starts_with(&format!("events: {}, refused: 0", told.len())),
        "{said}"
    );
    assert!(!said.contains("not seen"), "{said}");
}

#[test]
fn metrics_tell_of_plugins_that_see_system_calls() {
    let more = "webserver: {enabled: true, listen_port: 0, listen_address: 127.0.0.1, prometheus_metrics_enabled: true}\n\
                metrics: {enabled: true}\n";
    let place = place(&counting(""), &rule("R", "%counting.execs"), more);
    let mut run = reload::Run::start(&place);
    let line = run.wait_for("web server: http://");
    let address = line.split_once("http://").unwrap().1.trim().to_owned();
    run.feed(&reload::capture());
    let execs = read("evt.type = execve", "%evt.num").len() as f64;
    let of =
        |name: &str| format!("saker_plugin_{name}_total{{plugin=\"saker_counting\",source=\"syscall\"}}");
    let metrics = loop {
        let metrics = get(&address, "/metrics");
        // The last bytes of a pipe may wait for more of them.
        if number(&metrics, &of("events")) >= execs - 5.0 {
            break metrics;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(number(&metrics, &of("sent")) >= execs - 5.0);
    for nothing in ["failures", "restarts", "unseen", "values_lost"] {
        assert_eq!(number(&metrics, &of(nothing)), 0.0, "{nothing}");
    }
    run.finish();
}

#[test]
fn a_plugin_sees_what_happens_now() {
    if !can_trace() {
        return;
    }
    let rules = rules(&[("calls.kind = 293 and proc.name = true", "%evt.num %calls.number")]);
    let plugins = format!("plugins=[{}, {}]", calls(""), counting(""));
    let args = [&["trace", "-r", &rules.path, "-o", &plugins], ON, &["--", "true"]].concat();
    let out = saker(&args);
    let (alerts, said) = (text(&out.stdout), text(&out.stderr));
    let told = told(&alerts, "R0");
    let [one] = &told[..] else { panic!("{alerts}{said}") };
    let (ours, theirs) = one.split_once(' ').unwrap();
    assert_eq!(ours, theirs);
    assert!(counted(&said, "saker_counting").contains("sent to be parsed: "), "{said}");
    assert!(!said.contains("not seen"), "{said}");
}
