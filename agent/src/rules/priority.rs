//! How severe a rule is.

/// A priority, the most severe first: `a < b` means that `a` is more severe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(missing_docs)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    #[default]
    Debug,
}

impl Priority {
    /// All of them, the most severe first.
    pub const ALL: &'static [Priority] = &[
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// Its name, as alerts show it.
    pub fn name(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }

    /// Reads a name in any case; `info` stands for informational.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("info") {
            return Some(Priority::Informational);
        }
        Priority::ALL.iter().copied().find(|priority| priority.name().eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for &priority in Priority::ALL {
            assert_eq!(Priority::parse(&priority.name().to_uppercase()), Some(priority));
        }
        assert_eq!(Priority::parse("Info"), Some(Priority::Informational));
        assert_eq!(Priority::parse("err"), None);
        assert!(Priority::Emergency < Priority::Debug);
    }
}
