//! Actions on files.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::Result;

use super::{actions, scene};

/// Opens a file for writing, and writes nothing.
fn write(path: &str) -> Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?;
    Ok(())
}

actions! {
    "AddingSshKeysToAuthorizedKeys" "Adding ssh keys to authorized_keys" => || write("/root/.ssh/authorized_keys");
    "ClearLogActivities" "Clear Log Activities" => || Ok(fs::write("/var/log/syslog", "")?);
    "CreateFilesBelowDev" "Create files below dev" => || {
        scene::call(
            "mount",
            libc::SYS_mount,
            &saker_live::args![c"tmpfs", c"/dev", c"tmpfs", 0, c"mode=0755"],
        )?;
        write("/dev/saker-live-file")
    };
    "CreateHardlinkOverSensitiveFiles" "Create Hardlink Over Sensitive Files" => || {
        Ok(fs::hard_link("/etc/shadow", "/etc/copy")?)
    };
    "CreateSymlinkOverSensitiveFiles" "Create Symlink Over Sensitive Files" => || {
        Ok(symlink("/etc/shadow", "/tmp/saker-actions/copy")?)
    };
    "CreateHiddenFilesOrDirectories" "Create Hidden Files or Directories" => || {
        Ok(fs::create_dir("/tmp/saker-actions/.hidden")?)
    };
    "DeleteOrRenameShellHistory" "Delete or rename shell history" => || Ok(fs::remove_file("/root/.bash_history")?);
    "DirectoryTraversalMonitoredFileRead" "Directory traversal monitored file read" => || {
        fs::create_dir_all("/etc/ssl/certs")?;
        fs::read("/etc/ssl/certs/../../shadow")?;
        Ok(())
    };
    "MkdirBinaryDirs" "Mkdir binary dirs" => || Ok(fs::create_dir("/bin/saker-live-directory")?);
    "ModifyBinaryDirs" "Modify binary dirs" => || {
        fs::write("/bin/saker-live-file", "")?;
        Ok(fs::rename("/bin/saker-live-file", "/bin/saker-live-other")?)
    };
    "ModifyShellConfigurationFile" "Modify Shell Configuration File" => || write("/root/.bashrc");
    "ReadSensitiveFileUntrusted" "Read sensitive file untrusted" => || {
        fs::read("/etc/shadow")?;
        Ok(())
    };
    "ReadShellConfigurationFile" "Read Shell Configuration File" => || {
        fs::read("/root/.bashrc")?;
        Ok(())
    };
    "ReadSshInformation" "Read ssh information" => || {
        fs::read("/root/.ssh/id_rsa")?;
        Ok(())
    };
    "ScheduleCronJobs" "Schedule Cron Jobs" => || write("/etc/cron.d/saker-live");
    "SetSetuidOrSetgidBit" "Set Setuid or Setgid bit" => || {
        fs::write("/tmp/saker-actions/file", "")?;
        Ok(fs::set_permissions("/tmp/saker-actions/file", Permissions::from_mode(0o4755))?)
    };
    "WriteBelowBinaryDir" "Write below binary dir" => || write("/bin/saker-live-file");
    "WriteBelowEtc" "Write below etc" => || write("/etc/saker-live-file");
    "WriteBelowMonitoredDir" "Write below monitored dir" => || write("/root/.ssh/saker-live-file");
    "WriteBelowRoot" "Write below root" => || write("/root/saker-live-file");
    "WriteBelowRpmDatabase" "Write below rpm database" => || write("/var/lib/rpm/saker-live-file");
}
