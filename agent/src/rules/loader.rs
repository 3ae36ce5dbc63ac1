//! Loading rules: the steps in order, file by file, and what each file's load result is.
//!
//! Like Falco, this compiles everything that was read so far after each file. So a file's result speaks of all rules
//! up to it: a macro that only a later file uses is unused in the result of the file that defines it.

use serde_json::{Value, json};

use super::codes::{ErrorCode, ItemKind};
use super::collector::Collector;
use super::compile::{Compiled, Compiler, Memory};
use super::environment::Environment;
use super::finding::{Code, Finding, Spot};
use super::items::PluginRequirement;
use super::origin::Origins;
use super::reader::Reader;
use super::schema;
use super::source::{Place, Source};
use super::version::Version;
use super::yaml;

/// What loading one file came to.
#[derive(Clone, Debug)]
pub struct LoadResult {
    /// The name of the file.
    pub name: String,
    /// What was found: at most one error, as Falco stops there.
    pub errors: Vec<Finding>,
    /// Warnings in the order of discovery.
    pub warnings: Vec<Finding>,
    /// Errors that Falco would show only once the first is repaired.
    pub further_errors: Vec<Finding>,
    /// Whether the file has the shape that Falco's schema asks for; `None` if there is nothing in it to validate.
    pub schema_valid: Option<bool>,
    /// The schema's complaints.
    pub schema_warnings: Vec<String>,
}

impl LoadResult {
    /// Whether the file is loaded.
    pub fn successful(&self) -> bool {
        self.errors.is_empty()
    }

    /// As an entry of Falco's `falco_load_results`, with what its schema says added.
    pub fn json(&self, sources: &[Source]) -> Value {
        let list = |findings: &[Finding]| -> Vec<Value> {
            findings.iter().map(|finding| finding.json(sources)).collect()
        };
        json!({
            "name": self.name,
            "successful": self.successful(),
            "errors": list(&self.errors),
            "warnings": list(&self.warnings),
            "schema_valid": self.schema_valid,
            "schema_warnings": self.schema_warnings,
        })
    }

    /// The verdict as Falco prints it.
    pub fn summary(&self) -> String {
        let verdict = match (self.successful(), self.warnings.is_empty()) {
            (true, true) => "Ok",
            (true, false) => "Ok, with warnings",
            (false, _) => "Invalid",
        };
        format!("{}: {verdict}", self.name)
    }
}

impl LoadResult {
    /// The verdict with all errors and warnings, as Falco prints it.
    pub fn verbose(&self, sources: &[Source]) -> String {
        use std::fmt::Write as _;

        let mut out = self.summary();
        for (title, findings) in [("Errors", &self.errors), ("Warnings", &self.warnings)] {
            if !findings.is_empty() {
                let _ = writeln!(out, "\n{} {title}:", findings.len());
            }
            findings.iter().for_each(|finding| out.push_str(&finding.verbose(sources)));
        }
        out
    }
}

/// Loads rule files one after the other.
pub struct Loader<'e> {
    env: Environment<'e>,
    sources: Vec<Source>,
    collector: Collector,
    compiled: Compiled,
    memory: Memory,
}

impl<'e> Loader<'e> {
    /// Nothing loaded yet.
    pub fn new(env: Environment<'e>) -> Self {
        Loader {
            env,
            sources: Vec::new(),
            collector: Collector::default(),
            compiled: Compiled::default(),
            memory: Memory::default(),
        }
    }

    /// The texts that were loaded: what findings speak of.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn collector(&self) -> &Collector {
        &self.collector
    }

    pub(super) fn origins(&self) -> &Origins {
        &self.memory.origins
    }

    pub(super) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    pub(super) fn env(&self) -> &Environment<'e> {
        &self.env
    }

    /// Loads the bytes of a file. `name` is how findings call it.
    pub fn load(&mut self, name: &str, bytes: &[u8]) -> LoadResult {
        let file = self.sources.len() as u32;
        self.sources.push(Source::new(name, String::from_utf8_lossy(bytes)));
        let mut result = LoadResult {
            name: name.to_owned(),
            errors: Vec::new(),
            warnings: Vec::new(),
            further_errors: Vec::new(),
            schema_valid: None,
            schema_warnings: Vec::new(),
        };
        let required = self.collector.requirements.plugins.len();
        if self.read(file, &mut result) {
            self.compile(&mut result);
        }
        self.check_plugins(required, &mut result);
        result
    }

    /// Reports a file that cannot be read.
    pub fn unreadable(&mut self, name: &str, error: &std::io::Error) -> LoadResult {
        let place = Place { file: self.sources.len() as u32, at: 0 };
        self.sources.push(Source::new(name, ""));
        let trail = vec![Spot { kind: ItemKind::RulesContent, name: String::new(), place }];
        let message = format!("Could not open {name} for reading: {error}");
        LoadResult {
            name: name.to_owned(),
            errors: vec![*Finding::error(ErrorCode::FileRead, message, trail)],
            warnings: Vec::new(),
            further_errors: Vec::new(),
            schema_valid: None,
            schema_warnings: Vec::new(),
        }
    }

    /// Reads a file into the collector; `false` if it must not be compiled.
    fn read(&mut self, file: u32, result: &mut LoadResult) -> bool {
        let source = &self.sources[file as usize];
        let root = Spot { kind: ItemKind::RulesContent, name: String::new(), place: Place { file, at: 0 } };
        let documents = match yaml::parse(source.text()) {
            Ok(documents) => documents,
            Err(error) => {
                let place = Place { file, at: error.at };
                let position = source.position(error.at);
                let message = format!(
                    "yaml-cpp: error at line {}, column {}: {}",
                    position.line + 1,
                    position.column + 1,
                    error.message
                );
                let spot = Spot { kind: ItemKind::ValueFor, name: String::new(), place };
                result.errors.push(*Finding::error(ErrorCode::YamlParse, message, vec![root, spot]));
                return false;
            }
        };
        for document in &documents {
            let messages = schema::validate(document);
            result.schema_valid = Some(result.schema_valid.unwrap_or(true) && messages.is_empty());
            result.schema_warnings.extend(messages);
        }
        let mut reader = Reader::new(&self.env, file, &mut self.collector);
        let mut rest = Vec::new();
        'documents: for (number, document) in documents.iter().enumerate() {
            let items = match reader.items(document) {
                Ok(items) => items,
                Err(error) => {
                    result.errors.push(*error);
                    rest.extend(documents[number + 1..].iter().flat_map(|d| d.items()).flatten());
                    break;
                }
            };
            for (index, item) in items.iter().enumerate() {
                if let Err(error) = reader.item(item) {
                    result.errors.push(*error);
                    rest.extend(&items[index + 1..]);
                    rest.extend(documents[number + 1..].iter().flat_map(|d| d.items()).flatten());
                    break 'documents;
                }
            }
        }
        result.warnings = std::mem::take(&mut reader.warnings);
        if result.errors.is_empty() {
            return true;
        }
        // What follows the error is not loaded, only looked at.
        let mut copy = self.collector.clone();
        let mut reader = Reader::new(&self.env, file, &mut copy);
        let further = rest.into_iter().filter_map(|item| reader.item(item).err());
        result.further_errors.extend(further.take(MAX_FURTHER_ERRORS).map(|error| *error));
        false
    }

    fn compile(&mut self, result: &mut LoadResult) {
        let mut compiler = Compiler::new(&self.env, &self.collector, &self.sources, &mut self.memory);
        let compiled = compiler.run();
        result.warnings.append(&mut compiler.warnings);
        let mut errors = compiler.errors.into_iter();
        result.errors.extend(errors.next());
        result.further_errors.extend(errors.take(MAX_FURTHER_ERRORS));
        self.compiled = compiled;
    }

    /// Checks that the plugins are there that this file requires: all requirements but the first `before`. Falco exits
    /// without a result when they are not, and says nothing else: other errors are likely to follow from it.
    fn check_plugins(&self, before: usize, result: &mut LoadResult) {
        let requirements = self.collector.requirements.plugins.get(before..).unwrap_or_default();
        let unmet = requirements.iter().find_map(|requirement| Some((requirement, self.unmet(requirement)?)));
        let Some((requirement, message)) = unmet else { return };
        let name = requirement.alternatives.first().map(|(name, _)| name.clone()).unwrap_or_default();
        let root = Place { file: requirement.place.file, at: 0 };
        let spot = |kind, name, place| Spot { kind, name, place };
        let trail = vec![
            spot(ItemKind::RulesContent, String::new(), root),
            spot(ItemKind::RequiredPluginVersionsEntry, name, requirement.place),
        ];
        let others = std::mem::take(&mut result.errors);
        result.errors.push(Finding::new(Code::Error(ErrorCode::Validate), message, trail));
        result.further_errors.splice(0..0, others);
    }

    /// Why a requirement is not met.
    fn unmet(&self, requirement: &PluginRequirement) -> Option<String> {
        for (name, required) in &requirement.alternatives {
            let Some(plugin) = self.env.plugins.iter().find(|plugin| plugin.name == *name) else { continue };
            let serves = Version::parse(required).is_some_and(|required| plugin.version.satisfies(required));
            return (!serves).then(|| {
                format!(
                    "Plugin '{name}' version '{}' is not compatible with required plugin version '{required}'",
                    plugin.version
                )
            });
        }
        let wanted: Vec<String> =
            requirement.alternatives.iter().map(|(name, version)| format!("{name} (>= {version})")).collect();
        Some(format!("Plugin requirement not satisfied, must load one of: {}", wanted.join(", ")))
    }
}

/// How many errors behind the first are kept.
const MAX_FURTHER_ERRORS: usize = 100;
