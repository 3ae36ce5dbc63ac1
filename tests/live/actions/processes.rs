//! Actions of processes: what is run, by whom, as whom; and the parts of actions that run under another name.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use saker_live::args;
use saker_live::calls::native;
use saker_live::programs;

use super::scene::{call, run, run_tool, step as as_program, tool};
use super::{actions, network, uring};

/// A user who is not root.
const SOMEBODY: u32 = 1000;

/// Becomes somebody else, for good.
fn become_user(id: u32) -> Result<()> {
    call("setresgid", libc::SYS_setresgid, &args![id, id, id])?;
    call("setresuid", libc::SYS_setresuid, &args![id, id, id])?;
    Ok(())
}

/// Does a part of an action, in a process with another name.
pub(crate) fn step(which: &str) -> Result<()> {
    match which {
        "spawn-ls" => run_tool("ls", &[]),
        "spawn-shell" => run_tool("bash", &["-c", "ls > /dev/null"]),
        "read-shadow-later" => {
            // Rules trust a server while it starts: five seconds.
            std::thread::sleep(Duration::from_secs(6));
            fs::read("/etc/shadow")?;
            Ok(())
        }
        "connect" => network::connect(443),
        "listen" => network::listen(),
        "datagrams" => network::datagrams(),
        "datagrams-by-io-uring" => uring::datagrams(),
        "read-environment" => {
            fs::read("/proc/self/environ")?;
            Ok(())
        }
        "receive-class" => network::receive_class(),
        _ => bail!("there is no step {which}"),
    }
}

actions! {
    "ChangeThreadNamespace" "Change thread namespace" => || {
        let fd = call("open", libc::SYS_open, &args![c"/proc/self/ns/uts", libc::O_RDONLY, 0])?;
        call("setns", libc::SYS_setns, &args![fd, libc::CLONE_NEWUTS])?;
        Ok(())
    };
    "DbProgramSpawnedProcess" "DB program spawned process" => || run(&mut as_program("mysqld", "spawn-ls")?);
    "DetectCryptoMinersUsingTheStratumProtocol" "Detect crypto miners using the Stratum protocol" => || {
        run_tool("miner", &["-o", "stratum+tcp://example.com:3333"])
    };
    "ExecutionFromDevShm" "Execution from /dev/shm" => || {
        fs::copy(tool("program")?, "/dev/shm/program")?;
        run(&mut Command::new("/dev/shm/program"))
    };
    "FilelessExecutionViaMemfdCreate" "Fileless execution via memfd_create" => || {
        let fd = call("memfd_create", libc::SYS_memfd_create, &args![c"program", 0])?;
        let program = programs::exit_at_once();
        call("write", libc::SYS_write, &args![fd, &program[..], program.len()])?;
        // Read-only, since nothing that is open for writing can be executed.
        let path = format!("/proc/self/fd/{fd}");
        let fd = std::os::fd::IntoRawFd::into_raw_fd(fs::File::open(&path)?);
        call("dup2", libc::SYS_dup2, &args![fd, 200])?;
        native(libc::SYS_close_range, &args![3, 199, 0]);
        run(&mut Command::new("/proc/self/fd/200"))
    };
    "FindAwsCredentials" "Find AWS Credentials" => || run_tool("find", &["/", "-name", ".aws/credentials"]);
    "LaunchSuspiciousNetworkToolOnHost" "Launch Suspicious Network Tool on Host" => || run_tool("nmap", &["--version"]);
    "NonSudoSetuid" "Non sudo setuid" => || {
        become_user(SOMEBODY)?;
        // Refused, and seen.
        native(libc::SYS_setuid, &args![0]);
        Ok(())
    };
    "PolkitLocalPrivilegeEscalationVulnerabilityCVE20214034" "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)" => || {
        run_tool("pkexec", &[])
    };
    "PotentialLocalPrivilegeEscalationViaEnvironmentVariablesMisuse" "Potential Local Privilege Escalation via Environment Variables Misuse" => || {
        run(Command::new(tool("program")?).env("GLIBC_TUNABLES", "glibc.malloc.check=1"))
    };
    "ProgramRunWithDisallowedHttpProxyEnv" "Program run with disallowed http proxy env" => || {
        run(Command::new(tool("curl")?).env("HTTP_PROXY", "http://203.0.113.7:8080"))
    };
    "PtraceAntiDebugAttempt" "PTRACE anti-debug attempt" => || {
        call("ptrace", libc::SYS_ptrace, &args![libc::PTRACE_TRACEME, 0, 0, 0])?;
        Ok(())
    };
    "PtraceAttachedToProcess" "PTRACE attached to process" => || {
        let child = call("fork", libc::SYS_fork, &[])?;
        if child == 0 {
            loop {
                native(libc::SYS_pause, &[]);
            }
        }
        let attached = call("ptrace", libc::SYS_ptrace, &args![libc::PTRACE_ATTACH, child, 0, 0]);
        native(libc::SYS_kill, &args![child, libc::SIGKILL]);
        native(libc::SYS_wait4, &args![child, 0, libc::__WALL, 0]);
        attached.map(drop)
    };
    "ReadSensitiveFileTrustedAfterStartup" "Read sensitive file trusted after startup" => || {
        run(&mut as_program("httpd", "read-shadow-later")?)
    };
    "RemoveBulkDataFromDisk" "Remove Bulk Data from Disk" => || run_tool("shred", &["-u", "nothing"]);
    "RunShellUntrusted" "Run shell untrusted" => || run(&mut as_program("httpd", "spawn-shell")?);
    "SearchPrivateKeysOrPasswords" "Search Private Keys or Passwords" => || {
        run_tool("find", &["/", "-maxdepth", "1", "-name", "id_rsa"])
    };
    "SudoPotentialPrivilegeEscalation" "Sudo Potential Privilege Escalation" => || run_tool("sudo", &["-s", "\\"]);
    "SystemUserInteractive" "System user interactive" => || {
        /// `daemon` on any distribution.
        const DAEMON: u32 = 1;
        run(Command::new(tool("login")?).uid(DAEMON).gid(DAEMON))
    };
    "UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess" "Unprivileged Delegation of Page Faults Handling to a Userspace Process" => || {
        /// `UFFD_USER_MODE_ONLY`: what a user without privileges may have.
        const USER_MODE_ONLY: i32 = 1;
        become_user(SOMEBODY)?;
        call("userfaultfd", libc::SYS_userfaultfd, &args![USER_MODE_ONLY])?;
        Ok(())
    };
    "UserMgmtBinaries" "User mgmt binaries" => || run_tool("useradd", &["somebody"]);
}
