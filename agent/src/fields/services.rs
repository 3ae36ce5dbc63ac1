//! Names of ports: what `fd.sport = ssh` means. Read from a services file (`/etc/services`) at start.

use std::path::Path;

use rustc_hash::FxHashMap;

/// Service names and their ports.
#[derive(Clone, Debug, Default)]
pub struct Services {
    ports: FxHashMap<Box<[u8]>, u16>,
}

impl Services {
    /// The host's own, `/etc/services`; empty when there is none.
    pub fn system() -> Self {
        Self::read(Path::new("/etc/services")).unwrap_or_default()
    }

    /// From a file in the form of services(5).
    pub fn read(path: &Path) -> std::io::Result<Self> {
        std::fs::read(path).map(|text| Self::parse(&text))
    }

    /// From text in the form of services(5): `name port/protocol aliases… # comment`. Of several lines with one
    /// name the first counts, as getservbyname(3) without a protocol does. Other lines are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let mut services = Services::default();
        for line in text.split(|&byte| byte == b'\n') {
            let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
            let port = port.split(|&byte| byte == b'/').next().unwrap_or_default();
            let Some(port) = std::str::from_utf8(port).ok().and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            for name in std::iter::once(name).chain(words) {
                services.ports.entry(name.into()).or_insert(port);
            }
        }
        services
    }

    /// The port of a service.
    pub fn port(&self, name: &[u8]) -> Option<u16> {
        self.ports.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found_and_the_first_line_counts() {
        let services =
            Services::parse(b"# x\nhttp\t80/tcp www # web\nhttp 8080/udp\nbad\nbad2 x/tcp\n\nssh 22/tcp");
        let ports: Vec<_> = ["http", "www", "ssh", "bad", "bad2", "HTTP"]
            .iter()
            .map(|name| services.port(name.as_bytes()))
            .collect();
        assert_eq!(ports, [Some(80), Some(80), Some(22), None, None, None]);
    }
}
