//! `dkms/preflight` and `dkms/rust-metadata`: what they say of kernels and machines on which the module cannot be built.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const RUSTC: &str = "rustc 1.97.1 (8bab26f4f 2026-07-14)";

/// A made-up kernel build directory and a search path that holds only what a test puts there.
struct Machine {
    directory: PathBuf,
}

/// What a script printed, and its status.
struct Said {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Machine {
    /// A machine that has everything; tests take things away. `name` keeps tests that run at once apart.
    fn complete(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preflight").join(name);
        let _ = fs::remove_dir_all(&directory);
        for part in ["bin", "build/include/config", "build/rust", "build/scripts", "cache"] {
            fs::create_dir_all(directory.join(part)).unwrap();
        }
        let machine = Self { directory };
        for tool in [
            "bash", "env", "sed", "awk", "od", "tr", "mktemp", "rm", "dirname", "basename", "readlink",
            "flock", "mkdir",
        ] {
            let found = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool));
            let found = found.iter().find(|path| path.exists()).expect("a coreutils program");
            symlink(found, machine.directory.join("bin").join(tool)).unwrap();
        }
        machine.program("rustc", &format!("echo '{RUSTC}'"));
        machine.program("bindgen", "echo bindgen 0.72.1");
        machine.program("gcc-16", "");
        machine.program("make", "");
        fs::write(machine.directory.join("build/rust/libkernel.rmeta"), "").unwrap();
        machine.configure(&[
            "CONFIG_RUST=y",
            "CONFIG_MODULES=y",
            "CONFIG_TRACEPOINTS=y",
            "CONFIG_HAVE_SYSCALL_TRACEPOINTS=y",
            &format!("CONFIG_RUSTC_VERSION_TEXT=\"{RUSTC}\""),
            "CONFIG_CC_VERSION_TEXT=\"gcc-16 (Debian 16.1.0-1) 16.1.0\"",
        ]);
        machine
    }

    fn configure(&self, lines: &[&str]) {
        fs::write(self.directory.join("build/include/config/auto.conf"), lines.join("\n") + "\n").unwrap();
    }

    /// Puts a shell script into the search path.
    fn program(&self, name: &str, body: &str) {
        let path = self.directory.join("bin").join(name);
        let bash = self.directory.join("bin/bash");
        fs::write(&path, format!("#!{}\n{body}\n", bash.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.directory.join(file)).unwrap();
    }

    fn run(&self, script: &str) -> Said {
        let out = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../dkms").join(script))
            .args(["7.2.12+deb14-cloud-amd64", self.directory.join("build").to_str().unwrap()])
            .env("PATH", self.directory.join("bin"))
            .env("SAKER_CACHE", self.directory.join("cache"))
            .output()
            .expect("the script runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { status: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) }
    }
}

#[test]
fn a_complete_machine_passes_and_nothing_is_made_where_metadata_is_shipped() {
    let machine = Machine::complete("complete");
    let said = machine.run("preflight");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    assert!(
        said.stdout.lines().all(|line| line.starts_with("ok ") || line.starts_with("note ")),
        "{}",
        said.stdout
    );
    let said = machine.run("rust-metadata");
    assert_eq!((said.status, said.stdout + &said.stderr), (Some(0), String::new()));
}

#[test]
fn a_kernel_without_rust_is_never_built_for() {
    let machine = Machine::complete("without-rust");
    machine.configure(&["CONFIG_MODULES=y"]);
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("without CONFIG_RUST") && said.stderr.contains("eBPF"), "{}", said.stderr);
}

#[test]
fn everything_that_is_missing_is_named_at_once_with_its_remedy() {
    let machine = Machine::complete("missing");
    for file in ["bin/rustc", "bin/bindgen", "bin/gcc-16", "bin/make", "build/rust/libkernel.rmeta"] {
        machine.remove(file);
    }
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(1));
    let lines: Vec<&str> = said.stderr.lines().collect();
    let missing: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("missing  ")).collect();
    let wanted = [
        "the compiler",
        "the kernel's C compiler, gcc-16",
        "make",
        "bindgen",
        "the source of Rust",
        "the kernel's Rust metadata",
    ];
    assert_eq!(missing.len(), wanted.len(), "{}", said.stderr);
    for (line, wanted) in missing.iter().zip(wanted) {
        assert!(line.starts_with(wanted), "'{line}' does not name {wanted}");
    }
    for pair in lines.chunks(2) {
        assert!(pair[1].contains("install"), "no remedy: {pair:?}");
    }
    // Nothing is built on such a machine.
    let said = machine.run("rust-metadata");
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("missing  bindgen"), "{}", said.stderr);
}

#[test]
fn without_headers_there_is_nothing_to_look_at() {
    let machine = Machine::complete("without-headers");
    machine.remove("build/include/config/auto.conf");
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(1));
    assert!(
        said.stderr.starts_with("missing  the headers of kernel 7.2.12+deb14-cloud-amd64"),
        "{}",
        said.stderr
    );
}

#[test]
fn another_rustc_of_the_same_version_is_refused() {
    let machine = Machine::complete("another-rustc");
    machine.program("rustc", "echo 'rustc 1.97.1 (ffffffff0 2026-07-14)'");
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains(RUSTC) && said.stderr.contains("ffffffff0"), "{}", said.stderr);
}

#[test]
fn a_bindgen_that_cannot_load_libclang_is_missing_libclang() {
    let machine = Machine::complete("without-libclang");
    machine.program("bindgen", "[ \"$1\" = --version ] && echo bindgen 0.72.1");
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.starts_with("missing  libclang"), "{}", said.stderr);
}

#[test]
fn source_of_another_point_release_is_refused() {
    let machine = Machine::complete("another-source");
    machine.remove("build/rust/libkernel.rmeta");
    machine.program("dpkg-query", "case $4 in linux-headers-*) echo 7.2.12-1 ;; *) echo 7.2.11-1 ;; esac");
    let said = machine.run("preflight");
    assert_eq!(said.status, Some(1));
    let wanted = "the headers are 7.2.12-1, linux-source-7.2 is 7.2.11-1";
    assert!(said.stderr.contains(wanted), "{}", said.stderr);
}
