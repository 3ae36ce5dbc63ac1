//! Kubernetes beside the kernel: the API server's audit log as a source of events, and what manifests say of a workload.

pub mod audit;
pub mod posture;

/// A text as a YAML scalar, within braces and brackets too.
pub(crate) fn scalar(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
    let begins = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/');
    let word = !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    match begins && word && text.chars().all(plain) {
        true => text.to_owned(),
        // JSON strings are YAML.
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn what_yaml_would_read_otherwise_is_quoted() {
        assert_eq!(
            ["web", "/var/tmp", "on", "7", "a b"].map(scalar),
            ["web", "/var/tmp", "\"on\"", "\"7\"", "\"a b\""]
        );
    }
}
