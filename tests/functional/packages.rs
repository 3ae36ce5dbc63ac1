//! The packages: what is in them, and that installing, upgrading and removing them keeps what is the operator's. They are installed
//! into a root of their own, never on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::text;

/// The packages of a version, made of a program that stands for the agent.
struct Packages {
    directory: tempfile::TempDir,
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn run(command: &mut Command) -> Output {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}{}", text(&out.stdout), text(&out.stderr));
    out
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Packages {
    fn new(version: &str) -> Packages {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::write(&program, format!("#!/bin/sh\necho {version}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        run(Command::new(repository().join("scripts/package"))
            .args(["--version", version, "--binary"])
            .arg(&program)
            .arg(directory.path())
            .env("SAKER_PACKAGE_COMPRESSION", "none"));
        Packages { directory }
    }

    /// The file of a package.
    fn file(&self, name: &str) -> PathBuf {
        let start = format!("{name}_");
        let mut files = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&start)).unwrap()
    }

    /// What is in a package, unpacked.
    fn unpack(&self, name: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        run(Command::new("dpkg-deb").arg("-x").arg(self.file(name)).arg(root.path()));
        root
    }

    fn field(&self, name: &str, field: &str) -> String {
        text(&run(Command::new("dpkg-deb").arg("-f").arg(self.file(name)).arg(field)).stdout)
            .trim()
            .to_owned()
    }
}

/// The shipped configuration is taken without a word, and the shipped rules load with it.
#[test]
fn the_shipped_configuration_and_rules_load() {
    if !has("dpkg-deb") {
        return eprintln!("skipped: there is no dpkg-deb");
    }
    let packages = Packages::new("1.0");
    let root = packages.unpack("saker");
    let config = root.path().join("etc/saker/saker.yaml");
    let here = root.path().display().to_string();
    let moved = fs::read_to_string(&config).unwrap().replace("/usr/share", &format!("{here}/usr/share"));
    fs::write(&config, moved.replace("/etc/saker", &format!("{here}/etc/saker"))).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["falco", "--dry-run", "-c", config.to_str().unwrap()])
        .output()
        .unwrap();
    let stderr = text(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("heeded") && !stderr.contains("unknown"), "{stderr}");
    let loaded = stderr.lines().filter(|line| line.contains("Loading rules from file")).count();
    assert!(loaded > 20, "{loaded} rule files: {stderr}");
    let rules = root.path().join("usr/share/saker/rules");
    let tests = run(Command::new("find").arg(&rules).args(["-name", "*.test.yaml"]));
    assert_eq!(text(&tests.stdout), "", "tests of rules are not shipped");
}

#[test]
fn packages_say_what_they_stand_for() {
    if !has("dpkg-deb") {
        return eprintln!("skipped: there is no dpkg-deb");
    }
    let packages = Packages::new("1.0");
    assert_eq!(packages.field("saker-falco", "Conflicts"), "falco");
    assert_eq!(packages.field("saker-falco", "Provides"), "falco");
    assert_eq!(packages.field("saker-falco", "Depends"), "saker (= 1.0)");
    assert_eq!(packages.field("saker", "Conflicts") + &packages.field("saker-dkms", "Conflicts"), "");
    let falco = packages.unpack("saker-falco");
    assert_eq!(fs::read_link(falco.path().join("usr/bin/falco")).unwrap(), Path::new("saker"));
    assert!(falco.path().join("usr/lib/systemd/system/falco.service").is_file());
    let dkms = packages.unpack("saker-dkms");
    let source = dkms.path().join("usr/src/saker-1.0");
    let conf = fs::read_to_string(source.join("dkms.conf")).unwrap();
    assert!(conf.contains("PACKAGE_VERSION=\"1.0\""), "{conf}");
    for file in ["kmod/Kbuild", "kmod/saker.rs", "probe/src/lib.rs", "dkms/preflight", "dkms/rust-metadata"] {
        assert!(source.join(file).is_file(), "{file}");
    }
}

/// A root with the packages of a version installed, and dpkg's memory of it.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Root {
        let root = tempfile::tempdir().unwrap();
        for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        Root(root)
    }

    fn dpkg(&self, arguments: &[&std::ffi::OsStr]) {
        // Its scripts see DPKG_ROOT and leave the services of this machine alone.
        run(Command::new("dpkg")
            .arg(format!("--root={}", self.0.path().display()))
            .args(["--force-script-chrootless", "--force-depends", "--force-confold", "--force-not-root"])
            .args(["--log=/dev/null", "--no-triggers"])
            .args(arguments));
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.0.path().join(path)).ok()
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.path().join(path), text).unwrap();
    }
}

#[test]
fn upgrades_and_removal_keep_what_is_the_operators() {
    if !has("dpkg") || !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: needs dpkg and root");
    }
    let (old, new) = (Packages::new("1.0"), Packages::new("1.1"));
    let root = Root::new();
    root.dpkg(&["-i".as_ref(), old.file("saker").as_os_str()]);
    assert_eq!(root.read("usr/bin/saker").unwrap(), "#!/bin/sh\necho 1.0\n");
    let mode = |path: &str| fs::metadata(root.0.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("etc/saker/saker.yaml"), mode("etc/saker/rules.d")), (0o640, 0o750));

    root.write("etc/saker/saker.yaml", "priority: error\n");
    root.write("etc/saker/rules.d/local.yaml", "# mine\n");
    root.write("usr/share/saker/rules/_shared.yaml", "# changed by mistake\n");
    root.dpkg(&["-i".as_ref(), new.file("saker").as_os_str()]);
    assert_eq!(root.read("usr/bin/saker").unwrap(), "#!/bin/sh\necho 1.1\n");
    assert_eq!(root.read("etc/saker/saker.yaml").unwrap(), "priority: error\n");
    assert_eq!(root.read("etc/saker/rules.d/local.yaml").unwrap(), "# mine\n");
    assert_ne!(root.read("usr/share/saker/rules/_shared.yaml").unwrap(), "# changed by mistake\n");

    fs::create_dir_all(root.0.path().join("var/lib/saker/spool")).unwrap();
    root.dpkg(&["-r".as_ref(), "saker".as_ref()]);
    assert!(root.read("usr/bin/saker").is_none() && root.read("etc/saker/saker.yaml").is_some());
    root.dpkg(&["-P".as_ref(), "saker".as_ref()]);
    assert!(root.read("etc/saker/saker.yaml").is_none());
    assert_eq!(
        root.read("etc/saker/rules.d/local.yaml").unwrap(),
        "# mine\n",
        "local rules are the operator's"
    );
    assert!(!root.0.path().join("var/lib/saker").exists());
}

/// What systemd says of the units: no mistakes, and how much they expose.
#[test]
fn the_units_are_sound_and_hardened() {
    if !has("systemd-analyze") || !has("dpkg-deb") {
        return eprintln!("skipped: there is no systemd-analyze");
    }
    let root = Packages::new("1.0").unpack("saker");
    for unit in ["saker.service", "falco.service"] {
        let path = repository().join("packaging").join(unit);
        let out = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
        let said = text(&out.stderr);
        // The program is not installed here.
        let mistakes: Vec<&str> = said
            .lines()
            .filter(|line| line.contains(unit) && !line.contains("is not executable: No such file"))
            .collect();
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let out = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=45", "--no-pager"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(out.status.success(), "{unit} exposes too much: {}", text(&out.stdout));
    }
    assert!(root.path().join("usr/lib/systemd/system/saker.service").is_file());
}
