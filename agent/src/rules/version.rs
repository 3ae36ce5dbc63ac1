//! Versions as rule files require them: `MAJOR.MINOR.PATCH`, compatible within a major version.

use std::fmt;

/// A version of the engine or of a plugin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version {
    /// Incompatible changes.
    pub major: u32,
    /// Additions. The engine versions of old rule files were only this number.
    pub minor: u32,
    /// Repairs.
    pub patch: u32,
}

/// The version of Falco's rule engine that Saker is compatible with (Falco 0.44.1).
pub const ENGINE_VERSION: Version = Version::new(0, 62, 0);

impl Version {
    /// From its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Version { major, minor, patch }
    }

    /// Reads the three numbers at the beginning of `text`, as `sscanf("%u.%u.%u")` does: what follows does not
    /// matter, so `0.1.0-rc1` is a version.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, rest) = number(text)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let (patch, _) = number(rest.strip_prefix('.')?)?;
        Some(Version { major, minor, patch })
    }

    /// Whether something of this version serves who requires `required`: the same major version, and not older.
    pub fn satisfies(self, required: Version) -> bool {
        self.major == required.major && self >= required
    }
}

/// The number that `text` begins with, and what follows it.
fn number(text: &str) -> Option<(u32, &str)> {
    let text = text.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    Some((digits.parse().ok()?, rest))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_sscanf_does() {
        let parsed = |text| Version::parse(text).map(|version| version.to_string());
        assert_eq!(parsed("0.62.0").as_deref(), Some("0.62.0"));
        assert_eq!(parsed("0.1.0-rc1").as_deref(), Some("0.1.0"));
        assert_eq!(parsed(" 1.02.3.4").as_deref(), Some("1.2.3"));
        for bad in ["", "abc", "10", "0.1", "0.1.", "0..1", "-1.0.0", "99999999999.0.0", "0 .1.0"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_newer_one_of_the_same_major_version_serves() {
        let serves = |has: &str, required: &str| {
            Version::parse(has).unwrap().satisfies(Version::parse(required).unwrap())
        };
        assert!(serves("0.62.0", "0.62.0") && serves("0.62.0", "0.5.9") && serves("1.2.3", "1.2.2"));
        assert!(!serves("0.62.0", "0.62.1") && !serves("0.62.0", "0.63.0") && !serves("1.0.0", "0.9.0"));
    }
}
