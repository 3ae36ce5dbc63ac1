//! The binary as `falco`: every option, and configurations as an operator of Falco has them.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use serde_json::Value;

use crate::{CAPTURE, RULES, TempFile, saker, text};

/// Runs the binary under the name `falco`.
fn falco(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_saker"))
        .arg0("/usr/bin/falco")
        .args(args)
        .env("TZ", "UTC")
        .env("FALCO_HOSTNAME", "conformance")
        .output()
        .expect("the binary runs")
}

/// Standard output of a run that must succeed.
fn printed(args: &[&str]) -> String {
    let out = falco(args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", text(&out.stderr));
    text(&out.stdout)
}

fn parsed(args: &[&str]) -> Value {
    serde_json::from_str(&printed(args)).unwrap()
}

/// Standard error of a run that must fail.
fn refused(args: &[&str]) -> String {
    let out = falco(args);
    assert_eq!(out.status.code(), Some(1), "{args:?}: {}", text(&out.stdout));
    text(&out.stderr)
}

/// A configuration that replays the bundled capture under [`RULES`], and its rule file.
fn replaying() -> (TempFile, TempFile) {
    let rules = TempFile::new("rules.yaml", RULES);
    let config = format!(
        "engine:\n  kind: replay\n  replay: {{capture_file: {CAPTURE}}}\nrules_files:\n  - {}\n  - /nonexistent/local.yaml\n",
        rules.path
    );
    (TempFile::new("falco.yaml", &config), rules)
}

/// Removes the time before each line of the log, and the directory of a file.
fn log(stderr: &str, file: &TempFile) -> String {
    let lines = stderr.lines().map(|line| line.split_once(": ").map_or(line, |(_, message)| message));
    lines.collect::<Vec<_>>().join("\n").replace(&format!("{}/", file.dir.display()), "")
}

#[test]
fn every_option_of_falco_is_there() {
    let help = printed(&["-h"]);
    for option in [
        "-h, --help",
        "-c <path>",
        "--config-schema",
        "--rule-schema",
        "--disable-source <event_source>",
        "--dry-run",
        "--enable-source <event_source>",
        "-i ",
        "-L ",
        "-l <rule>",
        "--list[=<source>]",
        "--list-events",
        "--list-plugins",
        "-M <num_seconds>",
        "--markdown",
        "--format <FORMAT>",
        "-N ",
        "-o, --option <opt>=<val>",
        "--plugin-info <plugin_name>",
        "-p, --print <output_format>",
        "-P, --pidfile <pid_file>",
        "-r <rules_file>",
        "--support",
        "-U, --unbuffered",
        "-V, --validate <rules_file>",
        "-v ",
        "--version",
        "--page-size",
    ] {
        assert!(help.contains(option), "{option} is missing in:\n{help}");
    }
    assert_eq!(text(&saker(&["falco", "-h"]).stdout), help);
    assert!(refused(&["--no-such-option"]).contains("--no-such-option"));
}

#[test]
fn a_configured_capture_is_replayed() {
    let (config, _rules) = replaying();
    let out = falco(&["-c", &config.path]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout).lines().count(), 185);
    let stderr = text(&out.stderr);
    assert!(
        stderr.contains("Falco initialized with configuration file: ")
            && stderr.contains("Events detected: 185")
    );
    // `saker run` reads the same configuration.
    let run = saker(&["run", "-c", &config.path]);
    assert_eq!(text(&run.stdout), text(&out.stdout), "{}", text(&run.stderr));

    let first = printed(&["-c", &config.path, "-o", "json_output=true", "-p", "pid=%proc.pid", "-U"]);
    let alert: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(alert["rule"], "Any open");
    assert!(alert["output"].as_str().unwrap().contains(" pid="), "{alert}");
    // The capture is 16 seconds long.
    let part = printed(&["-c", &config.path, "-M", "3"]);
    assert!(text(&out.stdout).starts_with(&part) && (1..185).contains(&part.lines().count()), "{part}");
}

#[test]
fn a_dry_run_loads_everything_and_processes_nothing() {
    let (config, _rules) = replaying();
    assert_eq!(printed(&["-c", &config.path, "--dry-run"]), "");
    let wrong = TempFile::new(
        "wrong.yaml",
        "- rule: r\n  desc: d\n  condition: evt.type=open and nosuch\n  output: o\n  priority: INFO\n",
    );
    let stderr = refused(&["-c", &config.path, "-r", &wrong.path, "--dry-run"]);
    assert!(stderr.contains("Error: ") && stderr.contains("Undefined macro 'nosuch'"), "{stderr}");
    assert!(
        refused(&["-c", &config.path, "-o", "append_output[].extra_output=%nosuch", "--dry-run"])
            .contains("nosuch")
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_places() {
    let (config, rules) = replaying();
    let wrong = TempFile::new("falco.yaml", "json_output: maybe\nrules_files:\n  - [a]\n");
    let stderr = refused(&["-c", &wrong.path]).replace(&format!("{}/", wrong.dir.display()), "");
    insta::assert_snapshot!(stderr, @r"
    Error: falco.yaml:1:14: json_output: expected true or false, got 'maybe'
    falco.yaml:3:5: rules_files[0]: expected a text, got a sequence
    ");
    assert!(refused(&["-c", "/nonexistent.yaml"]).starts_with("Error: /nonexistent.yaml: "));
    assert!(refused(&["-c", &config.path, "-o", "json_ouptut=true"]).contains("did you mean 'json_output'?"));
    assert!(refused(&["-o", "engine.kind=nodriver", "-r", &rules.path]).contains("nodriver"));
    let none = refused(&["-c", &config.path, "-o", "rules_files=/nonexistent"]);
    assert!(none.contains("You must specify at least one rules file"), "{none}");
}

#[test]
fn what_is_not_heeded_is_in_the_log() {
    let (config, _rules) = replaying();
    let more = "webserver: {enabled: no}\nnew_key: 1\n";
    let more = TempFile::new("more.yaml", &(std::fs::read_to_string(&config.path).unwrap() + more));
    let out = falco(&["-c", &more.path, "--dry-run"]);
    let lines = log(&text(&out.stderr), &more);
    let lines: Vec<&str> = lines.lines().filter(|line| line.starts_with("more.yaml:")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"more.yaml:8:1: unknown configuration key 'new_key'");
    let quiet = falco(&["-c", &more.path, "--dry-run", "-o", "log_level=error"]);
    assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(0), String::new()));
}

/// All defaults of the reference in one file: Saker heeds them all.
#[test]
fn a_configuration_of_all_defaults_is_taken_without_a_word() {
    let keys: Value = serde_json::from_slice(&saker(&["config", "--format", "json"]).stdout).unwrap();
    let options: Vec<String> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["default"] != "" && !key["path"].as_str().unwrap().contains('['))
        .map(|key| format!("{}={}", key["path"].as_str().unwrap(), key["default"].as_str().unwrap()))
        .filter(|option| !option.starts_with("rule"))
        .collect();
    assert!(options.len() > 80, "{options:?}");
    let (config, _rules) = replaying();
    let mut args = vec!["-c", &config.path, "--dry-run"];
    options.iter().for_each(|option| args.extend(["-o", option]));
    let out = falco(&args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let told: Vec<String> =
        text(&out.stderr).lines().filter(|line| line.contains("heeded")).map(str::to_owned).collect();
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn rules_are_described() {
    let (config, _rules) = replaying();
    insta::assert_snapshot!(printed(&["-c", &config.path, "-L"]), @r"
    Rule                                               Description
    ----                                               -----------
    Failed open                                        an open that fails 

    Any open                                           any open 

    Off                                                switched off
    ");
    let all = parsed(&["-c", &config.path, "-L", "-o", "json_output=true"]);
    assert_eq!(all["rules"].as_array().map(Vec::len), Some(3));
    assert_eq!(all["required_engine_version"], "0.0.0");
    let one = parsed(&["-c", &config.path, "-l", "Off", "-o", "json_output=true"]);
    assert_eq!(one["rules"][0]["info"]["enabled"], false);
    assert!(one.get("macros").is_none());
    let text = printed(&["-c", &config.path, "-l", "Off"]);
    assert!(text.contains("switched off") && !text.contains("Any open"), "{text}");
    assert!(refused(&["-c", &config.path, "-l", "Nobody"]).contains("Error: Rule \"Nobody\" is not loaded"));
}

#[test]
fn rule_files_are_validated() {
    let good = TempFile::new("good.yaml", RULES);
    let warned = TempFile::new("warned.yaml", "- macro: m\n  condition: proc.name=cat\n");
    let wrong = TempFile::new(
        "wrong.yaml",
        "- rule: r\n  desc: d\n  condition: evt.type=open and nosuch\n  output: o\n  priority: INFO\n",
    );
    assert_eq!(
        printed(&["-V", &good.path, "-V", &warned.path]),
        format!("{}: Ok\n{}: Ok, with warnings\n", good.path, warned.path)
    );
    let out = falco(&["-V", &good.path, "-V", &wrong.path]);
    assert_eq!(out.status.code(), Some(1));
    let stdout = text(&out.stdout).replace(&good.path, "good.yaml").replace(&wrong.path, "wrong.yaml");
    insta::assert_snapshot!(stdout, @r#"
    good.yaml: Ok
    wrong.yaml: Invalid
    1 Errors:
    In rules content: (wrong.yaml:0:0)
        rule 'r': (wrong.yaml:0:2)
        condition expression: ("evt.type=open and...":1:21)
    ------
    evt.type=open and nosuch
                      ^
    ------
    LOAD_ERR_VALIDATE (Error validating rule/macro/list/exception objects): Undefined macro 'nosuch' used in filter.
    "#);
    let json = falco(&["-V", &wrong.path, "-o", "json_output=true"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["falco_load_results"][0]["errors"][0]["code"], "LOAD_ERR_VALIDATE");
    assert!(json.get("falco_describe_results").is_none());
    let json = parsed(&["-V", &good.path, "-L", "-o", "json_output=true"]);
    assert_eq!(json["falco_describe_results"]["rules"][1]["info"]["name"], "Any open");
}

#[test]
fn versions_are_those_that_tools_look_for() {
    insta::assert_snapshot!(printed(&["--version"]).replace(concat!("Saker version: ", env!("CARGO_PKG_VERSION")), "Saker version: X"), @r"
    Falco version: 0.44.1
    Libs version:  0.25.4
    Plugin API:    3.12.0
    Engine:        0.62.0
    Driver:
      API version:    10.1.0
      Schema version: 4.5.1
      Default driver: 10.2.0+driver
    Saker version: X
    ");
    let versions = parsed(&["--version", "-o", "json_output=true"]);
    for (key, value) in
        [("falco_version", "0.44.1"), ("engine_version", "62"), ("engine_version_semver", "0.62.0")]
    {
        assert_eq!(versions[key], value, "{versions}");
    }
    assert_eq!(versions["plugin_versions"]["container"], "0.7.1");
}

#[test]
fn support_is_one_object() {
    let (config, rules) = replaying();
    let support = parsed(&["-c", &config.path, "--support"]);
    assert_eq!(support["engine_info"]["falco_version"], support["version"]);
    assert_eq!(support["system_info"]["sysname"], "Linux");
    assert_eq!(support["config"], std::fs::read_to_string(&config.path).unwrap());
    assert_eq!(support["rules_files"][0]["name"], rules.path.as_str());
    assert_eq!(support["rules_files"][0]["variants"][0]["content"], RULES);
    assert_eq!(support["rules_files"].as_array().map(Vec::len), Some(1));
}

#[test]
fn references_are_in_falcos_forms() {
    let fields = printed(&["--list"]);
    assert!(fields.contains("Field Class:                  process\n"), "{fields}");
    let line = fields.lines().find(|line| line.starts_with("proc.name ")).unwrap();
    insta::assert_snapshot!(line, @"proc.name                     Name of the process (its comm: at most 15 bytes).");
    assert!(printed(&["--list=syscall", "-v"]).contains("(Type: CHARBUF)"));
    let names = printed(&["--list", "-N"]);
    let names: BTreeSet<&str> = names.lines().collect();
    assert!(names.contains("fd.name") && names.contains("container.id") && names.len() > 200);
    assert!(!printed(&["--list", "-N", "-o", "saker.builtin_plugins=[]"]).contains("container.id"));
    assert!(printed(&["--list", "--markdown"]).contains("## Field Class: fd\n"));
    let json = parsed(&["--list", "--format", "json"]);
    assert_eq!(json["fieldclasses"][0]["event_sources"][0], "syscall");
    assert!(refused(&["--list=k8s_audit"]).contains("Error: Value for --list must be a valid source type"));

    let events = printed(&["--list-events"]);
    for line in [
        "## Metaevents",
        "< close(ERRNO **res**, FD **fd**)",
        "< getpid(SYSCALLID **ID**, UINT16 **nativeID**)",
    ] {
        assert!(events.contains(line), "{line}");
    }
    let rows = printed(&["--list-events", "--format", "markdown"]);
    assert!(rows.contains("Yes | `<` | `close` | ERRNO **res**, FD **fd**\n"), "{rows}");
    let json = parsed(&["--list-events", "--format", "json"]);
    assert_eq!(
        json["Syscall events"].as_array().map(Vec::len),
        Some(events.split("## ").nth(1).unwrap().lines().count() - 3)
    );

    assert!(printed(&["--list-plugins"]).starts_with("1 Plugins Loaded:\n\nName: container\n"));
    assert!(printed(&["--plugin-info", "container"]).contains("Version: 0.7.1\n"));
    assert!(refused(&["--plugin-info", "json"]).contains("can't find plugin"));
    assert!(printed(&["-i"]).starts_with("Ignored Event(s):"));
    assert!(text(&falco(&["--page-size"]).stderr).contains("Your system page size is: "));
}

#[test]
fn schemas_are_json_schemas() {
    let config = parsed(&["--config-schema"]);
    assert_eq!(config["properties"]["webserver"]["properties"]["listen_port"]["type"], "integer");
    assert_eq!(config, serde_json::from_slice::<Value>(&saker(&["config", "--schema"]).stdout).unwrap());
    let rules = parsed(&["--rule-schema"]);
    assert_eq!(rules["items"]["properties"]["override"]["minProperties"], 1);
    assert!(rules["$schema"].as_str().unwrap().contains("draft-06"));
}

#[test]
fn sources_are_checked() {
    let rules = TempFile::new("rules.yaml", RULES);
    for (options, error) in [
        (
            &["--enable-source", "syscall", "--disable-source", "syscall"][..],
            "You can not mix --enable-source and --disable-source",
        ),
        (&["--enable-source", "k8s_audit"], "Attempted enabling an unknown event source: k8s_audit"),
        (&["--disable-source", "k8s_audit"], "Attempted disabling an unknown event source: k8s_audit"),
        (&["--disable-source", "syscall"], "Must enable at least one event source"),
    ] {
        let stderr = refused(&[&["-r", &rules.path][..], options].concat());
        assert!(stderr.ends_with(&format!("Error: {error}\n")), "{stderr}");
    }
    printed(&["-r", &rules.path, "--enable-source", "syscall", "--dry-run"]);
    // A replay does not ask.
    let (config, _rules) = replaying();
    printed(&["-c", &config.path, "--disable-source", "syscall", "--dry-run"]);
}

#[test]
fn the_pid_file_is_there_while_it_runs() {
    let (config, _rules) = replaying();
    let file = TempFile::new("falco.pid", "stale");
    printed(&["-c", &config.path, "-P", &file.path]);
    assert!(!std::path::Path::new(&file.path).exists());
    assert!(
        refused(&["-c", &config.path, "-P", "/nonexistent/falco.pid"]).contains("/nonexistent/falco.pid")
    );
}
