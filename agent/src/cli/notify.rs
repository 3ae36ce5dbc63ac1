//! What systemd is told of a service (`Type=notify`): that detection is on, that rules are loaded anew, that the loop goes on. A
//! datagram with a line to the socket that `NOTIFY_SOCKET` names; without one nothing is told.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Sign;

/// That the loop goes on.
const ALIVE: &str = "WATCHDOG=1";
/// How long anything else may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The service manager.
pub(super) struct Notify {
    socket: UnixDatagram,
    /// How often it wants to hear that the loop goes on.
    watchdog: Option<Duration>,
    /// What it was told last.
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    ready: bool,
    /// When it was last told that the loop goes on.
    alive: Option<Instant>,
    rules: usize,
}

impl Notify {
    /// The one that the environment names, if it does. What stands there and cannot be used is said.
    pub(super) fn from_environment() -> Option<Notify> {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let socket = connect(&name).map_err(|error| tracing::warn!("NOTIFY_SOCKET: {error}")).ok()?;
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        // It may be meant for the process that started this one.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0);
        // Twice as often as needed, as systemd advises.
        let watchdog = watchdog.map(|usec| Duration::from_micros(usec / 2));
        Some(Notify { socket, watchdog, told: Mutex::default() })
    }

    /// Passes on what the loop says.
    pub(super) fn tell(&self, sign: Sign) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match sign {
            Sign::Alive => {
                if !std::mem::replace(&mut told.ready, true) {
                    self.send(&format!("READY=1\n{}", status(told.rules)));
                }
                let due =
                    self.watchdog.is_some_and(|every| told.alive.is_none_or(|last| last.elapsed() >= every));
                if due {
                    told.alive = Some(Instant::now());
                    self.send(ALIVE);
                }
            }
            Sign::Loaded(rules) => {
                told.rules = rules;
                if told.ready {
                    self.send(&status(rules));
                }
            }
            Sign::Ended => self.send("STOPPING=1"),
        }
    }

    fn send(&self, message: &str) {
        // What is told once may wait a moment for room; that the loop goes on is told again anyway.
        let told =
            self.socket.set_nonblocking(message == ALIVE).and_then(|()| self.socket.send(message.as_bytes()));
        if let Err(error) = told {
            tracing::debug!("systemd is not told: {error}");
        }
    }
}

/// What `systemctl status` shows.
fn status(rules: usize) -> String {
    format!("STATUS=Detecting by {rules} rules")
}

/// A name that begins with `@` is one without a file.
fn connect(name: &OsStr) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(name)?,
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_by_either_kind_of_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("saker-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let by_file = (UnixDatagram::bind(&path).unwrap(), path.into_os_string());
        let by_name = (UnixDatagram::bind_addr(&address).unwrap(), format!("@{abstract_name}").into());
        for (manager, name) in [by_file, by_name] {
            let notify = Notify {
                socket: connect(&name).unwrap(),
                watchdog: Some(Duration::from_secs(3600)),
                told: Mutex::default(),
            };
            notify.tell(Sign::Loaded(2));
            notify.tell(Sign::Alive);
            notify.tell(Sign::Alive);
            notify.tell(Sign::Loaded(3));
            notify.tell(Sign::Ended);
            let mut told = Vec::new();
            for _ in 0..4 {
                let mut buffer = [0; 100];
                let length = manager.recv(&mut buffer).unwrap();
                told.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            assert_eq!(
                told,
                [
                    "READY=1\nSTATUS=Detecting by 2 rules",
                    "WATCHDOG=1",
                    "STATUS=Detecting by 3 rules",
                    "STOPPING=1"
                ]
            );
        }
    }
}
