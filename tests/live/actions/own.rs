//! The same actions under the rules that we ship: which of them must answer to each, and that none answers to honest work that looks
//! like it.

use std::path::Path;

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::check::{Counts, alerts_since, is_wanted, length, perform, raises, wait_for};
use super::container::inside;
use super::scene::{run, step};
use super::{Action, actions, all, lookalikes};

/// For each action the rule that must answer to it.
const RULES: &[(&str, &str)] = &[
    ("AddingSshKeysToAuthorizedKeys", "SSH login keys changed"),
    ("ChangeNamespacePrivilegesViaUnshare", "Namespaces made in a container"),
    ("ChangeThreadNamespace", "Process enters other namespaces"),
    ("ClearLogActivities", "Log emptied or removed"),
    ("ContactEC2InstanceMetadataServiceFromContainer", "Cloud metadata service contacted from a container"),
    ("ContainerDriftDetectedChmod", "Executable file made in a container"),
    ("ContainerDriftDetectedOpenCreate", "Executable file made in a container"),
    ("CreateFilesBelowDev", "File put among devices"),
    ("CreateHardlinkOverSensitiveFiles", "Link made to password hashes"),
    ("CreateHiddenFilesOrDirectories", "Hidden directory made in a temporary place"),
    ("CreateSymlinkOverSensitiveFiles", "Link made to password hashes"),
    ("DbProgramSpawnedProcess", "Database starts a program"),
    ("DebugfsLaunchedInPrivilegedContainer", "Tool for escapes run in a container"),
    ("DecodingPayloadInContainer", "Payload decoded in a container"),
    ("DeleteOrRenameShellHistory", "Shell history removed"),
    ("DetectCryptoMinersUsingTheStratumProtocol", "Miner started"),
    ("DetectReleaseAgentFileContainerEscapes", "Kernel helper path changed"),
    ("DirectoryTraversalMonitoredFileRead", "Password hashes read"),
    ("DisallowedSSHConnectionNonStandardPort", "SSH to an unusual port"),
    ("DropAndExecuteNewBinaryInContainer", "Program run that the image does not hold"),
    ("ExecutionFromDevShm", "Program run from shared memory"),
    ("FilelessExecutionViaMemfdCreate", "Program run from memory"),
    ("FindAwsCredentials", "Credentials searched for"),
    ("InterpretedProcsInboundNetworkActivity", "Program from a temporary directory goes on the network"),
    ("InterpretedProcsOutboundNetworkActivity", "Program from a temporary directory goes on the network"),
    ("IoUringDeleteShellHistory", "Shell history removed"),
    ("IoUringReadSensitiveFile", "Sensitive file opened through io_uring"),
    ("IoUringUnexpectedUDPTraffic", "Datagrams to a port of no known service"),
    ("IoUringWriteBelowEtc", "System configuration changed"),
    ("JavaProcessClassFileDownload", "Java receives a program over the network"),
    ("KubernetesClientToolLaunchedInContainer", "Kubernetes client in a container"),
    ("LaunchIngressRemoteFileCopyToolsInContainer", "Download tool run in a container"),
    ("LaunchPackageManagementProcessInContainer", "Software installed in a running container"),
    ("LaunchRemoteFileCopyToolsInContainer", "Copy tool run in a container"),
    ("LaunchSuspiciousNetworkToolInContainer", "Network scanner run"),
    ("LaunchSuspiciousNetworkToolOnHost", "Network scanner run"),
    ("MkdirBinaryDirs", "Program directory changed"),
    ("ModifyBinaryDirs", "Program directory changed"),
    ("ModifyContainerEntrypoint", "Runtime's program opened for writing"),
    ("ModifyShellConfigurationFile", "Shell startup file changed"),
    ("MountLaunchedInPrivilegedContainer", "Mount made in a container"),
    ("NetcatRemoteCodeExecutionInContainer", "Netcat hands a connection to a program"),
    ("NonSudoSetuid", "Process becomes root"),
    ("PacketSocketCreatedInContainer", "Packet socket opened"),
    ("PolkitLocalPrivilegeEscalationVulnerabilityCVE20214034", "Sudo called as an exploit calls it"),
    ("PotentialLocalPrivilegeEscalationViaEnvironmentVariablesMisuse", "Loader tunables handed to a program"),
    ("ProgramRunWithDisallowedHttpProxyEnv", "Download goes through a proxy of its own"),
    ("PtraceAntiDebugAttempt", "Process keeps debuggers away"),
    ("PtraceAttachedToProcess", "Another process taken over with ptrace"),
    ("ReadEnvironmentVariableFromProcFiles", "Environment of another process read"),
    ("ReadSensitiveFileTrustedAfterStartup", "Password hashes read"),
    ("ReadSensitiveFileUntrusted", "Password hashes read"),
    ("ReadShellConfigurationFile", "Shell startup file read by a stranger"),
    ("ReadSshInformation", "SSH private key read"),
    ("RemoveBulkDataFromDisk", "Data destroyed in bulk"),
    ("RunShellUntrusted", "Server program starts a shell"),
    ("ScheduleCronJobs", "Job or service planted"),
    ("SearchPrivateKeysOrPasswords", "Credentials searched for"),
    ("SetSetuidOrSetgidBit", "Setuid or setgid bit set"),
    ("SudoPotentialPrivilegeEscalation", "Sudo called as an exploit calls it"),
    ("SystemProcsNetworkActivity", "System tool goes on the network"),
    ("SystemUserInteractive", "Service account uses a terminal"),
    ("UnexpectedUDPTraffic", "Datagrams to a port of no known service"),
    (
        "UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess",
        "Page faults handled by an unprivileged program",
    ),
    ("UserMgmtBinaries", "Account created or changed"),
    ("WriteBelowBinaryDir", "Program directory changed"),
    ("WriteBelowEtc", "System configuration changed"),
    ("WriteBelowMonitoredDir", "File put into an SSH directory"),
    ("WriteBelowRoot", "File put into the root directory"),
    ("WriteBelowRpmDatabase", "Package database changed"),
];

/// Actions that no rule of ours answers to whoever does them, since honest programs do the same. They are done by whom attackers use.
const BY_TOOLS: &[(&str, &str)] = &[
    ("IoUringUnexpectedUDPTraffic", "IoUringDatagramsOfNetcat"),
    ("ReadEnvironmentVariableFromProcFiles", "EnvironmentReadByCat"),
    ("UnexpectedUDPTraffic", "DatagramsOfNetcat"),
];

actions! {
    "IoUringDatagramsOfNetcat" "Unexpected UDP Traffic" => || run(&mut step("nc", "datagrams-by-io-uring")?);
    "EnvironmentReadByCat" "Read environment variable from /proc files" => || inside(|| {
        run(&mut step("cat", "read-environment")?)
    });
    "DatagramsOfNetcat" "Unexpected UDP Traffic" => || run(&mut step("nc", "datagrams")?);
}

/// The action whose alert says that all before it was judged, too.
const FENCE: (&str, &str) = ("ReadSensitiveFileUntrusted", "Password hashes read");

/// Does all actions and all look-alikes: each action must raise its rule, no look-alike any.
pub(crate) fn check(alerts: &Path, filter: &[String]) {
    let mut counts = Counts::default();
    for action in all().filter(|action| is_wanted(action, filter)) {
        counts.add(action, raises_ours(alerts, action));
    }
    for action in lookalikes::ACTIONS.iter().filter(|action| is_wanted(action, filter)) {
        counts.add(action, stays_silent(alerts, action));
    }
    counts.finish();
}

fn raises_ours(alerts: &Path, action: &Action) -> Result<String> {
    let Some((_, rule)) = RULES.iter().find(|(name, _)| *name == action.name) else {
        bail!("no rule of ours is named for it in {}", file!());
    };
    let by_tool = BY_TOOLS.iter().find(|(name, _)| *name == action.name).map(|(_, tool)| *tool);
    raises(alerts, by_tool.unwrap_or(action.name), rule)
}

fn stays_silent(alerts: &Path, action: &Action) -> Result<String> {
    let before = length(alerts);
    let begin = perform(action.name)?;
    let end = Timestamp::now();
    let fence = perform(FENCE.0)?;
    if wait_for(alerts, before, fence, FENCE.1)?.is_some() {
        bail!("the agent raises nothing any more");
    }
    let found = alerts_since(alerts, before, begin)?;
    let rules: Vec<&String> = found.iter().filter(|(_, time)| *time <= end).map(|(rule, _)| rule).collect();
    if !rules.is_empty() {
        bail!("it is honest, and these answer to it: {rules:?}");
    }
    Ok("silence".to_owned())
}
