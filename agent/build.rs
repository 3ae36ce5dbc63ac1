//! Builds what the agent carries with it: the eBPF probe. Where that cannot be built the agent is built without it, and says at run
//! time what was missing here.

#[path = "build/btf.rs"]
mod btf;
#[path = "build/ebpf.rs"]
mod ebpf;
#[path = "build/gate.rs"]
mod gate;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), String> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("..");
    for path in ["agent/build", "ebpf", "probe/src"] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo:rerun-if-env-changed=SAKER_CACHE");
    let out = PathBuf::from(variable("OUT_DIR")?);
    let cache = cache();
    let build = ebpf::Build {
        rustc: variable("RUSTC")?.into(),
        root,
        out: out.clone(),
        cache,
        arch: variable("CARGO_CFG_TARGET_ARCH")?,
    };
    let text = match build.sysroot() {
        Ok(sysroot) => {
            let object = object(&build, &sysroot)?;
            format!("Ok(include_bytes!({object:?}))")
        }
        Err(missing) => {
            println!("cargo:warning=built without the eBPF driver: {}", missing.lines().next().unwrap_or(""));
            format!("Err({missing:?})")
        }
    };
    fs::write(out.join("ebpf_object.rs"), text).map_err(|error| format!("{}: {error}", out.display()))
}

/// Builds the object, and stops the build if the probe itself is at fault.
fn object(build: &ebpf::Build, sysroot: &Path) -> Result<PathBuf, String> {
    let object = build.object(sysroot, &build.root.join("ebpf/src/main.rs"), "saker_ebpf")?;
    let bytes = fs::read(&object).map_err(|error| format!("{}: {error}", object.display()))?;
    let faults = gate::faults(&bytes);
    if !faults.is_empty() {
        return Err(format!("kernels would refuse the eBPF probe:\n{}", faults.join("\n")));
    }
    let bytes = btf::with_function_types(&bytes)?;
    fs::write(&object, bytes).map_err(|error| format!("{}: {error}", object.display()))?;
    Ok(object)
}

/// Where Saker keeps what takes long to make or get.
fn cache() -> PathBuf {
    if let Some(cache) = env::var_os("SAKER_CACHE") {
        return cache.into();
    }
    // As in the scripts: the system's for root, else the user's own.
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        return "/var/cache/saker".into();
    }
    PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/saker")
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
