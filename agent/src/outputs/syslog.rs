//! Alerts to syslog: to the local daemon as the C library does it, and in RFC 5424's form over UDP, TCP and TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{Timestamp, tz::TimeZone};
use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::line;
use super::runner::{Failure, Target};
use crate::alerts::Alert;
use crate::config::Priority;

/// The facilities, by their numbers.
pub const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// The local daemon's sockets.
pub(super) const LOCAL: [&str; 2] = ["/dev/log", "/var/run/syslog"];
/// Datagrams over UDP are no longer than this, in bytes.
const DATAGRAM_MAX: usize = 65_000;
/// A datagram that is too long is cut to no less than this.
const DATAGRAM_MIN: usize = 480;
/// What a peer has not taken after this time breaks the connection.
const USER_TIMEOUT: Duration = Duration::from_secs(3);
/// What was written to a connection that is still whole after this time has arrived.
const LINGER: Duration = Duration::from_secs(5);

/// Where a syslog daemon is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// Sockets of the local daemon; the first that is there counts.
    Unix(Vec<PathBuf>),
    Udp(String),
    Tcp(String),
    Tls(String),
}

impl Address {
    /// Reads `unix:///PATH`, `udp://HOST:PORT`, `tcp://HOST:PORT` or `tls://HOST:PORT`.
    pub(super) fn parse(url: &str) -> Option<Address> {
        let (scheme, rest) = url.split_once(':')?;
        if scheme == "unix" {
            let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
            return path.is_absolute().then(|| Address::Unix(vec![path]));
        }
        let host = rest.strip_prefix("//")?.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return None;
        }
        // An IPv6 address has colons of its own, and brackets around them.
        let port_given = match host.rsplit_once(':') {
            Some((name, port)) => (!name.contains(':') || name.ends_with(']')) && port.parse::<u16>().is_ok(),
            None => false,
        };
        let with_port = |port: u16| if port_given { host.to_owned() } else { format!("{host}:{port}") };
        match scheme {
            "udp" => Some(Address::Udp(with_port(514))),
            "tcp" => Some(Address::Tcp(with_port(514))),
            "tls" => Some(Address::Tls(with_port(6514))),
            _ => None,
        }
    }

    /// Whether it is on this host.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Address::Unix(_))
    }
}

/// A syslog output.
pub(super) struct Syslog {
    pub(super) address: Address,
    /// A number of [`FACILITIES`].
    pub(super) facility: u8,
    pub(super) ident: String,
    /// How long connecting and writing may take.
    pub(super) timeout: Duration,
    /// For TLS only.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connection: Option<Connection>,
}

/// A connection to a daemon.
pub(super) enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// The priority's number, which is also the severity's.
pub(super) fn severity(priority: Priority) -> u8 {
    priority as u8
}

/// How a message to the local daemon begins, as the C library writes it (RFC 3164 without the host). `priority` is the facility
/// times eight and the severity.
pub(crate) fn local_head(priority: u8, ident: &str) -> String {
    let time = Timestamp::now().to_zoned(TimeZone::system());
    format!("<{priority}>{} {ident}[{}]: ", time.strftime("%b %e %H:%M:%S"), std::process::id())
}

impl Syslog {
    fn message(&self, alert: &Alert) -> Vec<u8> {
        let priority = self.facility * 8 + severity(alert.priority());
        let head = match self.address {
            Address::Unix(_) => local_head(priority, &self.ident),
            _ => {
                let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
                let (host, ident) = (printable(alert.hostname()), printable(&self.ident));
                format!("<{priority}>1 {time} {host} {ident} {} - - ", std::process::id())
            }
        };
        let mut message = head.into_bytes();
        line(alert, &mut message);
        // The newline is for streams of lines only.
        message.pop();
        message
    }

    fn connect(&self) -> io::Result<Connection> {
        match &self.address {
            Address::Unix(paths) => {
                let socket = UnixDatagram::unbound()?;
                let mut result = Err(io::ErrorKind::NotFound.into());
                for path in paths {
                    result = socket.connect(path);
                    if result.is_ok() {
                        break;
                    }
                }
                result?;
                socket.set_write_timeout(self.limit())?;
                Ok(Connection::Unix(socket))
            }
            Address::Udp(host) => {
                let mut last = io::ErrorKind::NotFound.into();
                for address in host.to_socket_addrs()? {
                    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    match UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket)) {
                        Ok(socket) => return Ok(Connection::Udp(socket)),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Address::Tcp(host) => self.stream(host).map(Connection::Tcp),
            Address::Tls(host) => {
                let config = self.tls.clone().ok_or(io::ErrorKind::InvalidInput)?;
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(io::Error::other)?;
                let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(connection, self.stream(host)?);
                // So that an untrusted peer is told from one that is not there.
                stream.conn.complete_io(&mut stream.sock)?;
                Ok(Connection::Tls(Box::new(stream)))
            }
        }
    }

    fn stream(&self, host: &str) -> io::Result<TcpStream> {
        let mut last = io::ErrorKind::NotFound.into();
        for address in host.to_socket_addrs()? {
            let limit = self.limit().unwrap_or(Duration::from_secs(60));
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => {
                    stream.set_write_timeout(self.limit())?;
                    stream.set_read_timeout(self.limit())?;
                    stream.set_nodelay(true)?;
                    user_timeout(&stream)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn limit(&self) -> Option<Duration> {
        Some(self.timeout).filter(|timeout| !timeout.is_zero())
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if let Some(connection) = &mut self.connection {
            is_whole(connection)?;
        } else {
            self.connection = Some(self.connect()?);
        }
        match &mut self.connection {
            Some(Connection::Unix(socket)) => datagram(message, |part| socket.send(part)),
            Some(Connection::Udp(socket)) => {
                datagram(&message[..message.len().min(DATAGRAM_MAX)], |part| socket.send(part))
            }
            Some(Connection::Tcp(stream)) => stream.write_all(&counted(message)),
            Some(Connection::Tls(stream)) => {
                stream.write_all(&counted(message)).and_then(|()| stream.flush())
            }
            None => Ok(()),
        }
    }

    fn failure(&self, error: io::Error) -> Failure {
        let message = match &self.address {
            Address::Unix(paths) => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                format!("{}: {error}", paths.join(", "))
            }
            Address::Udp(host) | Address::Tcp(host) | Address::Tls(host) => format!("{host}: {error}"),
        };
        match Failure::from(error) {
            Failure::TimedOut(_) => Failure::TimedOut(message),
            _ => Failure::Later(message),
        }
    }
}

/// Asks the kernel to give up what a peer does not take.
fn user_timeout(stream: &impl AsFd) -> io::Result<()> {
    setsockopt(stream, sockopt::TcpUserTimeout, &(USER_TIMEOUT.as_millis() as u32)).map_err(io::Error::from)
}

/// A message after its length: only so one that has newlines is one message (RFC 6587, RFC 5425).
fn counted(message: &[u8]) -> Vec<u8> {
    let mut framed = format!("{} ", message.len()).into_bytes();
    framed.extend_from_slice(message);
    framed
}

/// Sends a datagram; one that is too long for the way is cut.
fn datagram(message: &[u8], send: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<()> {
    let mut length = message.len();
    loop {
        match send(&message[..length]) {
            Ok(_) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::EMSGSIZE) && length > DATAGRAM_MIN => {
                length = (length / 2).max(DATAGRAM_MIN);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the peer of a stream is still there. What it says is of no interest.
fn is_whole(connection: &mut Connection) -> io::Result<()> {
    let mut room = [0; 512];
    let read = match connection {
        Connection::Unix(_) | Connection::Udp(_) => return Ok(()),
        Connection::Tcp(stream) => {
            stream.set_nonblocking(true)?;
            let read = stream.read(&mut room);
            stream.set_nonblocking(false)?;
            read
        }
        Connection::Tls(stream) => {
            stream.sock.set_nonblocking(true)?;
            let read = stream.read(&mut room);
            stream.sock.set_nonblocking(false)?;
            read
        }
    };
    match read {
        Ok(0) => Err(io::ErrorKind::ConnectionReset.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// A name as RFC 5424 allows it: printable ASCII, not empty.
fn printable(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

impl Target for Syslog {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        let message = self.message(alert);
        self.send(&message).map_err(|error| {
            self.connection = None;
            self.failure(error)
        })
    }

    fn linger(&self) -> Duration {
        if matches!(self.address, Address::Tcp(_) | Address::Tls(_)) { LINGER } else { Duration::ZERO }
    }

    fn probe(&mut self) -> Result<(), Failure> {
        let Some(connection) = &mut self.connection else {
            return Err(Failure::Later("the connection is gone".to_owned()));
        };
        is_whole(connection).map_err(|error| {
            self.connection = None;
            self.failure(error)
        })
    }

    fn reopen(&mut self) {
        // What went over a connection that is closed here is not known to have arrived, so streams stay.
        if self.linger().is_zero() {
            self.connection = None;
        }
    }

    /// A daemon that has read everything closes the connection as well.
    fn finish(&mut self) -> bool {
        let limit = Instant::now() + LINGER;
        let mut stream = match self.connection.take() {
            None | Some(Connection::Unix(_) | Connection::Udp(_)) => return true,
            Some(Connection::Tcp(stream)) => stream,
            Some(Connection::Tls(mut stream)) => {
                stream.conn.send_close_notify();
                if stream.flush().is_err() {
                    return false;
                }
                stream.sock
            }
        };
        if stream.shutdown(Shutdown::Write).is_err() {
            return false;
        }
        let mut room = [0; 512];
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
                return false;
            }
            match stream.read(&mut room) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let udp = |host: &str| Some(Address::Udp(host.to_owned()));
        for (url, address) in [
            ("udp://log:1514", udp("log:1514")),
            ("udp://log", udp("log:514")),
            ("udp://[::1]", udp("[::1]:514")),
            ("udp://[::1]:99", udp("[::1]:99")),
            ("tcp://10.0.0.1/", Some(Address::Tcp("10.0.0.1:514".to_owned()))),
            ("tls://log.example", Some(Address::Tls("log.example:6514".to_owned()))),
            ("unix:///dev/log", Some(Address::Unix(vec!["/dev/log".into()]))),
            ("unix:/dev/log", Some(Address::Unix(vec!["/dev/log".into()]))),
            ("unix:dev/log", None),
            ("log:514", None),
            ("http://log", None),
            ("udp://", None),
            ("udp://a/b", None),
        ] {
            assert_eq!(Address::parse(url), address, "{url}");
        }
    }

    #[test]
    fn priorities_are_severities() {
        let severities: Vec<u8> = Priority::ALL.into_iter().map(severity).collect();
        assert_eq!(severities, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(FACILITIES.iter().position(|name| *name == "local0"), Some(16));
    }

    #[test]
    fn a_datagram_that_is_too_long_is_cut() {
        let sent = std::cell::RefCell::new(Vec::new());
        let send = |part: &[u8]| {
            sent.borrow_mut().push(part.len());
            if part.len() > 1000 {
                Err(io::Error::from_raw_os_error(nix::libc::EMSGSIZE))
            } else {
                Ok(part.len())
            }
        };
        datagram(&[b'x'; 3000], send).unwrap();
        assert_eq!(*sent.borrow(), [3000, 1500, 750]);
    }
}
