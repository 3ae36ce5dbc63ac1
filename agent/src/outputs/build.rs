//! Which outputs a configuration asks for, and how they are made.

use std::path::PathBuf;
use std::time::Duration;

use super::OutputError;
use super::file::FileOutput;
use super::http::{Body, Http, HttpError, HttpOptions};
use super::journald::Journald;
use super::payload::{self, Payload};
use super::program::Program;
use super::runner::Target;
use super::stdout::Stdout;
use super::syslog::{Address, FACILITIES, LOCAL, Syslog};
use super::tls::{SYSTEM_CERTIFICATES, TlsFiles};
use crate::config::{Config, Priority, SyslogOutput, Webhook};

/// The name of standard output.
pub(super) const STDOUT: &str = "stdout";
/// The names of the outputs of which there is at most one.
const NAMES: [&str; 7] = [STDOUT, "syslog", "file", "program", "http", "journald", "slack"];
/// How alerts are named where all programs' messages come together.
const IDENT: &str = "saker";

/// An output that is to be.
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) target: Box<dyn Target>,
    /// It leaves this host, or nobody knows where it goes.
    pub(super) remote: bool,
    /// What waits for it is of no use to the next agent.
    pub(super) local_only: bool,
    /// Alerts less severe than this are not for it.
    pub(super) priority: Priority,
}

/// The outputs that a configuration asks for.
pub(super) fn plan(config: &Config) -> Result<Vec<Planned>, OutputError> {
    let timeout = Duration::from_millis(config.output_timeout.into());
    let mut planned = Vec::new();
    let mut add = |name: &str, target: Box<dyn Target>, remote: bool, priority: Priority| {
        let local_only = name == STDOUT;
        planned.push(Planned { name: name.to_owned(), target, remote, local_only, priority });
    };
    if config.stdout_output.enabled {
        let target = Stdout { buffered: config.buffered_outputs, block: Vec::new() };
        add(STDOUT, Box::new(target), false, Priority::Debug);
    }
    if config.syslog_output.enabled {
        let address = Address::Unix(LOCAL.map(PathBuf::from).to_vec());
        let (facility, ident) = (1, IDENT.to_owned());
        let target = Syslog { address, facility, ident, timeout, tls: None, connection: None };
        add("syslog", Box::new(target), false, Priority::Debug);
    }
    if let (true, Some(path)) = (config.file_output.enabled, &config.file_output.filename) {
        let keep_alive = config.file_output.keep_alive;
        let target = FileOutput { path: path.clone(), keep_alive, open: None };
        add("file", Box::new(target), false, Priority::Debug);
    }
    if let (true, Some(command)) = (config.program_output.enabled, &config.program_output.program) {
        let keep_alive = config.program_output.keep_alive;
        let target = Program::new(command.clone(), keep_alive);
        add("program", Box::new(target), true, Priority::Debug);
    }
    if config.http_output.enabled {
        let target = http(config, timeout)
            .map_err(|error| OutputError::Http { key: "http_output".to_owned(), error })?;
        add("http", Box::new(target), true, Priority::Debug);
    }
    let saker = &config.saker;
    if saker.journald_output.enabled {
        let target =
            Journald { socket: saker.journald_output.socket.clone(), ident: IDENT.to_owned(), open: None };
        add("journald", Box::new(target), false, Priority::Debug);
    }
    let slack = &saker.slack_output;
    if slack.enabled {
        let key = "saker.slack_output".to_owned();
        let text = slack.payload.as_deref().unwrap_or(payload::SLACK);
        let payload = payload(&key, text, true)?;
        let options = HttpOptions {
            url: slack.url.clone().unwrap_or_default(),
            headers: Vec::new(),
            content_type: Some("application/json".to_owned()),
            body: Body::Payload(payload),
            tls: system_tls(),
            compress: false,
            keep_alive: true,
            echo: false,
            timeout,
        };
        let target = Http::new(options).map_err(|error| OutputError::Http { key, error })?;
        add("slack", Box::new(target), true, slack.priority);
    }
    for (index, webhook) in saker.webhooks.iter().enumerate() {
        let key = format!("saker.webhooks[{index}]");
        let target = self::webhook(&key, webhook, timeout)?;
        add(&webhook.name, Box::new(target), true, webhook.priority);
    }
    for (index, output) in saker.syslog_outputs.iter().enumerate() {
        let key = format!("saker.syslog_outputs[{index}]");
        let target = self::syslog(&key, output, timeout)?;
        let remote = !target.address.is_local();
        add(&output.name, Box::new(target), remote, output.priority);
    }
    check_names(config)?;
    Ok(planned)
}

/// Names are those of files in the spool and of figures in metrics; each is used once.
fn check_names(config: &Config) -> Result<(), OutputError> {
    let saker = &config.saker;
    let webhooks =
        saker.webhooks.iter().enumerate().map(|(at, one)| (format!("saker.webhooks[{at}].name"), &one.name));
    let syslog = saker
        .syslog_outputs
        .iter()
        .enumerate()
        .map(|(at, one)| (format!("saker.syslog_outputs[{at}].name"), &one.name));
    let mut seen: Vec<&str> = NAMES.to_vec();
    for (key, name) in webhooks.chain(syslog) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let problem = if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            format!("'{name}' is no name: use up to 64 letters, digits, '-' and '_'")
        } else if seen.contains(&name.as_str()) {
            format!("'{name}' is the name of another output")
        } else {
            seen.push(name);
            continue;
        };
        return Err(OutputError::Value { key, problem });
    }
    Ok(())
}

fn filled(path: Option<&PathBuf>) -> Option<&PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn system_tls() -> TlsFiles {
    TlsFiles { insecure: false, authorities: SYSTEM_CERTIFICATES.into(), client: None }
}

fn http(config: &Config, timeout: Duration) -> Result<Http, HttpError> {
    let options = &config.http_output;
    let authorities = filled(options.ca_cert.as_ref()).or(filled(options.ca_bundle.as_ref()));
    Http::new(HttpOptions {
        url: options.url.clone().unwrap_or_default(),
        headers: vec![("User-Agent".to_owned(), options.user_agent.clone())],
        content_type: None,
        body: Body::Line,
        tls: TlsFiles {
            insecure: options.insecure,
            authorities: authorities.unwrap_or(&options.ca_path).clone(),
            client: options.mtls.then(|| (options.client_cert.clone(), options.client_key.clone())),
        },
        compress: options.compress_uploads,
        keep_alive: options.keep_alive,
        echo: options.echo,
        timeout,
    })
}

/// What the keys of an output of Saker's own say about TLS.
fn tls_files(
    key: &str,
    insecure: bool,
    ca_cert: Option<&PathBuf>,
    client_cert: Option<&PathBuf>,
    client_key: Option<&PathBuf>,
) -> Result<TlsFiles, OutputError> {
    let client = match (filled(client_cert), filled(client_key)) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => {
            let problem = "'client_cert' and 'client_key' belong together".to_owned();
            return Err(OutputError::Value { key: key.to_owned(), problem });
        }
    };
    let authorities = filled(ca_cert).cloned().unwrap_or_else(|| SYSTEM_CERTIFICATES.into());
    Ok(TlsFiles { insecure, authorities, client })
}

fn payload(key: &str, text: &str, json: bool) -> Result<Payload, OutputError> {
    Payload::new(text, json).map_err(|error| OutputError::Payload { key: key.to_owned(), error })
}

fn webhook(key: &str, webhook: &Webhook, timeout: Duration) -> Result<Http, OutputError> {
    let json = webhook.content_type.contains("json");
    let body = payload(key, webhook.payload.as_deref().unwrap_or(payload::ALERT), json)?;
    let Webhook { insecure, ca_cert, client_cert, client_key, .. } = webhook;
    let options = HttpOptions {
        url: webhook.url.clone(),
        headers: webhook.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        content_type: Some(webhook.content_type.clone()),
        body: Body::Payload(body),
        tls: tls_files(key, *insecure, ca_cert.as_ref(), client_cert.as_ref(), client_key.as_ref())?,
        compress: webhook.compress_uploads,
        keep_alive: true,
        echo: false,
        timeout,
    };
    Http::new(options).map_err(|error| OutputError::Http { key: key.to_owned(), error })
}

fn syslog(key: &str, output: &SyslogOutput, timeout: Duration) -> Result<Syslog, OutputError> {
    let Some(address) = Address::parse(&output.url) else {
        return Err(OutputError::Value {
            key: format!("{key}.url"),
            problem: format!(
                "'{}' is none of udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH",
                output.url
            ),
        });
    };
    let SyslogOutput { insecure, ca_cert, client_cert, client_key, .. } = output;
    let files = tls_files(key, *insecure, ca_cert.as_ref(), client_cert.as_ref(), client_key.as_ref())?;
    let tls = match address {
        Address::Tls(_) => {
            let tls = files.load().map_err(|error| OutputError::Tls { key: key.to_owned(), error })?;
            Some(tls.config())
        }
        _ => None,
    };
    let facility = FACILITIES.iter().position(|name| *name == output.facility).unwrap_or(1) as u8;
    Ok(Syslog { address, facility, ident: IDENT.to_owned(), timeout, tls, connection: None })
}
