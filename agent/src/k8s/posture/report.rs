//! Manifests to findings with lines.

use super::checks::{self, Check};
use super::pods::pods;
use super::suggest::{Suggestion, suggestion};
use crate::rules::source::Source;
use crate::rules::yaml::{self, Node};

/// What is wrong in a file.
#[derive(Debug, Default)]
pub struct Report {
    /// Its pods, in the order of the file.
    pub workloads: Vec<Workload>,
}

/// A pod of a manifest, with what is wrong with it.
#[derive(Debug)]
pub struct Workload {
    /// The kind of its object.
    pub kind: String,
    /// The object's namespace, if it names one.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// The line of the pod, from 1.
    pub line: usize,
    /// What is wrong.
    pub findings: Vec<Placed>,
    /// What to write instead, a part for each container.
    pub suggestions: Vec<Suggestion>,
}

/// A finding with its line.
#[derive(Debug)]
pub struct Placed {
    /// What is wrong.
    pub check: &'static Check,
    /// The container, `None` if it is about the pod.
    pub container: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// The value in question.
    pub detail: Option<String>,
}

/// A file that is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct ReportError {
    name: String,
    line: usize,
    column: usize,
    message: String,
}

/// Which directories a container was seen to write to.
pub type Writes<'w> = &'w dyn Fn(&str, Option<&str>) -> Vec<String>;

/// Checks the pods of a file, YAML or JSON. `writes` says for a container (its name and image) where it was seen to write.
///
/// # Errors
/// If the text is no YAML.
pub fn report(name: &str, text: &str, writes: Writes<'_>) -> Result<Report, ReportError> {
    let source = Source::new(name, text);
    let documents = yaml::parse(source.text()).map_err(|error| {
        let at = source.position(error.at);
        ReportError {
            name: name.to_owned(),
            line: at.line + 1,
            column: at.column + 1,
            message: error.message,
        }
    })?;
    let line = |node: &Node| source.position(node.at).line + 1;
    let mut report = Report::default();
    for document in &documents {
        for pod in pods(&**document) {
            let mut findings: Vec<Placed> = checks::check(pod.spec)
                .into_iter()
                .map(|finding| Placed {
                    check: finding.check,
                    container: finding.container.map(str::to_owned),
                    line: line(finding.node),
                    detail: finding.detail.map(str::to_owned),
                })
                .collect();
            findings.sort_by_key(|finding| finding.line);
            report.workloads.push(Workload {
                kind: pod.kind.to_owned(),
                namespace: pod.namespace.map(str::to_owned),
                name: pod.name.to_owned(),
                line: line(pod.spec),
                findings,
                suggestions: suggestion(pod.spec, writes),
            });
        }
    }
    Ok(report)
}

impl Report {
    /// How many findings there are.
    pub fn findings(&self) -> usize {
        self.workloads.iter().map(|workload| workload.findings.len()).sum()
    }
}
