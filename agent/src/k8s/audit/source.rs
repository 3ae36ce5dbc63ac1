//! Where the events come from: what `open_params` and `init_config` of the plugin `k8saudit` say.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_yaml::Value as Yaml;

use super::K8SAUDIT;
use super::batch::Limits;
use crate::config::{Config, Plugin};

/// The port that is listened on where an address names none.
const PORT: u16 = 9765;

/// Where Falco expects certificate and key.
const CERTIFICATE: &str = "/etc/falco/falco.pem";

/// How the source is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where events come from.
    pub input: Input,
    /// How much is taken in.
    pub limits: Limits,
    /// A PEM file with certificate and key, for `https`.
    pub certificate: PathBuf,
}

/// Where events come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The API server posts them.
    Webhook {
        /// What is listened on: `HOST:PORT`, where no host means all addresses.
        address: String,
        /// The path of the URL.
        path: String,
        /// Whether it is `https`.
        tls: bool,
    },
    /// A file that grows and is replaced when it has grown long enough.
    Follow(PathBuf),
    /// Files as they are, one after the other.
    Files(Vec<PathBuf>),
}

/// Why the source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing says where events come from.
    #[error(
        "plugins: 'k8saudit' needs 'open_params': where audit events come from, as http://:9765/k8s-audit, file:///PATH \
         (followed) or /PATH"
    )]
    Nowhere,
    /// `open_params` cannot be understood.
    #[error("plugins: 'k8saudit': open_params '{0}': {1}")]
    Params(String, &'static str),
    /// `init_config` cannot be understood.
    #[error("plugins: 'k8saudit': init_config: {0}")]
    Init(String),
    /// A file cannot be read.
    #[error("plugins: 'k8saudit': {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The address cannot be listened on.
    #[error("plugins: 'k8saudit': cannot listen on '{0}': {1}")]
    Listen(String, io::Error),
    /// The certificate cannot be used.
    #[error("plugins: 'k8saudit': sslCertificate: {path}: {problem}")]
    Certificate {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No thread can be started.
    #[error("plugins: 'k8saudit': no thread can be started: {0}")]
    Thread(io::Error),
}

impl Settings {
    /// What a configuration says, `None` if the plugin is not loaded by it.
    ///
    /// # Errors
    /// If what it says of the plugin makes no sense.
    pub fn of(config: &Config) -> Result<Option<Settings>, SourceError> {
        if !config.loads_plugin(K8SAUDIT) {
            return Ok(None);
        }
        let plugin = config.plugins.iter().find(|plugin| plugin.name == K8SAUDIT);
        plugin.map(Settings::of_plugin).transpose()
    }

    fn of_plugin(plugin: &Plugin) -> Result<Settings, SourceError> {
        let params = plugin.open_params.as_deref().unwrap_or_default().trim();
        let mut settings = Settings {
            input: input(params)?,
            limits: Limits::default(),
            certificate: PathBuf::from(CERTIFICATE),
        };
        match &plugin.init_config {
            None | Some(Yaml::Null) => {}
            Some(Yaml::String(text)) if text.trim().is_empty() => {}
            Some(Yaml::String(text)) => {
                let parsed: Yaml = serde_json::from_str(text)
                    .map_err(|error| SourceError::Init(format!("no JSON: {error}")))?;
                settings.init(&parsed)?;
            }
            Some(init) => settings.init(init)?,
        }
        Ok(settings)
    }

    fn init(&mut self, init: &Yaml) -> Result<(), SourceError> {
        let refuse = |problem: String| Err(SourceError::Init(problem));
        let Yaml::Mapping(init) = init else { return refuse("expected a mapping".to_owned()) };
        for (key, value) in init {
            let size = || {
                // In a configuration a number is a text; in JSON it is one.
                let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                let size = number.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
                size.ok_or_else(|| SourceError::Init(format!("{}: expected a number of bytes", shown(key))))
            };
            match key.as_str() {
                Some("maxEventSize") => self.limits.event = size()?,
                Some("webhookMaxBatchSize") => self.limits.batch = size()?,
                Some("sslCertificate") => match value.as_str() {
                    Some(file) if !file.is_empty() => self.certificate = file.into(),
                    _ => return refuse("sslCertificate: expected the name of a file".to_owned()),
                },
                // How Falco calls its plugin; there is no other way here.
                Some("useAsync") => {}
                _ => {
                    return refuse(format!(
                        "'{}' is not known: maxEventSize, webhookMaxBatchSize, sslCertificate and useAsync are",
                        shown(key)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn shown(key: &Yaml) -> String {
    key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned)
}

fn input(params: &str) -> Result<Input, SourceError> {
    let refuse = |problem| Err(SourceError::Params(params.to_owned(), problem));
    match params.split_once("://") {
        _ if params.is_empty() => Err(SourceError::Nowhere),
        None => files(Path::new(params)).map(Input::Files),
        Some(("file", path)) if path.starts_with('/') => Ok(Input::Follow(path.into())),
        Some(("file", _)) => refuse("expected file:///PATH, with a path from the root"),
        Some((scheme @ ("http" | "https"), rest)) => {
            let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let path = if path.is_empty() { "/" } else { path };
            // The last colon before a port: those of an IPv6 address stand in brackets.
            let has_port = address.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
            let address = if has_port { address.to_owned() } else { format!("{address}:{PORT}") };
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return refuse("the port is no number from 0 to 65535");
            }
            if path.contains(['?', '#']) {
                return refuse("a path cannot have '?' or '#'");
            }
            Ok(Input::Webhook { address, path: path.to_owned(), tls: scheme == "https" })
        }
        Some(_) => refuse("the scheme is none of http, https, file"),
    }
}

/// A file, or the files of a directory, the oldest first.
fn files(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |error| SourceError::File { path: path.display().to_string(), error };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let about = entry.path().metadata().map_err(failed)?;
        if about.is_file() {
            found.push((about.modified().map_err(failed)?, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(open_params: &str, init: &str) -> String {
        let options = [
            format!(
                "plugins=[{{name: k8saudit, library_path: libk8saudit.so, open_params: '{open_params}', init_config: {init}}}]"
            ),
            "load_plugins=[k8saudit]".to_owned(),
        ];
        match Settings::of(&Config::from_options(&options).unwrap()) {
            Ok(settings) => {
                let Settings { input, limits, certificate } = settings.unwrap();
                format!("{input:?} {}/{} {}", limits.event, limits.batch, certificate.display())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn open_params_say_where_events_come_from() {
        let told: Vec<String> = [
            "http://:9765/k8s-audit",
            "https://0.0.0.0:9765/k8s-audit",
            "http://localhost",
            "http://[::1]/x",
            "file:///var/log/kubernetes/audit.log",
            "",
            "file://audit.log",
            "ftp://host/x",
            "http://host:port/x",
            "http://host:1/x?y",
            "/no/such/file",
        ]
        .iter()
        .map(|params| settings(params, "''"))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Webhook { address: ":9765", path: "/k8s-audit", tls: false } 262144/12582912 /etc/falco/falco.pem
        Webhook { address: "0.0.0.0:9765", path: "/k8s-audit", tls: true } 262144/12582912 /etc/falco/falco.pem
        Webhook { address: "localhost:9765", path: "/", tls: false } 262144/12582912 /etc/falco/falco.pem
        Webhook { address: "[::1]:9765", path: "/x", tls: false } 262144/12582912 /etc/falco/falco.pem
        Follow("/var/log/kubernetes/audit.log") 262144/12582912 /etc/falco/falco.pem
        plugins: 'k8saudit' needs 'open_params': where audit events come from, as http://:9765/k8s-audit, file:///PATH (followed) or /PATH
        plugins: 'k8saudit': open_params 'file://audit.log': expected file:///PATH, with a path from the root
        plugins: 'k8saudit': open_params 'ftp://host/x': the scheme is none of http, https, file
        plugins: 'k8saudit': open_params 'http://host:port/x': the port is no number from 0 to 65535
        plugins: 'k8saudit': open_params 'http://host:1/x?y': a path cannot have '?' or '#'
        plugins: 'k8saudit': /no/such/file: No such file or directory (os error 2)
        "#);
    }

    #[test]
    fn init_config_is_a_mapping_or_json() {
        let params = "file:///log";
        let told: Vec<String> = [
            "{maxEventSize: 1000, webhookMaxBatchSize: 2000, sslCertificate: /c.pem, useAsync: false}",
            r#"'{"maxEventSize": 1000, "useAsync": true}'"#,
            "'{'",
            "[a]",
            "{maxEventSize: 0}",
            "{maxEventSize: many}",
            "{sslCertificate: ''}",
            "{maxEventsize: 7}",
        ]
        .iter()
        .map(|init| settings(params, init))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Follow("/log") 1000/2000 /c.pem
        Follow("/log") 1000/12582912 /etc/falco/falco.pem
        plugins: 'k8saudit': init_config: no JSON: EOF while parsing an object at line 1 column 1
        plugins: 'k8saudit': init_config: expected a mapping
        plugins: 'k8saudit': init_config: maxEventSize: expected a number of bytes
        plugins: 'k8saudit': init_config: maxEventSize: expected a number of bytes
        plugins: 'k8saudit': init_config: sslCertificate: expected the name of a file
        plugins: 'k8saudit': init_config: 'maxEventsize' is not known: maxEventSize, webhookMaxBatchSize, sslCertificate and useAsync are
        "#);
    }

    #[test]
    fn what_is_not_loaded_is_no_source() {
        let plugins = "plugins=[{name: k8saudit, library_path: l}]".to_owned();
        let config = Config::from_options(&[plugins, "load_plugins=[]".to_owned()]).unwrap();
        assert_eq!(Settings::of(&config).unwrap(), None);
    }
}
