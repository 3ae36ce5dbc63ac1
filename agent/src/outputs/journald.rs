//! Alerts to the journal, with a field for each of their parts, over the journal's own socket.

use std::fs::File;
use std::io::{self, IoSlice, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use super::runner::{Failure, Target};
use super::syslog::severity;
use crate::alerts::Alert;

/// Names of fields are cut to this length, as the journal wants it.
const NAME_MAX: usize = 64;

/// The journal.
pub(super) struct Journald {
    pub(super) socket: PathBuf,
    pub(super) ident: String,
    pub(super) open: Option<UnixDatagram>,
}

impl Journald {
    fn entry(&self, alert: &Alert) -> Vec<u8> {
        let mut entry = Vec::new();
        push("MESSAGE", alert.text(), &mut entry);
        push("PRIORITY", severity(alert.priority()).to_string().as_bytes(), &mut entry);
        push("SYSLOG_IDENTIFIER", self.ident.as_bytes(), &mut entry);
        push("SAKER_RULE", alert.rule().as_bytes(), &mut entry);
        push("SAKER_SOURCE", alert.source().as_bytes(), &mut entry);
        push("SAKER_PRIORITY", alert.priority().word().as_bytes(), &mut entry);
        push("SAKER_HOSTNAME", alert.hostname().as_bytes(), &mut entry);
        push("SAKER_TIME", alert.time().to_string().as_bytes(), &mut entry);
        let tags: Vec<String> = serde_json::from_slice(alert.tags()).unwrap_or_default();
        tags.iter().for_each(|tag| push("SAKER_TAG", tag.as_bytes(), &mut entry));
        for (name, value) in alert.parsed_fields() {
            let name = field_name(&name);
            match value {
                // What has no value has no field.
                serde_json::Value::Null => {}
                serde_json::Value::String(text) => push(&name, text.as_bytes(), &mut entry),
                value => push(&name, value.to_string().as_bytes(), &mut entry),
            }
        }
        entry
    }

    fn send(&mut self, entry: &[u8]) -> io::Result<()> {
        let socket = match &self.open {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.socket)?;
                self.open.insert(socket)
            }
        };
        match socket.send(entry) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EMSGSIZE) => send_as_file(socket, entry),
            other => other.map(drop),
        }
    }
}

/// What is too long for a datagram goes as a sealed file in memory.
fn send_as_file(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let memory = memfd_create(c"saker-alert", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(entry)?;
    file.rewind()?;
    let seals =
        SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    let descriptors: [RawFd; 1] = [file.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<UnixAddr>(socket.as_raw_fd(), &[IoSlice::new(&[])], &control, MsgFlags::empty(), None)?;
    Ok(())
}

/// Appends a field: as a line, or with its length where it has several.
fn push(name: &str, value: &[u8], entry: &mut Vec<u8>) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

/// `proc.aname[2]` as the journal can name it: `SAKER_PROC_ANAME_2`.
fn field_name(name: &str) -> String {
    let mut journal = "SAKER_".to_owned();
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => journal.push(c.to_ascii_uppercase()),
            _ if journal.ends_with('_') => {}
            _ => journal.push('_'),
        }
    }
    journal.truncate(NAME_MAX);
    journal.trim_end_matches('_').to_owned()
}

impl Target for Journald {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        let entry = self.entry(alert);
        self.send(&entry).map_err(|error| {
            self.open = None;
            Failure::Later(format!("{}: {error}", self.socket.display()))
        })
    }

    fn reopen(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::io::Read as _;
    use std::time::Duration;

    use nix::sys::socket::{ControlMessageOwned, recvmsg};

    use super::*;
    use crate::alerts::Parts;

    fn journal(directory: &tempfile::TempDir) -> (UnixDatagram, Journald) {
        let socket = directory.path().join("socket");
        let receiver = UnixDatagram::bind(&socket).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        (receiver, Journald { socket, ident: "saker".to_owned(), open: None })
    }

    #[test]
    fn each_part_is_a_field_and_values_cannot_forge_one() {
        let directory = tempfile::tempdir().unwrap();
        let (receiver, mut journald) = journal(&directory);
        let alert = Alert::new(&Parts {
            rule: "r",
            source: "syscall",
            hostname: "box",
            tags: br#"["a","b"]"#,
            text: b"text",
            fields: br#"{"proc.aname[2]":"x\nSAKER_RULE=forged","evt.num":3,"fd.name":null}"#,
            time: 5,
            ..Parts::default()
        })
        .unwrap();
        journald.deliver(&alert).unwrap();
        let mut bytes = [0; 4096];
        let length = receiver.recv(&mut bytes).unwrap();
        let mut expected = b"MESSAGE=text\nPRIORITY=7\nSYSLOG_IDENTIFIER=saker\nSAKER_RULE=r\nSAKER_SOURCE=syscall\n\
            SAKER_PRIORITY=Debug\nSAKER_HOSTNAME=box\nSAKER_TIME=5\nSAKER_TAG=a\nSAKER_TAG=b\nSAKER_EVT_NUM=3\n\
            SAKER_PROC_ANAME_2\n"
            .to_vec();
        expected.extend_from_slice(&19u64.to_le_bytes());
        expected.extend_from_slice(b"x\nSAKER_RULE=forged\n");
        assert_eq!(String::from_utf8_lossy(&bytes[..length]), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn long_alerts_go_as_files() {
        let directory = tempfile::tempdir().unwrap();
        let (receiver, mut journald) = journal(&directory);
        let text = vec![b'x'; 4 << 20];
        let alert = Alert::new(&Parts { text: &text, ..Parts::default() }).unwrap();
        journald.deliver(&alert).unwrap();
        let mut room = [0; 16];
        let mut slices = [IoSliceMut::new(&mut room)];
        let mut space = nix::cmsg_space!([RawFd; 1]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message =
            recvmsg::<UnixAddr>(receiver.as_raw_fd(), &mut slices, Some(&mut space), flags).unwrap();
        let descriptor = message.cmsgs().unwrap().find_map(|control| match control {
            ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
            _ => None,
        });
        let mut file = File::open(format!("/proc/self/fd/{}", descriptor.unwrap())).unwrap();
        let mut entry = Vec::new();
        file.read_to_end(&mut entry).unwrap();
        assert!(entry.starts_with(b"MESSAGE=xxx") && entry.len() > text.len());
    }
}
