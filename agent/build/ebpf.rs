//! Builds the eBPF probe: `core`, then `ebpf/` with `probe/` in it, through rustc alone, into one object file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the build needs to know.
pub(crate) struct Build {
    /// The compiler.
    pub(crate) rustc: PathBuf,
    /// The root of the project.
    pub(crate) root: PathBuf,
    /// Where results go.
    pub(crate) out: PathBuf,
    /// Where what takes long is kept, by version of the compiler.
    pub(crate) cache: PathBuf,
    /// The architecture of the kernel that the object is for.
    pub(crate) arch: String,
}

/// The compiler, as it tells of itself.
struct Rustc {
    version: String,
    commit: String,
    sysroot: PathBuf,
}

impl Build {
    /// Makes sure that there is a sysroot with `core` for BPF, and gives it. The error says what is missing and how to get it.
    pub(crate) fn sysroot(&self) -> Result<PathBuf, String> {
        self.core(&self.about_rustc()?)
    }

    /// Builds a program file to an object file and gives its path. The error is what the compiler said.
    pub(crate) fn object(&self, sysroot: &Path, program: &Path, name: &str) -> Result<PathBuf, String> {
        let object = self.out.join(format!("{name}.o"));
        self.run(sysroot, |command| {
            // Line tables bring the names and types of functions (BTF), which `bpf_loop` asks for.
            command.args(["--crate-name", name, "--crate-type", "staticlib", "-Clto=fat"]);
            command.args(["--cfg", &format!("saker_arch=\"{}\"", self.arch)]);
            command.args(["--check-cfg", "cfg(saker_arch, values(\"x86_64\", \"aarch64\"))"]);
            command.args(["--check-cfg", "cfg(test)", "--check-cfg", "cfg(loom)", "-Dwarnings"]);
            command.arg(format!("--emit=obj={}", object.display()));
            command.arg(program);
        })?;
        Ok(object)
    }

    /// A sysroot that has `core` for BPF; made once for each compiler.
    fn core(&self, rustc: &Rustc) -> Result<PathBuf, String> {
        let sources = [
            rustc.sysroot.join("lib/rustlib/src/rust/library"),
            self.cache.join(format!("rust-src-{}", rustc.version)).join("library"),
        ];
        let Some(source) = sources.iter().find(|source| source.join("core/src/lib.rs").is_file()) else {
            return Err(format!(
                "the source of the standard library (rust-src) for rustc {} was not there; `scripts/rust-src` gets it",
                rustc.version
            ));
        };
        let target =
            fs::read(self.target()).map_err(|error| format!("{}: {error}", self.target().display()))?;
        let key = target.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let name = format!("bpf-core-{}-{key:016x}", rustc.commit);
        let shared = self.cache.join(&name);
        let writable = fs::create_dir_all(&shared).is_ok() && fs::write(shared.join(".writable"), "").is_ok();
        let sysroot = if writable { shared } else { self.out.join(name) };
        let libraries = sysroot.join("lib/rustlib/target/lib");
        if libraries.join("libcompiler_builtins.rlib").is_file() {
            return Ok(sysroot);
        }
        // Built aside and moved, so that two builds at once do not meet half a library.
        let part = sysroot.join(format!("part-{}", std::process::id()));
        fs::create_dir_all(&part).map_err(|error| format!("{}: {error}", part.display()))?;
        for (name, edition, file) in [
            ("core", "2024", source.join("core/src/lib.rs")),
            ("compiler_builtins", "2021", self.root.join("ebpf/builtins.rs")),
        ] {
            self.run(&sysroot, |command| {
                command.args(["--crate-name", name, "--crate-type", "rlib", "-Clinker-plugin-lto"]);
                command.args(["--edition", edition, "-Cdebuginfo=0", "--cap-lints", "allow"]);
                command.arg("-L").arg(&part).arg("--out-dir").arg(&part).arg(file);
            })?;
            fs::create_dir_all(&libraries).map_err(|error| format!("{}: {error}", libraries.display()))?;
            let file = format!("lib{name}.rlib");
            fs::rename(part.join(&file), libraries.join(&file))
                .map_err(|error| format!("{file}: {error}"))?;
        }
        let _ = fs::remove_dir_all(part);
        Ok(sysroot)
    }

    fn target(&self) -> PathBuf {
        self.root.join("ebpf/target.json")
    }

    fn run(&self, sysroot: &Path, arguments: impl FnOnce(&mut Command)) -> Result<(), String> {
        let mut command = Command::new(&self.rustc);
        // BPF is not a target of the stable compiler, though it knows it.
        command.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.args(["-Zunstable-options", "-Zfunction-sections=no", "-Cpanic=abort", "-Copt-level=3"]);
        command.args(["-Cembed-bitcode=yes", "-Ccodegen-units=1", "-Cdebuginfo=line-tables-only"]);
        command.arg("--target").arg(self.target()).arg("--sysroot").arg(sysroot);
        arguments(&mut command);
        if !command.get_args().any(|argument| argument == "--edition") {
            command.args(["--edition", "2021"]);
        }
        let output = command.output().map_err(|error| format!("{}: {error}", self.rustc.display()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("rustc failed for BPF ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    fn about_rustc(&self) -> Result<Rustc, String> {
        let ask = |arguments: &[&str]| {
            let output = Command::new(&self.rustc).args(arguments).output();
            let output = output.map_err(|error| format!("{}: {error}", self.rustc.display()))?;
            Ok::<_, String>(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let about = ask(&["--version", "--verbose"])?;
        let line = |name: &str| {
            let found = about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.map(str::to_owned).ok_or(format!("rustc --version --verbose says no {name}"))
        };
        Ok(Rustc {
            version: line("release")?,
            commit: line("commit-hash")?,
            sysroot: ask(&["--print", "sysroot"])?.trim().into(),
        })
    }
}
