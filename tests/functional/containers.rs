//! Containers live: a cgroup that is named as Docker names a container's, and an engine on a unix socket that tells of it late, or not
//! at all. Needs what a live trace needs, and says so where it cannot run.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// The end of each container's id. What stands before it differs between the tests, which may run at the same time.
const ID_TAIL: &str = "6ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

const RULES: &str = "\
- rule: Shell in container
  desc: The first rule of all.
  condition: evt.type = execve and evt.failed = false and container.id != host and proc.name = marked
  output: told %container.id %container.name %container.image.repository %saker.container.incomplete %proc.pname
  priority: WARNING
- rule: Unknown image
  desc: What is not known yet is not wrong.
  condition: >
    evt.type = execve and evt.failed = false and container.id != host and proc.name = marked
    and not container.image.repository in (fedora)
  output: other %container.image.repository
  priority: WARNING
";

/// Makes a cgroup as of a container below its own, runs a program in it and removes the cgroup.
const CONTAINER: &str = "set -e
# The hierarchy that is followed: version 2, or that of a controller which is still of version 1.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
else
    own=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
fi
box=$own/docker-ID.scope
mkdir $box
sh -c \"echo \\$\\$ >$box/cgroup.procs; exec ./marked -c :\" || status=$?
rmdir $box
exit ${status:-0}
";

/// Docker, which takes `delay` for each answer.
fn docker(socket: &Path, id: String, delay: Duration) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, id) = (stream.unwrap(), id.clone());
            thread::spawn(move || {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).unwrap_or(0);
                let path =
                    String::from_utf8_lossy(&request[..read]).split(' ').nth(1).unwrap_or("").to_owned();
                let answer = if path.starts_with(&format!("/containers/{id}")) {
                    format!(
                        r#"{{"Id":"{id}","Name":"/web","Image":"sha256:1","Config":{{"Image":"fedora:38"}}}}"#
                    )
                } else if path.starts_with("/images/") {
                    r#"{"RepoTags":["fedora:38"]}"#.to_owned()
                } else if path.starts_with("/events") {
                    thread::sleep(Duration::from_secs(60));
                    return;
                } else {
                    "[]".to_owned()
                };
                thread::sleep(delay);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                let _ = stream.write_all(format!("{head}{answer}").as_bytes());
            });
        }
    });
}

/// Traces a program in a container whose id begins so; `None` where nothing can be traced.
fn trace(id: &str, delay: Duration, wait: u32, threads: u32) -> Option<String> {
    let id = format!("{id}{ID_TAIL}");
    let cgroups =
        ["cgroup.controllers", "memory"].iter().any(|one| Path::new("/sys/fs/cgroup").join(one).exists());
    if !cgroups || !is_root() {
        eprintln!("containers: not root, or no cgroups: not tried");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    docker(&file("docker.sock"), id.clone(), delay);
    std::fs::write(file("rules.yaml"), RULES).unwrap();
    std::fs::write(file("container"), CONTAINER.replace("ID", &id)).unwrap();
    std::fs::copy("/bin/sh", file("marked")).unwrap();
    let plugin = format!(
        "plugins=[{{name: container, library_path: l, init_config: {{engines: {{docker: {{enabled: true, sockets: ['{}']}}}}}}}}]",
        file("docker.sock").display()
    );
    let output = Command::new(env!("CARGO_BIN_EXE_saker"))
        .current_dir(directory.path())
        .args(["trace", "-r", "rules.yaml", "--rule-matching", "all", "--threads", &threads.to_string()])
        .args(["-o", &plugin, "-o", &format!("saker.containers.wait_ms={wait}")])
        .args(["--", "sh", "container"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(125) {
        eprintln!("containers: nothing can be traced here: {err}");
        return None;
    }
    assert!(output.status.success(), "{out}\n{err}");
    Some(format!("{out}"))
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

/// The alert waits for the engine: it has name and image, and nothing is taken for another image.
#[test]
fn an_alert_waits_for_what_the_engine_says() {
    for threads in [1, 3] {
        let Some(out) = trace("3ad7b2", Duration::from_millis(200), 60_000, threads) else { return };
        assert!(out.contains("told 3ad7b26ded6d web fedora false sh"), "{out}");
        assert!(!out.contains("other"), "{out}");
    }
}

/// An engine that does not answer costs a bounded time, and the alert says what it lacks.
#[test]
fn an_alert_that_must_go_without_says_so() {
    let Some(out) = trace("5c0d1e", Duration::from_secs(120), 100, 1) else { return };
    assert!(out.contains("told 5c0d1e6ded6d <NA> <NA> true sh"), "{out}");
}
