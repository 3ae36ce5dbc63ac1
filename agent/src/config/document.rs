//! Putting a configuration together: the main file, the files that it names, the options of the command line; then one
//! [`Config`] with everything that is to be said about it.
//!
//! The order is Falco's: main file, options about `config_files`, the files that these name, all other options.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::check;
use super::merge::merge;
use super::model::{Config, ConfigFile, Strategy};
use super::path;
use super::read::{Problem, ProblemKind, read};
use super::shape;
use super::tree::{Node, Sources, Value};
use crate::rules::source::Place;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or directory cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something in it is wrong: a line for each problem, with its place.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

/// A configuration and what there is to say about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Lines to show to the operator, each with its place.
    pub warnings: Vec<String>,
    /// The files that it was read from, the main one first.
    pub files: Vec<PathBuf>,
}

/// Reads a configuration: of `file`, if there is one, changed by `options` of the form `KEY=VALUE`.
pub fn load(file: Option<&Path>, options: &[String]) -> Result<Loaded, ConfigError> {
    let mut document = Document::default();
    if let Some(file) = file {
        document.root = document.file(file)?;
    }
    let (about_files, others): (Vec<&String>, Vec<&String>) =
        options.iter().partition(|option| option.starts_with("config_files"));
    about_files.into_iter().for_each(|option| document.set(option));
    document.include(file)?;
    others.into_iter().for_each(|option| document.set(option));
    document.finish()
}

#[derive(Default)]
struct Document {
    root: Node,
    sources: Sources,
    problems: Vec<Problem>,
    files: Vec<PathBuf>,
}

impl Default for Node {
    fn default() -> Self {
        Node::null(Place::default())
    }
}

impl Document {
    fn error(&mut self, at: Place, message: impl Display) {
        self.problems.push(Problem { at, kind: ProblemKind::Error, message: message.to_string() });
    }

    fn warn(&mut self, at: Place, message: impl Display) {
        self.problems.push(Problem { at, kind: ProblemKind::Warning, message: message.to_string() });
    }

    /// Reads a file and checks it by itself: what another file replaces must be sound too.
    fn file(&mut self, path: &Path) -> Result<Node, ConfigError> {
        let bytes =
            fs::read(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        let begin = self.sources.file(&path.display().to_string(), String::from_utf8_lossy(&bytes));
        self.files.push(path.to_owned());
        let node = self.parse(begin);
        let mut problems = Vec::new();
        if !matches!(node.value, Value::Null) {
            let _ = read(shape::root(), &node, "", &mut problems);
        }
        // What is not heeded is told of the whole.
        problems.retain(|problem| problem.kind != ProblemKind::NotHeeded);
        self.problems.append(&mut problems);
        Ok(node)
    }

    fn parse(&mut self, begin: Place) -> Node {
        let mut odd = Vec::new();
        let parsed = self.sources.parse(begin, &mut |at, message| odd.push((at, message)));
        odd.into_iter().for_each(|(at, message)| self.warn(at, message));
        parsed.unwrap_or_else(|(at, message)| {
            self.error(at, message);
            Node::null(begin)
        })
    }

    /// Merges the files that `config_files` names.
    fn include(&mut self, main: Option<&Path>) -> Result<(), ConfigError> {
        let Some(named) = self.root.get("config_files").cloned() else { return Ok(()) };
        for entry in named.elements() {
            let mut ignored = Vec::new();
            let Some(shape) = shape::root().name("config_files").and_then(|shape| shape.element.as_deref())
            else {
                continue;
            };
            // What is wrong with the entry is told when the whole is read.
            let value = read(shape, entry, "", &mut ignored);
            let Some(ConfigFile { path, strategy }) =
                value.and_then(|value| serde_yaml::from_value(value).ok())
            else {
                continue;
            };
            if main == Some(path.as_path()) {
                self.error(entry.at, format!("config_files: {} cannot include itself", path.display()));
            } else if path.is_dir() {
                for file in self.directory(&path, entry.at)? {
                    self.include_file(&file, strategy)?;
                }
            } else if path.exists() {
                self.include_file(&path, strategy)?;
            } else if is_yaml(&path) {
                self.warn(
                    entry.at,
                    format!("config_files: {} does not exist; it is passed over", path.display()),
                );
            }
        }
        Ok(())
    }

    fn include_file(&mut self, path: &Path, strategy: Strategy) -> Result<(), ConfigError> {
        let node = self.file(path)?;
        if let Some(nested) = node.entries().iter().find(|entry| entry.name == "config_files") {
            let at = nested.at;
            self.error(at, "config_files: a file that is included cannot include others");
        }
        merge(&mut self.root, node, strategy);
        Ok(())
    }

    /// The `.yaml` and `.yml` files of a directory by name.
    fn directory(&mut self, path: &Path, at: Place) -> Result<Vec<PathBuf>, ConfigError> {
        let failed = |error| ConfigError::Unreadable { path: path.to_owned(), error };
        let entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut files: Vec<PathBuf> =
            entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        let (files, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_yaml(path));
        for other in others {
            self.warn(
                at,
                format!("config_files: {} is neither .yaml nor .yml; it is passed over", other.display()),
            );
        }
        Ok(files)
    }

    /// Applies `KEY=VALUE`. A value in brackets or braces is YAML in flow style, any other a scalar as it stands.
    fn set(&mut self, option: &str) {
        let mut at = self.sources.option(option);
        let Some((key, value)) = option.split_once('=') else {
            return self.error(at, "expected KEY=VALUE");
        };
        let flow = (value.starts_with('[') && value.ends_with(']'))
            || (value.starts_with('{') && value.ends_with('}'));
        at.at = key.len() + 1;
        let node = if flow { self.parse(at) } else { Node::scalar(value, at) };
        if let Err(error) = path::set(&mut self.root, key, node) {
            self.error(at, error);
        }
    }

    fn finish(mut self) -> Result<Loaded, ConfigError> {
        if matches!(self.root.value, Value::Null) {
            self.root.value = Value::Mapping(Vec::new());
        }
        let mut problems = Vec::new();
        let read = read(shape::root(), &self.root, "", &mut problems);
        for (node, message) in check::together(&self.root) {
            problems.push(Problem { at: node.at, kind: ProblemKind::Error, message });
        }
        for problem in problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        self.problems.sort_by_key(|problem| (problem.at.file, problem.at.at));
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        for Problem { at, kind, message } in &self.problems {
            let line = printable(&format!("{}: {message}", self.sources.show(*at)));
            let refused = match kind {
                ProblemKind::Error => true,
                ProblemKind::Unknown => self.sources.is_option(*at),
                ProblemKind::Warning | ProblemKind::NotHeeded => false,
            };
            if refused { errors.push(line) } else { warnings.push(line) }
        }
        if !errors.is_empty() {
            return Err(ConfigError::Refused(errors));
        }
        // What was read without an error has the shape that the model wants, as the tests of the table show.
        let config = Config::deserialize(read.unwrap_or_default())
            .map_err(|error| ConfigError::Refused(vec![error.to_string()]))?;
        Ok(Loaded { config, warnings, files: self.files })
    }
}

/// A line without control characters, so that no value can forge another line or move a terminal's cursor.
fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for character in line.chars() {
        match character.is_control() {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
