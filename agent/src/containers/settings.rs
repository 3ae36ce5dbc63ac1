//! How runtimes are asked: the settings of Falco's container plugin (`plugins[].init_config`) and those of our own.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_yaml::Value as Yaml;

use crate::config::{CONTAINER, Config, typed};

/// How runtimes are asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Labels whose value is longer are left out, in bytes.
    pub label_max_len: usize,
    /// Also ask how large a container is, which takes runtimes long.
    pub with_size: bool,
    /// Which events of runtimes are listened to.
    pub hooks: Vec<Hook>,
    /// How long events of a container wait until its runtime has told.
    pub wait: Duration,
    /// The root of the host.
    pub host: PathBuf,
    /// Who is asked, in this order.
    pub engines: Vec<EngineKind>,
}

/// An event of a runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// A container was made.
    Create,
    /// A container was started.
    Start,
}

/// A runtime and where it listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineKind {
    /// Docker's API.
    Docker(PathBuf),
    /// Podman's API.
    Podman(PathBuf),
    /// containerd's own API.
    Containerd(PathBuf),
    /// The interface of Kubernetes: containerd, CRI-O and others.
    Cri(PathBuf),
    /// Podman's files.
    PodmanStore,
    /// The descriptions from which low-level runtimes start containers.
    Bundles,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct InitConfig {
    label_max_len: Option<usize>,
    with_size: Option<bool>,
    hooks: Option<Vec<Hook>>,
    /// Seconds at the start; here no start waits for an engine.
    #[serde(rename = "engine_timeout")]
    _engine_timeout: Option<u64>,
    #[serde(default)]
    engines: Engines,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Engines {
    docker: Sockets,
    podman: Sockets,
    containerd: Sockets,
    cri: Sockets,
    /// Of these three, id and type are all there is, and cost nothing.
    #[serde(rename = "lxc")]
    _lxc: Switch,
    #[serde(rename = "libvirt_lxc")]
    _libvirt_lxc: Switch,
    #[serde(rename = "bpm")]
    _bpm: Switch,
    r#static: Option<Yaml>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Switch {
    #[serde(rename = "enabled")]
    _enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sockets {
    enabled: bool,
    sockets: Option<Vec<PathBuf>>,
}

impl Default for Sockets {
    fn default() -> Self {
        Sockets { enabled: true, sockets: None }
    }
}

/// Where runtimes listen unless the configuration says otherwise.
const DOCKER: [&str; 1] = ["/var/run/docker.sock"];
const PODMAN: [&str; 1] = ["/run/podman/podman.sock"];
const CONTAINERD: [&str; 2] = ["/run/containerd/containerd.sock", "/run/host-containerd/containerd.sock"];
const CRI: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/host-containerd/containerd.sock",
];

impl Settings {
    /// From a configuration, for the host whose root is there. `None` if the container plugin is off.
    ///
    /// # Errors
    /// What is wrong with the plugin's settings.
    pub fn of(config: &Config, host: &Path) -> Result<Option<Settings>, SettingsError> {
        if !config.has_plugin(CONTAINER) {
            return Ok(None);
        }
        let given = config.plugins.iter().find(|plugin| plugin.name == CONTAINER);
        let given = given.and_then(|plugin| plugin.init_config.as_ref());
        let given = given.map(read).transpose()?.unwrap_or_default();
        let invented = given.engines.r#static.as_ref().and_then(|given| given.get("enabled")?.as_bool());
        if invented == Some(true) {
            let said = "engines.static: no container is invented for processes that are in none; remove it";
            return Err(SettingsError(said.to_owned()));
        }
        let mut settings = Settings {
            label_max_len: given.label_max_len.unwrap_or(100),
            with_size: given.with_size.unwrap_or(false),
            hooks: given.hooks.unwrap_or_else(|| vec![Hook::Create, Hook::Start]),
            wait: Duration::from_millis(config.saker.containers.wait_ms.into()),
            host: host.to_owned(),
            engines: Vec::new(),
        };
        let Engines { docker, podman, containerd, cri, .. } = given.engines;
        let mut podman_sockets: Vec<PathBuf> = PODMAN.iter().map(PathBuf::from).collect();
        podman_sockets.extend(user_sockets(host));
        settings.add(&podman, &podman_sockets, EngineKind::Podman);
        settings.add(&docker, &DOCKER.map(PathBuf::from), EngineKind::Docker);
        settings.add(&cri, &CRI.map(PathBuf::from), EngineKind::Cri);
        settings.add(&containerd, &CONTAINERD.map(PathBuf::from), EngineKind::Containerd);
        if podman.enabled {
            settings.engines.push(EngineKind::PodmanStore);
        }
        settings.engines.push(EngineKind::Bundles);
        Ok(Some(settings))
    }

    fn add(&mut self, given: &Sockets, default: &[PathBuf], kind: fn(PathBuf) -> EngineKind) {
        if !given.enabled {
            return;
        }
        for socket in given.sockets.as_deref().unwrap_or(default) {
            let text = socket.to_string_lossy();
            let socket = Path::new(text.strip_prefix("unix://").unwrap_or(&text));
            let on_host = in_root(&self.host, socket);
            // Someone may have mounted just the socket, where they say that it is.
            let path = if !on_host.exists() && socket.exists() { socket.to_owned() } else { on_host };
            let engine = kind(path);
            if !self.engines.contains(&engine) {
                self.engines.push(engine);
            }
        }
    }
}

/// How many symbolic links one path may lead through, as in the kernel.
const MAX_LINKS: usize = 40;

/// Where a path of the host leads whose root is `root`: a link in it to `/run` (as `/var/run` is) means the host's. What does not exist
/// leads nowhere else.
fn in_root(root: &Path, path: &Path) -> PathBuf {
    let mut rest: Vec<_> = path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    let (mut at, mut links) = (PathBuf::new(), 0);
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(name)) => at.push(name),
            Some(Component::ParentDir) => _ = at.pop(),
            Some(Component::RootDir) => at.clear(),
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
        if let Ok(target) = std::fs::read_link(root.join(&at))
            && links < MAX_LINKS
        {
            links += 1;
            at.pop();
            rest.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
        }
    }
    root.join(at)
}

/// The sockets of users' own Podmans.
fn user_sockets(host: &Path) -> Vec<PathBuf> {
    let users = std::fs::read_dir(host.join("run/user")).into_iter().flatten().flatten();
    let sockets = users.map(|user| user.path().join("podman/podman.sock")).filter(|path| path.exists());
    sockets.filter_map(|path| Some(Path::new("/").join(path.strip_prefix(host).ok()?))).collect()
}

fn read(given: &Yaml) -> Result<InitConfig, SettingsError> {
    // A text is YAML or JSON once more.
    let parsed = match given {
        Yaml::String(text) if text.trim().is_empty() => return Ok(InitConfig::default()),
        Yaml::String(text) => serde_yaml::from_str(text),
        Yaml::Null => return Ok(InitConfig::default()),
        mapping => serde_yaml::from_value(typed(mapping)),
    };
    parsed.map_err(|error| SettingsError(error.to_string()))
}

/// The settings of the container plugin cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "plugins: init_config of the plugin 'container': {0}\n  \
     it takes label_max_len, with_size, hooks and engines (docker, podman, containerd, cri, lxc, libvirt_lxc, bpm, static)"
)]
pub struct SettingsError(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(init_config: &str) -> Result<Settings, SettingsError> {
        let option = format!("plugins=[{{name: container, library_path: l, init_config: {init_config}}}]");
        let config = Config::from_options(&[option]).unwrap();
        Settings::of(&config, Path::new("/nowhere")).map(Option::unwrap)
    }

    #[test]
    fn the_defaults_name_all_engines() {
        let config = Config::default();
        let settings = Settings::of(&config, Path::new("/nowhere")).unwrap().unwrap();
        assert_eq!((settings.label_max_len, settings.wait), (100, Duration::from_millis(500)));
        let docker = EngineKind::Docker("/nowhere/var/run/docker.sock".into());
        assert!(settings.engines.contains(&docker) && settings.engines.contains(&EngineKind::PodmanStore));
        let off = Config::from_options(&["saker.builtin_plugins=[]".to_owned()]).unwrap();
        assert_eq!(Settings::of(&off, Path::new("/")).unwrap(), None);
    }

    #[test]
    fn links_lead_within_the_hosts_root() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for directory in ["run", "var"] {
            std::fs::create_dir(root.join(directory)).unwrap();
        }
        let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        link("/run", "var/run");
        link("../../../run/docker", "var/relative");
        link("loop", "var/loop");
        for (path, expected) in [
            ("/var/run/docker.sock", "run/docker.sock"),
            ("/var/relative/a.sock", "run/docker/a.sock"),
            ("/../var/./none/a.sock", "var/none/a.sock"),
            ("relative.sock", "relative.sock"),
            ("/var/loop/a.sock", "var/loop/a.sock"),
        ] {
            assert_eq!(in_root(root, Path::new(path)), root.join(expected), "{path}");
        }
        let settings = Settings::of(&Config::default(), root).unwrap().unwrap();
        assert!(settings.engines.contains(&EngineKind::Docker(root.join("run/docker.sock"))));
    }

    #[test]
    fn the_plugin_is_told_as_in_falco() {
        let given = settings(
            "{label_max_len: 7, with_size: true, hooks: [start], engines: {docker: {enabled: true, sockets: \
             ['unix:///a.sock']}, podman: {enabled: false, sockets: []}, containerd: {enabled: false, sockets: []}, \
             cri: {enabled: false, sockets: []}, lxc: {enabled: true}}}",
        )
        .unwrap();
        assert_eq!((given.label_max_len, given.with_size, &given.hooks[..]), (7, true, &[Hook::Start][..]));
        assert_eq!(given.engines, [EngineKind::Docker("/nowhere/a.sock".into()), EngineKind::Bundles]);
        let text = settings("'{\"label_max_len\": 9}'").unwrap();
        assert_eq!(text.label_max_len, 9);
    }

    #[test]
    fn mistakes_are_named() {
        for (given, said) in [
            ("{engins: {docker: {enabled: true}}}", "unknown field `engins`"),
            ("{hooks: [stop]}", "unknown variant `stop`"),
            ("{label_max_len: long}", "label_max_len"),
            ("{engines: {static: {enabled: true}}}", "engines.static"),
            ("'{'", "init_config"),
        ] {
            let error = settings(given).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
