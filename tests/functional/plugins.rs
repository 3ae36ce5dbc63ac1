//! Falco's plugins as an operator loads them: a `falco.yaml` that names the library, rules with `source:`.
//!
//! The plugin is `tests/plugin`, which Cargo builds beside this test.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use saker::capture::scap::ScapWriter;
use saker::event::{Event, ParamsBuf, id};
use serde_json::Value;

use crate::web::{get, number};
use crate::{TempFile, saker, text};

/// A library that Cargo has built beside this test.
pub(crate) fn library(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let library = own.with_file_name(format!("lib{name}.so"));
    assert!(library.is_file(), "{} was not built", library.display());
    library
}

/// True for every event with a number; shows what the plugin extracts.
const RULES: &str = "- required_plugin_versions: [{name: saker_test, version: 1.2.0}]\n\
    - rule: Seen\n  desc: d\n  condition: test.num >= 0\n  \
    output: seen %test.num %test.text %test.even %test.words %test.word[3] %test.after[of] %test.time %test.took %test.ip \
    %test.net %test.parsed (%evt.plugininfo)\n  priority: INFO\n  source: saker_test\n";

/// A configuration that loads the plugin and nothing else.
fn configuration(rules: &TempFile, plugin: &str, more: &str) -> TempFile {
    // One of its own: in the host's there may be alerts, and the time of the last run.
    let spool = rules.dir.join("spool");
    TempFile::new(
        "falco.yaml",
        &format!(
            "engine: {{kind: nodriver}}\nwatch_config_files: false\nrules_files: [{}]\nload_plugins: [saker_test]\nplugins:\n  \
             - name: saker_test\n    {plugin}\n{more}saker:\n  spool: {{path: '{}'}}\n  plugins: {{restart_wait_ms: 10, \
             max_restarts: 2, timeout_ms: 60000}}\n",
            rules.path,
            spool.display()
        ),
    )
}

fn loaded(open_params: &str) -> String {
    format!("library_path: {}\n    open_params: \"{open_params}\"", library("saker_test_plugin").display())
}

/// A run until the plugin's source ends.
fn run(rules: &str, plugin: &str, more: &str, args: &[&str]) -> Output {
    let rules = TempFile::new("rules.yaml", rules);
    let config = configuration(&rules, plugin, more);
    saker(&[&["run", "-c", &config.path], args].concat())
}

#[test]
fn events_of_a_plugin_meet_rules_with_its_fields() {
    let out = run(RULES, &loaded("count=3"), "", &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let alerts = text(&out.stdout);
    let alerts: Vec<&str> = alerts.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(
        alerts,
        [
            "Informational seen 1 event 1 of the test false (event,1,of,the,test) the the test 1000000000 1000000 10.0.0.1 \
             10.0.0.1 1 (told: event 1 of the test)",
            "Informational seen 2 event 2 of the test true (event,2,of,the,test) the the test 2000000000 2000000 10.0.0.2 \
             10.0.0.2 2 (told: event 2 of the test)",
            "Informational seen 3 event 3 of the test false (event,3,of,the,test) the the test 3000000000 3000000 10.0.0.3 \
             10.0.0.3 3 (told: event 3 of the test)",
        ]
    );
    let said = text(&out.stderr);
    assert!(said.contains("Events detected: 3\n"), "{said}");
    assert!(said.contains("Source 'saker_test': events: 3, refused: 0\n"), "{said}");
}

#[test]
fn json_alerts_have_the_source_and_the_types_of_the_fields() {
    let out = run(RULES, &loaded("count=1"), "json_output: true\n", &[]);
    let alert: Value = serde_json::from_str(text(&out.stdout).trim()).unwrap();
    assert_eq!(alert["source"], "saker_test");
    let fields = &alert["output_fields"];
    assert_eq!((&fields["test.num"], &fields["test.even"]), (&1.into(), &false.into()));
    assert_eq!(fields["test.words"], serde_json::json!(["event", "1", "of", "the", "test"]));
    assert_eq!((&fields["test.word[3]"], &fields["test.ip"]), (&"the".into(), &"10.0.0.1".into()));
}

#[test]
fn events_that_are_documents_have_the_fields_of_the_plugin_json() {
    let rules = "- required_plugin_versions: [{name: json, version: 0.7.0}]\n- rule: R\n  desc: d\n  \
                 condition: json.value[/number] in (2, 3)\n  \
                 output: '%json.value[/number] %json.value[/inner/1/b] %jevt.value[/inner] %json.value[/no]'\n  \
                 priority: INFO\n  source: saker_test\n";
    let rules = TempFile::new("rules.yaml", rules);
    let config = configuration(&rules, &loaded("count=3,json=1"), "");
    let text_of = std::fs::read_to_string(&config.path).unwrap();
    let with_json =
        text_of.replace("load_plugins: [saker_test]", "load_plugins: [saker_test, json]").replace(
            "plugins:\n  - name: saker_test",
            "plugins:\n  - {name: json, library_path: libjson.so}\n  - name: saker_test",
        );
    std::fs::write(&config.path, with_json).unwrap();
    let out = saker(&["run", "-c", &config.path]);
    let alerts = text(&out.stdout);
    let alerts: Vec<&str> = alerts.lines().map(|line| line.split_once("Informational ").unwrap().1).collect();
    let expected = [r#"2 c ["a",{"b":"c"}] <NA>"#, r#"3 c ["a",{"b":"c"}] <NA>"#];
    assert_eq!(alerts, expected, "{}", text(&out.stderr));
    // Other events are no documents.
    std::fs::write(&config.path, std::fs::read_to_string(&config.path).unwrap().replace(",json=1", ""))
        .unwrap();
    let out = saker(&["run", "-c", &config.path]);
    assert!(text(&out.stderr).contains("Events detected: 0\n"), "{}", text(&out.stderr));
    assert!(
        text(&out.stderr).contains("Source 'saker_test': events: 3, refused: 0\n"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn what_a_plugin_suggests_is_appended_where_it_is_asked_for() {
    let rules = "- rule: R\n  desc: d\n  condition: test.even = true\n  output: o\n  priority: INFO\n  source: saker_test\n";
    let out = run(
        rules,
        &loaded("count=2"),
        "append_output: [{suggested_output: true}, {match: {source: saker_test}, extra_output: ip=%test.ip}]\n",
        &[],
    );
    let alerts = text(&out.stdout);
    assert!(alerts.ends_with(": Informational o test_num=2 ip=10.0.0.2\n"), "{alerts}{}", text(&out.stderr));
}

/// The numbers of the events for which a condition is true.
fn numbers(condition: &str, params: &str) -> String {
    let rules = format!(
        "- rule: R\n  desc: d\n  condition: {condition}\n  output: '%test.num'\n  priority: INFO\n  source: saker_test\n"
    );
    let out = run(&rules, &loaded(params), "", &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let alerts = text(&out.stdout);
    let numbers = alerts.lines().map(|line| line.rsplit(' ').next().unwrap_or_default());
    numbers.collect::<Vec<_>>().join(" ")
}

#[test]
fn conditions_compare_by_type() {
    assert_eq!(numbers("test.num > 0", "count=4,idle=1"), "1 2 3 4");
    assert_eq!(numbers("test.num > 0", "count=4,idle=3,batch=2"), "1 2 3 4");
    for (condition, expected) in [
        ("test.num > 9", "10 11 12"),
        ("test.even = true and test.num < 5", "2 4"),
        ("test.words intersects (7, 8)", "7 8"),
        ("test.word[1] = 5", "5"),
        ("test.word[99] exists or test.num = 1", "1"),
        ("test.after[event] startswith '11'", "11"),
        ("test.ip = 10.0.0.3", "3"),
        ("test.net in (10.0.0.8/30)", "8 9 10 11"),
        ("test.took >= 11000000", "11 12"),
        (
            "evt.num = 2 and evt.pluginname = saker_test and evt.source = saker_test and evt.is_async = false",
            "2",
        ),
        ("evt.plugininfo contains 'event 12'", "12"),
    ] {
        assert_eq!(numbers(condition, "count=12,batch=5"), expected, "{condition}");
    }
}

#[test]
fn asynchronous_events_come_between_the_others() {
    let rules = "- rule: Tick\n  desc: d\n  condition: evt.asynctype = tick\n  output: '%evt.num %evt.is_async %test.num %evt.source'\n  \
                 priority: INFO\n  source: saker_test\n";
    let plugin = format!("{}\n    init_config: {{ticks: 2}}", loaded("count=2"));
    let out = run(rules, &plugin, "", &[]);
    let alerts = text(&out.stdout);
    let alerts: Vec<&str> = alerts.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    assert_eq!(alerts, ["Informational 1 true <NA> saker_test", "Informational 2 true <NA> saker_test"]);
    assert!(text(&out.stderr).contains("events: 4, refused: 0"), "{}", text(&out.stderr));
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let rules = "- rule: Tick\n  desc: d\n  condition: evt.asynctype = tick and evt.num = 16384\n  output: '%evt.num'\n  \
                 priority: INFO\n  source: saker_test\n";
    let plugin = format!("{}\n    init_config: {{ticks: 16400}}", loaded("count=2"));
    let out = run(rules, &plugin, "", &[]);
    assert!(text(&out.stdout).ends_with(": Informational 16384\n"), "{}", text(&out.stdout));
    assert!(text(&out.stderr).contains("events: 16386, refused: 16"), "{}", text(&out.stderr));
}

#[test]
fn plugins_extract_from_events_of_others() {
    let rules = "- rule: R\n  desc: d\n  condition: helper.length >= 19 and test.num > 1\n  \
                 output: '%test.num %helper.length %helper.sum %evt.pluginname'\n  priority: INFO\n  source: saker_test\n";
    let rules = TempFile::new("rules.yaml", rules);
    let config = configuration(&rules, &loaded("count=4,batch=3"), "");
    let text_of = std::fs::read_to_string(&config.path).unwrap();
    let helper = library("saker_test_plugin_helper");
    let both =
        text_of.replace("load_plugins: [saker_test]", "load_plugins: [saker_helper, saker_test]").replace(
            "plugins:\n  - name: saker_test",
            &format!(
                "plugins:\n  - {{name: saker_helper, library_path: {}}}\n  - name: saker_test",
                helper.display()
            ),
        );
    std::fs::write(&config.path, both).unwrap();
    let out = saker(&["run", "-c", &config.path]);
    let alerts = text(&out.stdout);
    let alerts: Vec<&str> = alerts.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    let expected = ["2 19 38", "3 19 57", "4 19 76"].map(|told| format!("Informational {told} saker_test"));
    assert_eq!(alerts, expected, "{}", text(&out.stderr));
}

#[test]
fn events_of_plugins_in_a_capture_meet_the_loaded_plugin() {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    for (number, plugin) in [(1u64, 999u32), (2, 998), (3, 999)] {
        let data = format!("event {number} of the test");
        let params = ParamsBuf::of(&[&plugin.to_le_bytes(), data.as_bytes()]);
        let time = 1_700_000_000_000_000_000 + number;
        let event = Event::new(number, time, -1, 0, id::PLUGINEVENT_E, 0, params.params());
        writer.event(&event).unwrap();
    }
    let capture = TempFile::new("plugin.scap", "");
    std::fs::write(&capture.path, writer.into_inner()).unwrap();
    let rules = RULES.replace("output: seen", "output: seen %evt.num");
    let rules = TempFile::new("rules.yaml", &rules);
    let plugins =
        format!("plugins=[{{name: saker_test, library_path: {}}}]", library("saker_test_plugin").display());
    for threads in ["1", "2"] {
        let out = saker(&["replay", "-r", &rules.path, "-o", &plugins, "--threads", threads, &capture.path]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let alerts = text(&out.stdout);
        let alerts: Vec<&str> = alerts.lines().map(|line| &line[..line.len().min(80)]).collect();
        assert_eq!(alerts.len(), 2, "{alerts:?}\n{}", text(&out.stderr));
        assert!(
            alerts[0].starts_with("22:13:20.000000001: Informational seen 1 1 event 1 of the test"),
            "{alerts:?}"
        );
        assert!(
            alerts[1].starts_with("22:13:20.000000003: Informational seen 3 3 event 3 of the test"),
            "{alerts:?}"
        );
        let said = text(&out.stderr);
        assert!(said.contains("Source 'saker_test': events: 2, refused: 0\n"), "{said}");
    }
    // Without the plugin there are no rules for them, and nothing else is wrong.
    let plain = TempFile::new(
        "rules.yaml",
        "- rule: R\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n",
    );
    let out = saker(&["replay", "-r", &plain.path, &capture.path]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), String::new()));
}

#[test]
fn a_plugin_that_crashes_takes_nothing_else_down_and_is_begun_again() {
    let out = run(RULES, &loaded("count=5,crash=3"), "", &[]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    // Each of the three times it comes as far as the third event.
    let alerts = text(&out.stdout);
    assert_eq!(alerts.lines().filter(|line| line.contains(" seen ")).count(), 6, "{alerts}");
    let internal: Vec<&str> =
        alerts.lines().filter(|line| line.contains("Saker internal: plugin failure")).collect();
    assert_eq!(internal.len(), 3, "{alerts}");
    assert!(
        internal[0]
            .contains("signal 6 (SIGABRT); source 'saker_test': it is begun again in 10ms (1 of 2 times)"),
        "{alerts}"
    );
    assert!(said.contains("plugin saker_test: about to abort"), "{said}");
    assert!(said.contains("events: 6, refused: 0, failures of plugins: 3, begun again: 2"), "{said}");
    assert!(said.contains("it is not begun again (saker.plugins.max_restarts: 2)"), "{said}");
}

#[test]
fn a_plugin_that_hangs_is_ended_at_its_deadline() {
    let out = run(
        RULES,
        &loaded("count=5,hang=2"),
        "",
        &["-o", "saker.plugins.timeout_ms=8000", "-o", "saker.plugins.max_restarts=0"],
    );
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert_eq!(text(&out.stdout).lines().filter(|line| line.contains(" seen 1 ")).count(), 1);
    assert!(said.contains("its process did not answer for 8s"), "{said}");
}

#[test]
fn what_a_plugin_says_of_its_failure_is_told() {
    let out = run(RULES, &loaded("count=5,fail=2"), "", &["-o", "saker.plugins.max_restarts=0"]);
    assert!(text(&out.stderr).contains("next_batch: told to fail"), "{}", text(&out.stderr));
    let out = run(RULES, &loaded("count"), "", &[]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("plugin saker_test: cannot open its source: expected KEY=NUMBER"), "{said}");
    let plugin = format!("{}\n    init_config: {{tocks: 2}}", loaded("count=2"));
    let said = text(&run(RULES, &plugin, "", &[]).stderr);
    assert!(said.contains("could not initialize plugin") && said.contains("tocks"), "{said}");
}

#[test]
fn what_is_no_plugin_is_refused_with_the_reason() {
    let old = format!("library_path: {}", library("saker_test_plugin_old").display());
    for (plugin, expected) in [
        ("library_path: /nonexistent/libx.so", "cannot load plugin /nonexistent/libx.so: cannot be loaded: "),
        ("library_path: ../x.so", "leaves /usr/share/falco/plugins"),
        ("library_path: libm.so.6", "cannot load plugin /usr/share/falco/plugins/libm.so.6"),
        (&old, "plugin required API version '2.0.0' not compatible with the API version '3.12.0' here"),
    ] {
        let out = run(RULES, plugin, "", &[]);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn rules_that_require_a_newer_plugin_are_refused() {
    let rules = RULES.replace("version: 1.2.0", "version: 1.3.0");
    let out = run(&rules, &loaded("count=1"), "", &[]);
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    let expected =
        "Plugin 'saker_test' version '1.2.3' is not compatible with required plugin version '1.3.0'";
    assert!(said.contains(expected), "{said}");
    let mistyped = RULES.replace("test.num >= 0", "test.word = x");
    let said = text(&run(&mistyped, &loaded("count=1"), "", &[]).stderr);
    assert!(said.contains("test.word requires an argument but none provided"), "{said}");
}

/// A run whose lines are read as they come.
struct Run {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Run {
    fn start(config: &TempFile, more: &[&str]) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
            .args(["run", "-c", &config.path])
            .args(more)
            .env("TZ", "UTC")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().unwrap());
        Run { child, out }
    }

    /// Reads alerts until one has these words in it.
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended without '{words}'");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// The processes of plugins.
    fn hosts(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let children = tasks.flatten().map(|task| task.path().join("children"));
        let children: String = children.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        children.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn rules_are_loaded_anew_with_other_fields() {
    let rule = |name: &str, output: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: test.num > 0\n  output: {name} {output}\n  priority: INFO\n  source: saker_test\n"
        )
    };
    let rules = TempFile::new("rules.yaml", &rule("First", "%test.num"));
    let config = configuration(&rules, &loaded(""), "");
    let mut run = Run::start(&config, &[]);
    run.wait_for("First ");
    let before = run.hosts();
    std::fs::write(&rules.path, rule("Second", "%test.word[1] %test.ip")).unwrap();
    run.signal("-HUP");
    let line = run.wait_for("Second ");
    let (number, address) = line.rsplit_once("Second ").unwrap().1.trim().split_once(' ').unwrap();
    let last: u64 = number.parse().unwrap();
    assert_eq!(address, format!("10.0.0.{}", last as u8));
    // Its events go on: the plugin was not begun again.
    assert_eq!(run.hosts(), before);
    // With other settings it is.
    let other = std::fs::read_to_string(&config.path)
        .unwrap()
        .replace("open_params: \"\"", "open_params: \"batch=2\"");
    std::fs::write(&config.path, other).unwrap();
    run.signal("-HUP");
    run.wait_for("Second 1 10.0.0.1");
    assert!(!run.hosts().contains(&before[0]), "{before:?}");
    run.signal("-TERM");
    assert!(run.child.wait().unwrap().success());
}

#[test]
fn no_process_of_a_plugin_outlives_the_agent() {
    let rules = TempFile::new("rules.yaml", RULES);
    // It hangs when the agent is gone.
    let config = configuration(&rules, &loaded("hang=3"), "");
    let mut run = Run::start(&config, &[]);
    run.wait_for(" seen 2 ");
    let hosts = run.hosts();
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    run.signal("-KILL");
    run.child.wait().unwrap();
    let is_there = |host: &String| {
        std::fs::read_to_string(format!("/proc/{host}/cmdline"))
            .is_ok_and(|line| line.contains("plugin-host"))
    };
    while hosts.iter().any(is_there) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn health_versions_and_metrics_tell_of_plugins() {
    let rules = TempFile::new("rules.yaml", RULES);
    let more = "webserver: {enabled: true, listen_port: 0, listen_address: 127.0.0.1, prometheus_metrics_enabled: true}\n\
                metrics: {enabled: true}\n";
    let config = configuration(&rules, &loaded(""), more);
    let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["run", "-c", &config.path])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = said.find(|line| line.contains("web server: http://")).unwrap();
    let address = line.split_once("http://").unwrap().1.trim().to_owned();
    let versions = get(&address, "/versions");
    let versions: Value = serde_json::from_str(versions.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(versions["plugin_versions"]["saker_test"], "1.2.3");
    assert!(get(&address, "/healthz").contains("ok"));
    let metrics = loop {
        let metrics = get(&address, "/metrics");
        if number(&metrics, "saker_plugin_events_total{source=\"saker_test\"}") > 1.0 {
            break metrics;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    // It is asked at its beginning.
    assert_eq!(number(&metrics, "falcosecurity_plugins_saker_test_n_parsed_total"), 0.0);
    assert_eq!(number(&metrics, "saker_plugin_failures_total{source=\"saker_test\"}"), 0.0);
    let matches =
        "falcosecurity_falco_rules_matches_total{priority=\"6\",rule_name=\"Seen\",source=\"saker_test\"}";
    assert!(number(&metrics, matches) > 0.0);
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn falco_lists_plugins_and_their_fields() {
    let rules = TempFile::new("rules.yaml", RULES);
    let config = configuration(&rules, &loaded("count=2"), "");
    let falco = |args: &[&str]| {
        let out = saker(&[&["falco", "-c", &config.path], args].concat());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let listed = falco(&["--list-plugins"]);
    let expected = "Name: saker_test\nDescription: What Saker's tests load\nContact: tests\nVersion: 1.2.3\nCapabilities: \n  \
                    - Event Sourcing (ID=999, source='saker_test')\n  - Field Extraction\n  - Event Parsing\n  - Async Events\n";
    assert!(listed.starts_with("2 Plugins Loaded:\n") && listed.contains(expected), "{listed}");
    let info = falco(&["--plugin-info", "saker_test"]);
    assert!(info.starts_with(expected) && info.contains("Init config schema type: JSON"), "{info}");
    assert!(info.ends_with("Suggested open params:\ncount=3: Three events\n\n"), "{info}");
    let fields = falco(&["--list=saker_test", "-N"]);
    assert!(fields.contains("test.word\n") && fields.contains("evt.plugininfo\n"), "{fields}");
    assert!(!fields.contains("proc.name"), "{fields}");
    let typed = falco(&["--list=saker_test", "-v"]);
    assert!(typed.contains("(Type: LIST(CHARBUF)) (EPF_IS_LIST) The words"), "{typed}");
    let fields = falco(&["--list"]);
    assert!(fields.contains("saker_test") && fields.contains("A word by its number"), "{fields}");
    // And detects with them.
    assert_eq!(falco(&[]).lines().count(), 2);
    let off = saker(&["falco", "-c", &config.path, "--disable-source", "saker_test"]);
    assert!(text(&off.stderr).contains("no event would be produced"), "{}", text(&off.stderr));
}

#[test]
fn nobody_starts_a_host_by_hand() {
    let out =
        Command::new(env!("CARGO_BIN_EXE_saker")).arg("plugin-host").stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("the agent cannot be served"), "{}", text(&out.stderr));
}
