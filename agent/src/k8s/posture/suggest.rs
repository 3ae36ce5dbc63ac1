//! What to write into a manifest instead.

use std::fmt::Write as _;
use std::path::Path;

use super::checks::containers;
use super::report::Writes;
use super::tree::Tree;
use crate::k8s::scalar;

/// What a container should have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// The container.
    pub container: String,
    /// The user that it already asks for, if it is not root.
    pub user: Option<i64>,
    /// Whether it needs the one capability that is worth keeping, to listen on a port below 1024.
    pub low_port: bool,
    /// Directories that it was seen to write to and that no volume covers yet.
    pub writes: Vec<String>,
}

/// Suggestions for the containers of a pod.
pub fn suggestion<T: Tree>(spec: &T, writes: Writes<'_>) -> Vec<Suggestion> {
    containers(spec)
        .map(|(name, container)| {
            let setting = |key| {
                let own = container.at(&["securityContext", key]);
                own.or_else(|| spec.at(&["securityContext", key]))
            };
            let ports = || container.get("ports").into_iter().flat_map(T::each);
            let port = |port: &T| port.get("containerPort").and_then(T::number);
            let mounts: Vec<&str> = container
                .get("volumeMounts")
                .into_iter()
                .flat_map(T::each)
                .filter_map(|mount| mount.get("mountPath").and_then(T::text))
                .collect();
            let seen = writes(name, container.get("image").and_then(T::text));
            Suggestion {
                container: name.to_owned(),
                user: setting("runAsUser").and_then(T::number).filter(|user| *user > 0),
                low_port: ports().filter_map(port).any(|port| port < 1024),
                writes: seen
                    .into_iter()
                    .filter(|path| !mounts.iter().any(|mount| Path::new(path).starts_with(mount)))
                    .collect(),
            }
        })
        .collect()
}

impl Suggestion {
    /// The parts of a manifest, as YAML.
    pub fn yaml(&self) -> String {
        let mut out = format!("- name: {}\n  securityContext:\n", scalar(&self.container));
        out.push_str("    allowPrivilegeEscalation: false\n    capabilities:\n      drop: [ALL]\n");
        if self.low_port {
            out.push_str("      add: [NET_BIND_SERVICE]\n");
        }
        out.push_str("    privileged: false\n    readOnlyRootFilesystem: true\n    runAsNonRoot: true\n");
        if let Some(user) = self.user {
            let _ = writeln!(out, "    runAsUser: {user}");
        }
        out.push_str("    seccompProfile: {type: RuntimeDefault}\n");
        if !self.writes.is_empty() {
            out.push_str("  volumeMounts:\n");
            for (volume, path) in self.volumes() {
                let (volume, path) = (scalar(&volume), scalar(path));
                let _ = writeln!(out, "  - {{name: {volume}, mountPath: {path}}}");
            }
        }
        out
    }

    /// A volume for each directory that is written to: its name, and where it is mounted.
    pub fn volumes(&self) -> impl Iterator<Item = (String, &str)> {
        self.writes.iter().map(|path| (volume(&self.container, path), path.as_str()))
    }
}

/// The name of the volume for a directory: a DNS label.
fn volume(container: &str, path: &str) -> String {
    let mut name = String::new();
    for char in format!("{container}{path}").chars() {
        let char = if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
        if char != '-' || !name.ends_with('-') && !name.is_empty() {
            name.push(char);
        }
    }
    // What makes two names differ is at their ends.
    let start = name.len().saturating_sub(63);
    name[start..].trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::audit::Json;

    #[test]
    fn a_suggestion_keeps_what_is_needed() {
        let pod: Json = serde_json::from_str(
            r#"{"securityContext": {"runAsUser": 33}, "containers": [{"name": "web", "image": "x", "ports": [{"containerPort": 80}],
                "volumeMounts": [{"name": "c", "mountPath": "/cache/"}]}, {"name": "b"}]}"#,
        )
        .unwrap();
        let seen = |name: &str, _: Option<&str>| match name {
            "web" => ["/var/run", "/cache/x", "/cachet", "/a b"].map(str::to_owned).to_vec(),
            _ => Vec::new(),
        };
        let suggestions = suggestion(&pod, &seen);
        let yaml: String = suggestions.iter().map(Suggestion::yaml).collect();
        insta::assert_snapshot!(yaml, @r#"
        - name: web
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
              add: [NET_BIND_SERVICE]
            privileged: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 33
            seccompProfile: {type: RuntimeDefault}
          volumeMounts:
          - {name: web-var-run, mountPath: /var/run}
          - {name: web-cachet, mountPath: /cachet}
          - {name: web-a-b, mountPath: "/a b"}
        - name: b
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
            privileged: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 33
            seccompProfile: {type: RuntimeDefault}
        "#);
    }
}
