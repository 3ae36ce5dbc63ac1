//! `saker posture`: what in manifests makes containers mutable or lets them reach the host, and what to write instead.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Format;
use super::capture::{name, open};
use crate::alerts::printable;
use crate::config::Config;
use crate::k8s::posture::observed::{Observer, Seen, of_container};
use crate::k8s::posture::{Report, Workload, report};
use crate::k8s::scalar;

/// What `saker posture` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Kubernetes manifests, YAML or JSON; `-` for what `kubectl get -o json` prints into it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// A capture of the workload at work: directories that it was seen to write to are suggested as emptyDir volumes
    #[arg(long, value_name = "CAPTURE")]
    observed: Option<PathBuf>,

    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The most bytes of a file.
const MAX_BYTES: u64 = 256 << 20;

/// Checks the files; the status is 1 if something is found.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let seen = args.observed.as_deref().map(observe).transpose()?;
    let writes = |container: &str, image: Option<&str>| {
        of_container(seen.as_deref().unwrap_or_default(), container, image)
    };
    let mut reports = Vec::new();
    for file in &args.files {
        let name = name(file);
        let text = read(file).with_context(|| name.clone())?;
        let report = report(&name, &text, &writes)?;
        reports.push((name, report));
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => text(&reports, seen.is_some(), &mut out)?,
        Format::Json => {
            let all: Vec<Value> = reports.iter().flat_map(|(name, report)| json_of(name, report)).collect();
            serde_json::to_writer_pretty(&mut out, &all)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    let found = reports.iter().any(|(_, report)| report.findings() > 0);
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = Vec::new();
    match file.as_os_str() == "-" {
        true => io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut text)?,
        false => std::fs::File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut text)?,
    };
    anyhow::ensure!(text.len() as u64 <= MAX_BYTES, "more than {MAX_BYTES} bytes");
    String::from_utf8(text).context("not UTF-8")
}

/// Where the containers of a capture write.
fn observe(capture: &Path) -> anyhow::Result<Vec<Seen>> {
    let name = || name(capture);
    let config = Config::default();
    let mut observer = Observer::new(&config).map_err(anyhow::Error::msg)?;
    let (mut reader, _progress) = open(capture)?;
    while let Some(snapshot) = reader.next_section().with_context(name)? {
        observer.begin(snapshot);
        while let Some(event) = reader.next().with_context(name)? {
            observer.event(&event);
        }
    }
    let seen = observer.seen();
    if seen.is_empty() {
        eprintln!("saker: {}: no container was seen to write", name());
    }
    Ok(seen)
}

fn title(workload: &Workload) -> String {
    let namespace = workload.namespace.iter().map(|namespace| format!("{namespace}/")).collect::<String>();
    format!("{} {namespace}{}", workload.kind, workload.name)
}

fn text(reports: &[(String, Report)], observed: bool, out: &mut impl Write) -> io::Result<()> {
    // Names come from the files and may hold anything.
    let mut put = |line: String| writeln!(out, "{}", printable(&line));
    let (mut pods, mut count) = (0, 0);
    for (name, report) in reports {
        for workload in &report.workloads {
            pods += 1;
            count += workload.findings.len();
            for finding in &workload.findings {
                let whose = match &finding.container {
                    Some(container) => format!("container '{container}'"),
                    None => "the pod".to_owned(),
                };
                let detail = finding.detail.iter().map(|detail| format!(" ({detail})")).collect::<String>();
                put(format!(
                    "{name}:{}: {}: {whose} {}{detail} [{}]",
                    finding.line,
                    title(workload),
                    finding.check.problem,
                    finding.check.code
                ))?;
            }
        }
    }
    for (name, report) in reports {
        for workload in report.workloads.iter().filter(|workload| !workload.findings.is_empty()) {
            put(String::new())?;
            put(format!("# {name}:{}: {}: suggested", workload.line, title(workload)))?;
            let volumes: Vec<_> = workload.suggestions.iter().flat_map(|one| one.volumes()).collect();
            if !volumes.is_empty() {
                put("volumes:".to_owned())?;
                volumes.iter().try_for_each(|(volume, _)| {
                    put(format!("- {{name: {}, emptyDir: {{}}}}", scalar(volume)))
                })?;
            }
            for suggestion in &workload.suggestions {
                suggestion.yaml().lines().try_for_each(|line| put(line.to_owned()))?;
            }
        }
    }
    if count > 0 && !observed {
        put(String::new())?;
        put("# --observed CAPTURE adds the directories that the containers write to".to_owned())?;
    }
    eprintln!("{count} findings in {pods} pods");
    Ok(())
}

fn json_of(name: &str, report: &Report) -> Vec<Value> {
    let of = |workload: &Workload| {
        let findings: Vec<Value> = workload
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "code": finding.check.code,
                    "line": finding.line,
                    "container": finding.container,
                    "detail": finding.detail,
                    "problem": finding.check.problem,
                    "remedy": finding.check.remedy,
                })
            })
            .collect();
        let suggestions: Vec<Value> = workload
            .suggestions
            .iter()
            .map(|one| {
                let mut context = json!({
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"] },
                    "privileged": false,
                    "readOnlyRootFilesystem": true,
                    "runAsNonRoot": true,
                    "seccompProfile": { "type": "RuntimeDefault" },
                });
                if one.low_port {
                    context["capabilities"]["add"] = json!(["NET_BIND_SERVICE"]);
                }
                if let Some(user) = one.user {
                    context["runAsUser"] = user.into();
                }
                let mounts: Vec<Value> =
                    one.volumes().map(|(name, path)| json!({ "name": name, "mountPath": path })).collect();
                json!({ "container": one.container, "securityContext": context, "emptyDirMounts": mounts })
            })
            .collect();
        json!({
            "file": name,
            "line": workload.line,
            "kind": workload.kind,
            "namespace": workload.namespace,
            "name": workload.name,
            "findings": findings,
            "suggestions": suggestions,
        })
    };
    report.workloads.iter().map(of).collect()
}
