//! The eBPF driver: what its build refuses, and a command traced on the kernel that runs, in a cgroup of its own. Where the kernel or the
//! user does not permit eBPF the tests of the second kind say so and pass.

#[path = "../../agent/build/ebpf.rs"]
mod build;
#[path = "../../agent/build/gate.rs"]
mod gate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Builds a program for an architecture as the agent's build does; `None`, and says so, where the standard library's source is missing.
fn built(arch: &str, program: &str, name: &str) -> Option<Vec<u8>> {
    let out = tempfile::tempdir().expect("a folder");
    let cache = PathBuf::from(env::var_os("SAKER_CACHE").unwrap_or_else(|| "/var/cache/saker".into()));
    let build = build::Build {
        rustc: env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()).into(),
        root: ROOT.into(),
        out: out.path().into(),
        cache,
        arch: arch.into(),
    };
    let sysroot = build.sysroot().inspect_err(|missing| eprintln!("not tried: {missing}")).ok()?;
    let object = build.object(&sysroot, &Path::new(ROOT).join(program), name).expect("it can be built");
    Some(fs::read(object).expect("the object"))
}

#[test]
fn the_build_refuses_what_can_panic() {
    let Some(object) = built(env::consts::ARCH, "tests/ebpf/programs/division.rs", "division") else {
        return;
    };
    let faults = gate::faults(&object);
    let blamed = |function: &str| {
        faults.iter().any(|fault| fault.starts_with(function) && fault.ends_with("can panic"))
    };
    assert!(blamed("divides ") && blamed("indexes "), "{faults:#?}");
    assert!(!blamed("is_careful "), "{faults:#?}");
    assert_eq!(gate::faults(b"text"), ["no object file: Could not read file magic"]);
}

/// That of this machine the agent's own build makes.
#[test]
fn the_probe_can_be_built_for_the_other_architecture() {
    let other = if env::consts::ARCH == "x86_64" { "aarch64" } else { "x86_64" };
    let Some(object) = built(other, "ebpf/src/main.rs", "saker_ebpf") else { return };
    let faults = gate::faults(&object);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Rules that answer to what `traced` runs, wherever it runs.
const RULES: &str = r#"
- rule: Marked file opened
  desc: The file that the test marks is opened.
  condition: evt.type in (open, openat, openat2) and fd.name endswith marked-by-the-test
  output: opened %fd.name by %proc.name below %proc.pname, %evt.arg.flags
  priority: WARNING
- rule: Marked program run
  desc: A program is executed with the argument that the test marks.
  condition: evt.type in (execve, execveat) and evt.res = SUCCESS and proc.args contains marked-by-the-test
  output: run %proc.exepath %proc.args
  priority: NOTICE
"#;

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("rules.yaml"), RULES).expect("a file");
        fs::write(folder.path().join("marked-by-the-test"), "content").expect("a file");
        Scene { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn trace(&self, command: &[&str]) -> Output {
        let mut saker = Command::new(env!("CARGO_BIN_EXE_saker"));
        saker.args(["trace", "--driver", "ebpf", "-r", &self.path("rules.yaml"), "--"]).args(command);
        saker.output().expect("the program starts")
    }
}

/// Why eBPF is not to be had here, if so.
fn refused(output: &Output) -> Option<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let known = ["the kernel refuses eBPF", "was built without the eBPF driver", "BTF", "tracefs", "cgroup"];
    let line = errors.lines().rfind(|line| line.starts_with("Error: ") || line.starts_with("saker: "))?;
    (output.status.code() == Some(125) && known.iter().any(|reason| line.contains(reason)))
        .then(|| line.to_owned())
}

#[test]
fn a_command_is_traced_and_nothing_else() {
    let scene = Scene::new();
    let marked = scene.path("marked-by-the-test");
    // Somebody else does the same the whole time.
    let mut other = Command::new("sh")
        .args(["-c", "while :; do cat \"$0\"; done", &marked])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let script = "/bin/cat \"$0\"; exit 7";
    let output = scene.trace(&["sh", "-c", script, &marked]);
    other.kill().unwrap();
    other.wait().unwrap();
    if let Some(reason) = refused(&output) {
        return eprintln!("not tried: {reason}");
    }
    let (alerts, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(7), "the command's status\n{errors}");
    let opened: Vec<_> = alerts.lines().filter(|line| line.contains("Warning opened")).collect();
    assert_eq!(opened.len(), 1, "{alerts}\n{errors}");
    assert!(opened[0].ends_with(&format!("opened {marked} by cat below sh, O_RDONLY")), "{alerts}");
    let run = format!("run /usr/bin/cat {marked}");
    let run_unmerged = format!("run /bin/cat {marked}");
    assert!(alerts.contains(&run) || alerts.contains(&run_unmerged), "{alerts}");
    assert!(alerts.contains("content"), "the command's own output");
    assert!(errors.contains("lost: 0"), "{errors}");
}

#[test]
fn a_command_that_cannot_be_run_has_a_status_of_its_own() {
    let scene = Scene::new();
    let output = scene.trace(&["/nowhere/at all"]);
    if let Some(reason) = refused(&output) {
        return eprintln!("not tried: {reason}");
    }
    assert_eq!(output.status.code(), Some(127));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("/nowhere/at all: No such file or directory"), "{errors}");
}
