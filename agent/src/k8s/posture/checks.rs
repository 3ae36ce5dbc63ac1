//! The table of checks: what makes a container mutable or lets it reach the host, and how each is found in a pod.

use std::path::Path;

use super::tree::Tree;

/// Something that a pod should not have.
#[derive(Debug)]
pub struct Check {
    /// Its name: in reports, and in the field `saker.ka.pod.findings`.
    pub code: &'static str,
    /// What is wrong, to be read behind the name of a container or a pod.
    pub problem: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// A check that a pod or one of its containers does not pass.
#[derive(Debug)]
pub struct Finding<'t, T> {
    /// Which.
    pub check: &'static Check,
    /// The container, `None` if it is about the whole pod.
    pub container: Option<&'t str>,
    /// The value that is wrong; where one is missing, what it is missing in.
    pub node: &'t T,
    /// The value in question, such as a path or a capability.
    pub detail: Option<&'t str>,
}

macro_rules! checks {
    ($($name:ident $code:literal $problem:literal $remedy:literal;)*) => {
        $(static $name: Check = Check { code: $code, problem: $problem, remedy: $remedy };)*
    };
}

checks! {
    PRIVILEGED "privileged" "is privileged: nothing keeps it from the host"
        "set securityContext.privileged to false, and add single capabilities if it needs them";
    WRITABLE_ROOT "writable_root" "can write to its root file system, so what runs need not be what was built"
        "set securityContext.readOnlyRootFilesystem to true, and mount an emptyDir where it has to write";
    ROOT_USER "root_user" "may run as root"
        "set runAsNonRoot to true (and runAsUser, if the image does not name a user by number)";
    ESCALATION "privilege_escalation" "can gain privileges, by programs with the setuid bit"
        "set securityContext.allowPrivilegeEscalation to false";
    ADDED "added_capability" "is given a capability beyond the usual ones"
        "take it out of securityContext.capabilities.add";
    KEPT "kept_capabilities" "keeps the usual capabilities"
        "set securityContext.capabilities.drop to [ALL]";
    SECCOMP "no_seccomp" "may make every system call"
        "set securityContext.seccompProfile.type to RuntimeDefault";
    PROC_MOUNT "unmasked_proc" "sees all of /proc"
        "leave out securityContext.procMount";
    HOST_NETWORK "host_network" "uses the network of the host"
        "leave out hostNetwork";
    HOST_PID "host_pid" "sees the processes of the host"
        "leave out hostPID";
    HOST_IPC "host_ipc" "shares the IPC namespace of the host"
        "leave out hostIPC";
    HOST_PORT "host_port" "takes a port of the host"
        "leave out hostPort, and use a Service";
    HOST_PATH "host_path" "mounts a sensitive path of the host"
        "leave out the volume, or mount what is needed of it only";
    RUNTIME_SOCKET "runtime_socket" "mounts the socket of a container runtime, which is as good as root on the host"
        "leave out the volume";
    WRITABLE_HOST_PATH "writable_host_path" "can write to a path of the host"
        "set readOnly to true where it is mounted";
    INTERACTIVE "interactive" "is made for somebody to type into it (stdin, tty)"
        "leave out stdin and tty";
    MUTABLE_IMAGE "mutable_image" "runs an image that is not named by its digest, so it can become another"
        "name the image as NAME@sha256:DIGEST";
    API_TOKEN "api_token" "is given a token of the API server"
        "set automountServiceAccountToken to false, if it does not talk to the API server";
}

/// Paths of the host from which, or by changing which, one can take it over or read its secrets; also what lies below.
const SENSITIVE: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/usr",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
];

/// How sockets of runtimes end.
const SOCKETS: &[&str] = &[
    "/docker.sock",
    "/containerd.sock",
    "/crio.sock",
    "/podman.sock",
    "/cri-dockerd.sock",
    "/dockershim.sock",
    "/buildkitd.sock",
];

/// Harmless even beside `drop: [ALL]`.
const HARMLESS: &str = "NET_BIND_SERVICE";

/// The lists in which a pod has containers.
const CONTAINERS: &[&str] = &["initContainers", "containers", "ephemeralContainers"];

/// The containers of a pod, with their names.
pub(super) fn containers<T: Tree>(spec: &T) -> impl Iterator<Item = (&str, &T)> {
    let lists = CONTAINERS.iter().filter_map(|list| spec.get(list));
    lists
        .flat_map(T::each)
        .map(|container| (container.get("name").and_then(T::text).unwrap_or("?"), container))
}

/// What is wrong with a pod.
pub fn check<T: Tree>(spec: &T) -> Vec<Finding<'_, T>> {
    let mut found = Vec::new();
    let mut about_pod = |check, node| found.push(Finding { check, container: None, node, detail: None });
    for (key, check) in [("hostNetwork", &HOST_NETWORK), ("hostPID", &HOST_PID), ("hostIPC", &HOST_IPC)] {
        if let Some(node) = spec.get(key).filter(|node| node.flag() == Some(true)) {
            about_pod(check, node);
        }
    }
    match spec.get("automountServiceAccountToken") {
        Some(node) if node.flag() == Some(false) => {}
        node => about_pod(&API_TOKEN, node.unwrap_or(spec)),
    }
    for (name, node) in containers(spec) {
        Container { spec, name, node, context: node.get("securityContext") }.check(&mut found);
    }
    found
}

struct Container<'t, T> {
    spec: &'t T,
    name: &'t str,
    node: &'t T,
    context: Option<&'t T>,
}

impl<'t, T: Tree> Container<'t, T> {
    fn check(&self, found: &mut Vec<Finding<'t, T>>) {
        let about = |check, node, detail| Finding { check, container: Some(self.name), node, detail };
        let within = self.context.unwrap_or(self.node);
        let is = |key: &str, wanted: bool| self.own(key).and_then(T::flag) == Some(wanted);
        let mut tell = |check, node: Option<&'t T>| found.push(about(check, node.unwrap_or(within), None));
        let privileged = is("privileged", true);
        if privileged {
            tell(&PRIVILEGED, self.own("privileged"));
        }
        if !is("readOnlyRootFilesystem", true) {
            tell(&WRITABLE_ROOT, self.own("readOnlyRootFilesystem"));
        }
        if let Some(node) = self.may_be_root() {
            tell(&ROOT_USER, node);
        }
        // Whoever is privileged has all of these anyway.
        if !privileged {
            if !is("allowPrivilegeEscalation", false) {
                tell(&ESCALATION, self.own("allowPrivilegeEscalation"));
            }
            if !self.capabilities("drop").any(|(name, _)| name.eq_ignore_ascii_case("ALL")) {
                tell(&KEPT, self.own("capabilities"));
            }
            let profile = self.setting("seccompProfile");
            let kind = profile.and_then(|profile| profile.get("type")).and_then(T::text);
            if !matches!(kind, Some("RuntimeDefault" | "Localhost")) {
                tell(&SECCOMP, profile);
            }
        }
        if let Some(node) = self.own("procMount").filter(|node| node.text() == Some("Unmasked")) {
            tell(&PROC_MOUNT, Some(node));
        }
        for key in ["stdin", "tty"] {
            if let Some(node) = self.node.get(key).filter(|node| node.flag() == Some(true)) {
                tell(&INTERACTIVE, Some(node));
                break;
            }
        }
        for (name, node) in self.capabilities("add") {
            let plain = name.strip_prefix("CAP_").unwrap_or(name);
            if plain != HARMLESS {
                found.push(about(&ADDED, node, Some(name)));
            }
        }
        let ports = self.node.get("ports").into_iter().flat_map(T::each);
        for port in ports.filter_map(|port| port.get("hostPort")).filter(|port| port.number() != Some(0)) {
            found.push(about(&HOST_PORT, port, port.text()));
        }
        if let Some(image) = self.node.get("image")
            && image.text().is_some_and(|image| !image.contains("@sha256:"))
        {
            found.push(about(&MUTABLE_IMAGE, image, image.text()));
        }
        self.host_paths(found);
    }

    /// A setting of the container.
    fn own(&self, key: &str) -> Option<&'t T> {
        self.context?.get(key)
    }

    /// A setting of the container, else that of the pod.
    fn setting(&self, key: &str) -> Option<&'t T> {
        self.own(key).or_else(|| self.spec.at(&["securityContext", key]))
    }

    /// The setting for which the container may run as root; inside `None` if there is none at all.
    fn may_be_root(&self) -> Option<Option<&'t T>> {
        let user = self.setting("runAsUser");
        match user.and_then(T::number) {
            Some(0) => Some(user),
            Some(_) => None,
            None => {
                let promise = self.setting("runAsNonRoot");
                (promise.and_then(T::flag) != Some(true)).then_some(promise)
            }
        }
    }

    fn capabilities(&self, list: &str) -> impl Iterator<Item = (&'t str, &'t T)> {
        let listed = self.own("capabilities").and_then(|capabilities| capabilities.get(list));
        listed.into_iter().flat_map(T::each).filter_map(|node| Some((node.text()?, node)))
    }

    /// The paths of the host that the container mounts.
    fn host_paths(&self, found: &mut Vec<Finding<'t, T>>) {
        let about = |check, node, detail| Finding { check, container: Some(self.name), node, detail };
        for mount in self.node.get("volumeMounts").into_iter().flat_map(T::each) {
            let name = mount.get("name").and_then(T::text);
            let mut volumes = self.spec.get("volumes").into_iter().flat_map(T::each);
            let volume =
                volumes.find(|volume| name.is_some() && volume.get("name").and_then(T::text) == name);
            let Some(node) = volume.and_then(|volume| volume.at(&["hostPath", "path"])) else { continue };
            let Some(path) = node.text() else { continue };
            if is_socket(path) {
                found.push(about(&RUNTIME_SOCKET, node, Some(path)));
                continue;
            }
            if is_sensitive(path) {
                found.push(about(&HOST_PATH, node, Some(path)));
            }
            if mount.get("readOnly").and_then(T::flag) != Some(true) {
                found.push(about(&WRITABLE_HOST_PATH, mount, Some(path)));
            }
        }
    }
}

/// The path without `.`, `//` and a slash at the end; `..` goes up.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a path is sensitive, lies below such, or holds one.
fn is_sensitive(path: &str) -> bool {
    let path = clean(path);
    let path = Path::new(&path);
    SENSITIVE.iter().any(|sensitive| path.starts_with(sensitive) || Path::new(sensitive).starts_with(path))
}

fn is_socket(path: &str) -> bool {
    let path = clean(path);
    SOCKETS.iter().any(|socket| path.ends_with(socket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::audit::Json;

    fn codes(pod: &str) -> Vec<String> {
        let pod: Json = serde_json::from_str(pod).unwrap();
        check(&pod)
            .iter()
            .map(|finding| match finding.detail {
                Some(detail) => format!("{} {detail}", finding.check.code),
                None => finding.check.code.to_owned(),
            })
            .collect()
    }

    const HARDENED: &str = r#"{"automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "a", "image": "x@sha256:00", EXTRA "securityContext": {CONTEXT
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}]}"#;

    fn hardened(extra: &str, context: &str) -> Vec<String> {
        codes(&HARDENED.replace("EXTRA", extra).replace("CONTEXT", context))
    }

    #[test]
    fn a_hardened_pod_passes_and_each_step_back_is_found() {
        assert!(hardened("", "").is_empty(), "{:?}", hardened("", ""));
        for (extra, context, expected) in [
            ("", r#""privileged": true,"#, "privileged"),
            ("", r#""runAsUser": 0,"#, "root_user"),
            ("", r#""runAsNonRoot": false,"#, "root_user"),
            ("", r#""procMount": "Unmasked","#, "unmasked_proc"),
            ("", r#""seccompProfile": {"type": "Unconfined"},"#, "no_seccomp"),
            (r#""tty": true, "stdin": true,"#, "", "interactive"),
            (r#""ports": [{"containerPort": 80}, {"hostPort": 80}],"#, "", "host_port"),
        ] {
            assert_eq!(hardened(extra, context), [expected], "{extra}{context}");
        }
        assert!(hardened("", r#""runAsNonRoot": false, "runAsUser": 7,"#).is_empty());
    }

    #[test]
    fn a_pod_that_says_nothing_has_every_default() {
        assert_eq!(
            codes(r#"{"containers": [{"name": "a", "image": "nginx"}]}"#),
            [
                "api_token",
                "writable_root",
                "root_user",
                "privilege_escalation",
                "kept_capabilities",
                "no_seccomp",
                "mutable_image nginx"
            ]
        );
        assert_eq!(codes("[]"), ["api_token"]);
    }

    #[test]
    fn paths_of_the_host_are_told_apart() {
        let mounts = |path: &str, read_only: bool| -> Vec<String> {
            let pod = format!(
                r#"{{"volumes": [{{"name": "v", "hostPath": {{"path": "{path}"}}}}, {{"name": "e", "emptyDir": {{}}}}],
                    "containers": [{{"volumeMounts": [{{"name": "e"}}, {{"name": "v", "readOnly": {read_only}}}, {{"name": "w"}}]}}]}}"#
            );
            codes(&pod).into_iter().filter(|code| code.contains('/')).collect()
        };
        for (path, read_only, expected) in [
            ("/srv/../etc/", true, vec!["host_path /srv/../etc/"]),
            ("/", true, vec!["host_path /"]),
            ("/var", false, vec!["host_path /var", "writable_host_path /var"]),
            ("/data", true, vec![]),
            ("/data", false, vec!["writable_host_path /data"]),
            ("/etcetera", true, vec![]),
            ("/run/containerd/containerd.sock", true, vec!["runtime_socket /run/containerd/containerd.sock"]),
        ] {
            assert_eq!(mounts(path, read_only), expected, "{path}");
        }
    }
}
