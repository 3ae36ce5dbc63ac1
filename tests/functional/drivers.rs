//! Which driver is taken, and what is said where none can be: an ordinary user, a seccomp filter, a kernel without types.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::text;

/// Whether this machine lets the tests detect live: with eBPF, and as root. Everything that starts a driver records only what it
/// started itself.
pub(crate) fn can_trace() -> bool {
    let built =
        !text(&trace(&mut saker(), &["--driver", "ebpf"]).stderr).contains("built without the eBPF driver");
    let root = nix::unistd::geteuid().is_root();
    let types = Path::new("/sys/kernel/btf/vmlinux").exists();
    let capabilities =
        Command::new("setpriv").arg("--dump").output().map(|out| text(&out.stdout)).unwrap_or_default();
    let allowed = capabilities.contains("perfmon") && capabilities.contains("bpf");
    if !(built && root && types && allowed) {
        eprintln!("skipped: live detection is not possible here");
    }
    built && root && types && allowed
}

fn saker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_saker"))
}

/// Traces a command that does nothing, under the rules that come with us.
fn trace(saker: &mut Command, more: &[&str]) -> Output {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/execution");
    saker.args(["trace", "-r", rules]).args(more).args(["--", "true"]).output().unwrap()
}

/// `saker`, run by somebody who may nothing. The binary is copied to where they can reach it.
fn as_nobody(directory: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return saker();
    }
    let copy = directory.join("saker");
    std::fs::copy(env!("CARGO_BIN_EXE_saker"), &copy).unwrap();
    for path in [directory, copy.as_path()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]).arg(copy);
    command.current_dir("/");
    command
}

#[test]
fn without_privileges_it_says_what_would_help() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.yaml");
    std::fs::write(
        &rules,
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n",
    )
    .unwrap();
    let mut nobody = as_nobody(directory.path());
    nobody.args(["trace", "-r"]).arg(&rules).args(["--", "true"]);
    let out = nobody.output().unwrap();
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.contains("no driver can be used here") && said.contains("saker replay"), "{said}");
    assert!(said.contains("run it as root") || said.contains("built without the eBPF driver"), "{said}");

    let out = as_nobody(directory.path()).args(["doctor", "--format", "json"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let host = report["host"].as_array().unwrap();
    let permissions = host.iter().find(|check| check["check"] == "permissions").unwrap();
    assert_eq!((&permissions["verdict"], &report["well"]), (&"fail".into(), &false.into()));
    assert!(report["driver"]["error"].as_str().unwrap().contains("no driver can be used here"));
}

#[test]
fn a_kernel_without_types_is_told_so() {
    if !can_trace() {
        return;
    }
    let out = trace(saker().env("SAKER_BTF", "/nonexistent/btf"), &["--driver", "ebpf"]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.contains("/nonexistent/btf") && said.contains("CONFIG_DEBUG_INFO_BTF"), "{said}");
    let out = trace(saker().env("SAKER_BTF", "/etc/passwd"), &["--driver", "ebpf"]);
    assert!(text(&out.stderr).contains("/etc/passwd is no BTF"), "{}", text(&out.stderr));
}

/// `prctl` with a filter that refuses `bpf()`, then the program: as a container's default profile does.
#[cfg(target_arch = "x86_64")]
const FILTERED: &str = r#"
    my $filter = pack("SCCL" x 4, 0x20,0,0,0, 0x15,0,1,321, 0x06,0,0,0x50001, 0x06,0,0,0x7fff0000);
    my $program = pack("S x6 P", 4, $filter);
    syscall(157, 22, 2, $program) == 0 or die "seccomp: $!";
    exec @ARGV or die "exec: $!";
"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn a_seccomp_filter_is_named() {
    if !can_trace() {
        return;
    }
    let out = trace(
        Command::new("perl").args(["-e", FILTERED, env!("CARGO_BIN_EXE_saker")]),
        &["--driver", "ebpf"],
    );
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.contains("seccomp=unconfined"), "{said}");
}

#[test]
fn the_module_alone_is_refused_where_it_is_not() {
    if Path::new("/dev/saker").exists() || Path::new("/sys/module/saker").exists() {
        return;
    }
    let out = trace(&mut saker(), &["--driver", "kmod"]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(125), "{said}");
    assert!(said.starts_with("saker: ") && said.contains("module"), "{said}");
}

#[test]
fn the_choice_of_ebpf_is_told_with_its_reason() {
    if !can_trace() || Path::new("/dev/saker").exists() {
        return;
    }
    let out = trace(&mut saker(), &[]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("taking eBPF: "), "{said}");
}
