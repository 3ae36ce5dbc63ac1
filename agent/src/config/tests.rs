//! The configuration as a whole: files, options, defaults, and what is said about them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn config(options: &[&str]) -> Result<Config, String> {
    let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
    Config::from_options(&options).map_err(|error| error.to_string())
}

/// A directory of its own, removed at the end. Messages are shortened to the names of the files in it.
struct Directory(PathBuf);

impl Directory {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Of one length, so that columns in messages are the same in every run.
        let name = format!("saker-config-{:07}-{number:03}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("$DIR", directory.to_str().unwrap())).unwrap();
        }
        Directory(directory)
    }

    fn load(&self, options: &[&str]) -> Result<Loaded, String> {
        let options: Vec<String> =
            options.iter().map(|option| option.replace("$DIR", self.0.to_str().unwrap())).collect();
        load(Some(&self.0.join("main.yaml")), &options).map_err(|error| self.shorten(&error.to_string()))
    }

    fn shorten(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.display()), "")
    }

    /// What is said about a configuration that is taken.
    fn warnings(&self, options: &[&str]) -> String {
        self.shorten(&self.load(options).unwrap().warnings.join("\n"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn one(text: &str) -> Directory {
    Directory::new(&[("main.yaml", text)])
}

#[test]
fn options_set_keys_in_order() {
    let config = config(&[
        "rule_matching=all",
        "priority=Info",
        "json_output=true",
        "json_include_tags_property=False",
        "rules[].disable.rule=*",
        "rules[].enable.tag=a",
        "saker.builtin_plugins=[]",
        "static_fields.site=lab",
    ])
    .unwrap();
    assert_eq!(config.rule_matching, RuleMatching::All);
    assert_eq!(config.priority, Priority::Informational);
    assert!(config.json_output && !config.json_include_tags_property && config.json_include_output_property);
    assert_eq!(
        config.rules,
        [
            RuleSelection { enable: false, rule: Some("*".into()), tag: None },
            RuleSelection { enable: true, rule: None, tag: Some("a".into()) },
        ]
    );
    assert!(!config.has_plugin(CONTAINER));
    assert_eq!(config.static_fields.get("site").map(String::as_str), Some("lab"));
}

#[test]
fn append_output_is_read() {
    let config = config(&[
        "append_output[0].match.source=syscall",
        "append_output[0].match.tags[0]=alpha",
        "append_output[0].extra_output=(extra %proc.pid %evt.type)",
        "append_output[0].extra_fields[0]=evt.type",
        "append_output[0].extra_fields[1].myproc=%proc.name/%proc.pid",
        "append_output[1].suggested_output=true",
    ])
    .unwrap();
    assert_eq!(
        config.append_output,
        [
            AppendOutput {
                source: Some("syscall".into()),
                tags: BTreeSet::from(["alpha".into()]),
                extra_output: Some("(extra %proc.pid %evt.type)".into()),
                extra_fields: vec![
                    ExtraField::Raw("evt.type".into()),
                    ExtraField::Formatted { key: "myproc".into(), format: "%proc.name/%proc.pid".into() },
                ],
                ..AppendOutput::default()
            },
            AppendOutput { suggested_output: true, ..AppendOutput::default() },
        ]
    );
}

#[test]
fn mistakes_name_the_key() {
    let errors: Vec<String> = [
        "json_output",
        "json_ouptut=true",
        "nonsense=1",
        "json_output=maybe",
        "priority=urgent",
        "rule_matching=some",
        "rules[0]=x",
        "rules[0]={}",
        "rules[].disable.name=x",
        "a..b=1",
        "append_output=[{match: 3}]",
        "append_output[0].extra_fields=[a: b, a: c]",
        "append_output=[{]",
        "saker.builtin_plugins=[krsi]",
        "saker.colour=blue",
        "webserver.listen_port=99999",
        "webserver.listen_address=localhost",
        "metrics.interval=10ms",
        "syscall_event_drops.actions=[ignore, log]",
        "syscall_event_drops.threshold=1.5",
        "engine.kind=replay",
        "file_output.enabled=on",
        "load_plugins=[k8saudit]",
        "plugins[].name=x",
        "static_fields=[a]",
    ]
    .iter()
    .map(|option| config(&[option]).unwrap_err())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    option 'json_output': expected KEY=VALUE
    option 'json_ouptut=true': unknown configuration key 'json_ouptut' (did you mean 'json_output'?)
    option 'nonsense=1': unknown configuration key 'nonsense'
    option 'json_output=maybe': json_output: expected true or false, got 'maybe'
    option 'priority=urgent': priority: expected one of emergency, alert, critical, error, warning, notice, info, informational, debug, got 'urgent'
    option 'rule_matching=some': rule_matching: expected one of first, all, got 'some'
    option 'rules[0]=x': rules[0]: expected a mapping, got 'x'
    option 'rules[0]={}': rules[0]: expected 'enable' or 'disable'
    option 'rules[].disable.name=x': unknown configuration key 'rules[0].disable.name'
    option 'rules[].disable.name=x': rules[0].disable: expected 'rule' or 'tag'
    option 'a..b=1': expected a name at position 2
    option 'append_output=[{match: 3}]': append_output[0].match: expected a mapping, got '3'
    option 'append_output[0].extra_fields=[a: b, a: c]': append_output[0].extra_fields: 'a' is given twice
    option 'append_output=[{]': while parsing a node, did not find expected node content
    option 'saker.builtin_plugins=[krsi]': saker.builtin_plugins[0]: expected one of container, k8saudit, json, got 'krsi'
    option 'saker.colour=blue': unknown configuration key 'saker.colour'
    option 'webserver.listen_port=99999': webserver.listen_port: expected a whole number from 0 to 65535, got '99999'
    option 'webserver.listen_address=localhost': webserver.listen_address: expected an IP address, got 'localhost'
    option 'metrics.interval=10ms': metrics.interval: the shortest interval is 100ms
    option 'syscall_event_drops.actions=[ignore, log]': syscall_event_drops.actions: 'log' makes no sense together with 'ignore'
    option 'syscall_event_drops.threshold=1.5': syscall_event_drops.threshold: expected a number from 0 to 1, got '1.5'
    option 'engine.kind=replay': no capture is named; set 'engine.replay.capture_file'
    option 'file_output.enabled=on': the file output is on, but no file is named; set 'file_output.filename'
    option 'load_plugins=[k8saudit]': the plugin 'k8saudit' has no entry in 'plugins'
    option 'plugins[].name=x': plugins[0]: 'library_path' is missing
    option 'static_fields=[a]': static_fields: expected a mapping, got a sequence
    ");
}

#[test]
fn all_mistakes_of_a_file_are_told_with_their_places() {
    let directory = one(concat!(
        "json_output: maybe\n",
        "webserver:\n",
        "  enabled: false\n",
        "  listen_port: [1]\n",
        "rules:\n",
        "  - disable: {rule: a}\n",
        "  - enabled: {rule: b}\n",
    ));
    insta::assert_snapshot!(directory.load(&[]).unwrap_err(), @r"
    main.yaml:1:14: json_output: expected true or false, got 'maybe'
    main.yaml:4:16: webserver.listen_port: expected a whole number from 0 to 65535, got a sequence
    main.yaml:7:5: rules[1]: expected 'enable' or 'disable'
    ");
    insta::assert_snapshot!(one("a: [1\n").load(&[]).unwrap_err(), @"main.yaml:2:1: end of sequence flow not found");
    insta::assert_snapshot!(one("- a\n").load(&[]).unwrap_err(), @"main.yaml:1:1: the configuration: expected a mapping, got a sequence");
    let missing = load(Some(Path::new("/nonexistent/saker.yaml")), &[]).unwrap_err();
    insta::assert_snapshot!(missing, @"/nonexistent/saker.yaml: No such file or directory (os error 2)");
}

#[test]
fn what_is_odd_about_a_file_is_told_and_the_file_taken() {
    let directory = one(concat!(
        "# keys of an older Falco, a typo, a key given twice, a variable that is not set\n",
        "grpc: {enabled: false}\n",
        "webserver:\n",
        "  listen_prot: 1\n",
        "listen_port: 2\n",
        "json_output: true\n",
        "json_output: false\n",
        "static_fields: {host: \"${SAKER_NO_SUCH}\", package: \"${CARGO_PKG_NAME}\"}\n",
        "---\n",
        "json_output: false\n",
    ));
    insta::assert_snapshot!(directory.warnings(&[]), @r"
    main.yaml:2:1: unknown configuration key 'grpc'
    main.yaml:4:3: unknown configuration key 'webserver.listen_prot' (did you mean 'webserver.listen_port'?)
    main.yaml:5:1: unknown configuration key 'listen_port' (did you mean 'webserver.listen_port'?)
    main.yaml:7:1: 'json_output' is given twice; the first one counts
    main.yaml:8:23: the variable 'SAKER_NO_SUCH' is not set; nothing stands for it
    main.yaml:10:1: a second document begins here; only the first one counts
    ");
    let config = directory.load(&[]).unwrap().config;
    assert!(config.json_output);
    assert_eq!(config.static_fields["host"], "");
    // Cargo sets this one for every test.
    assert_eq!(config.static_fields["package"], "saker");
}

#[test]
fn what_is_not_heeded_is_told_with_what_happens_instead() {
    let directory = one(concat!(
        "engine: {kind: modern_ebpf, modern_ebpf: {buf_size_preset: 6, cpus_for_each_buffer: 2}}\n",
        "syslog_output: {enabled: true}\n",
        "file_output: {enabled: false, keep_alive: false, filename: ./events.txt}\n",
        "http_output: {enabled: false, url: \"\", insecure: true}\n",
        "base_syscalls: {custom_set: [clone, \"!open\"], repair: false}\n",
        "syscall_event_drops: {actions: [log, exit]}\n",
        "load_plugins: [container]\n",
        "plugins:\n",
        "  - {name: container, library_path: libcontainer.so, init_config: {label_max_len: 100}}\n",
        "  - {name: krsi, library_path: libkrsi.so, init_config: \"\"}\n",
        "metrics: {enabled: true, interval: 15m}\n",
    ));
    insta::assert_snapshot!(directory.warnings(&[]), @r"
    ");
    assert_eq!(directory.load(&[]).unwrap().config.metrics.interval, 900_000);
}

#[test]
fn any_spelling_of_a_scalar_will_do() {
    let directory = one(
        "json_output: 'yes'\nwebserver: {listen_port: \"0x1f90\"}\npriority: NOTICE\nrules_files: one.yaml\nstdout_output:\n",
    );
    let config = directory.load(&[]).unwrap().config;
    assert!(config.json_output && config.stdout_output.enabled);
    assert_eq!((config.webserver.listen_port, config.priority), (8080, Priority::Notice));
    assert_eq!(config.rules_paths(), [PathBuf::from("one.yaml")]);
    assert_eq!(one("").load(&[]).unwrap().config, Config::default());
}

/// Three strategies over the same keys; options come last, those about `config_files` first.
#[test]
fn further_files_are_merged_by_strategy() {
    let further =
        "rules_files: [c.yaml]\npriority: error\nstdout_output: {enabled: false}\nrule_matching: all\n";
    let merged = |strategy: &str, options: &[&str]| {
        let entry = match strategy {
            "" => String::new(),
            "default" => "config_files: [$DIR/further.yaml]\n".to_owned(),
            strategy => format!("config_files: [{{path: $DIR/further.yaml, strategy: {strategy}}}]\n"),
        };
        let main = format!(
            "{entry}rules_files: [a.yaml, b.yaml]\npriority: notice\nwebserver: {{listen_port: 1}}\n"
        );
        let directory = Directory::new(&[("main.yaml", &main), ("further.yaml", further)]);
        let Config { rules_files, priority, stdout_output, rule_matching, webserver, .. } =
            directory.load(options).unwrap().config;
        let files: Vec<_> = rules_files.iter().map(|file| file.display().to_string()).collect();
        format!(
            "{strategy} {options:?}: {files:?} {priority:?} {} {rule_matching:?} {}",
            stdout_output.enabled, webserver.listen_port
        )
    };
    let results = [
        merged("default", &[]),
        merged("append", &[]),
        merged("override", &[]),
        merged("add-only", &[]),
        merged("", &["config_files=$DIR/further.yaml"]),
        merged("default", &["rules_files[]=d.yaml", "priority=alert"]),
    ];
    insta::assert_snapshot!(results.join("\n").replace(&std::env::temp_dir().display().to_string(), ""), @r#"
    default []: ["a.yaml", "b.yaml", "c.yaml"] Error false All 1
    append []: ["a.yaml", "b.yaml", "c.yaml"] Error false All 1
    override []: ["c.yaml"] Error false All 1
    add-only []: ["a.yaml", "b.yaml"] Notice false All 1
     ["config_files=$DIR/further.yaml"]: ["a.yaml", "b.yaml", "c.yaml"] Error false All 1
    default ["rules_files[]=d.yaml", "priority=alert"]: ["a.yaml", "b.yaml", "c.yaml", "d.yaml"] Alert false All 1
    "#);
}

#[test]
fn own_keys_are_merged_one_by_one() {
    let (kmod, ebpf) = (DriverKind::Kmod, DriverKind::Ebpf);
    for (strategy, driver) in [("append", ebpf), ("override", ebpf), ("add-only", kmod)] {
        let main = format!(
            "config_files: [{{path: $DIR/further.yaml, strategy: {strategy}}}]\n\
             saker: {{driver: kmod, journald_output: {{enabled: true}}}}\n"
        );
        let further = "saker: {driver: ebpf, threads: 2}\n";
        let directory = Directory::new(&[("main.yaml", &main), ("further.yaml", further)]);
        let saker = directory.load(&[]).unwrap().config.saker;
        assert!(saker.journald_output.enabled, "{strategy}");
        assert_eq!(saker.driver, Some(driver), "{strategy}");
        assert_eq!(saker.threads, 2, "{strategy}");
    }
}

#[test]
fn directories_are_merged_by_name_and_odd_entries_are_told() {
    let directory = Directory::new(&[
        ("main.yaml", "config_files: [$DIR/config.d, $DIR/missing.d, $DIR/missing.yaml]\npriority: debug\n"),
        ("config.d/20.yaml", "priority: error\n"),
        ("config.d/10.yml", "priority: notice\njson_output: true\n"),
        ("config.d/20.yaml.bak", "priority: alert\n"),
        ("config.d/below/30.yaml", "priority: alert\n"),
    ]);
    let loaded = directory.load(&[]).unwrap();
    assert_eq!((loaded.config.priority, loaded.config.json_output), (Priority::Error, true));
    let files: Vec<_> =
        loaded.files.iter().map(|file| directory.shorten(&file.display().to_string())).collect();
    assert_eq!(files, ["main.yaml", "config.d/10.yml", "config.d/20.yaml"]);
    insta::assert_snapshot!(directory.warnings(&[]), @r"
    main.yaml:1:16: config_files: config.d/20.yaml.bak is neither .yaml nor .yml; it is passed over
    main.yaml:1:97: config_files: missing.yaml does not exist; it is passed over
    ");

    let itself = one("config_files: [$DIR/main.yaml]\n");
    insta::assert_snapshot!(itself.load(&[]).unwrap_err(), @"main.yaml:1:16: config_files: main.yaml cannot include itself");
    let nested = Directory::new(&[
        ("main.yaml", "config_files: [$DIR/a.yaml]\n"),
        ("a.yaml", "priority: info\nconfig_files: []\n"),
    ]);
    insta::assert_snapshot!(nested.load(&[]).unwrap_err(), @"a.yaml:2:1: config_files: a file that is included cannot include others");
}

/// What the table says and what the model holds are the same keys: nothing is missing and nothing is left over.
#[test]
fn the_model_has_every_key_of_the_table() {
    // Every key given, one way or the other; the model denies keys that it does not know.
    let _ = config(&[
        "config_files[0].path=/nonexistent",
        "config_files[0].strategy=override",
        "rules[].enable={rule: a, tag: b}",
        "rules[].disable={rule: a, tag: b}",
        "append_output[0]={match: {source: s, tags: [t], rule: r}, extra_output: o, extra_fields: [a, b: c]}",
        "file_output.filename=f",
        "program_output.program=p",
        "http_output={url: u, ca_cert: c, ca_bundle: b}",
        "engine={kind: replay, replay: {capture_file: c}}",
        "base_syscalls.custom_set=[open]",
        "load_plugins=[container]",
        "plugins=[{name: container, library_path: l, init_config: {a: [b]}, open_params: o}]",
        "metrics.output_file=f",
        "saker.driver=auto",
        "saker.slack_output={url: u, payload: p}",
        "saker.syslog_outputs=[{name: n, url: u, ca_cert: c, client_cert: c, client_key: k}]",
        "saker.webhooks=[{name: n, url: u, payload: p, headers: {a: b}, ca_cert: c, client_cert: c, client_key: k}]",
    ])
    .unwrap();
    for key in keys() {
        assert!(key.doc.ends_with('.'), "{}: no sentence", key.path);
        let other = match key.support {
            Support::With(other) => other,
            _ => continue,
        };
        assert!(keys().any(|key| key.path == other), "{}: there is no '{other}'", key.path);
    }
}

/// A default that asks for something that does not happen would be a lie.
#[test]
fn defaults_are_heeded() {
    let loaded = load(None, &[]).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    for key in keys() {
        let Support::Not { like, .. } = key.support else { continue };
        let heeded = key.default.is_empty() || like.contains(&key.default);
        assert!(heeded, "{}", key.path);
    }
}

#[test]
fn the_first_file_that_exists_is_taken() {
    let directory = Directory::new(&[("b.yaml", ""), ("c.yaml", "")]);
    let path = |name: &str| directory.0.join(name).display().to_string();
    let (a, b, c) = (path("a.yaml"), path("b.yaml"), path("c.yaml"));
    assert_eq!(first_file(&[&a, &b, &c]), Some(PathBuf::from(&b)));
    assert_eq!(first_file(&[&a]), None);
}
