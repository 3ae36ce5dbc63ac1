//! Second step of loading rules: nodes to items. Checks the shape of each item, with Falco's messages, and hands it
//! to the collector.

use std::rc::Rc;

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::collector::Collector;
use super::environment::Environment;
use super::finding::{Code, Fallible, Finding, Spot};
use super::items::{
    Entry, ExceptionInfo, ListInfo, MacroInfo, PluginRequirement, RuleInfo, RuleUpdate, Text,
};
use super::schema::key_text;
use super::source::Place;
use super::version::{ENGINE_VERSION, Version};
use super::yaml::{Node, NodeRef, Offset};
use crate::config::Priority;

const APPEND_IS_DEPRECATED: &str = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') \
                                    under 'override' instead.";
const ENABLED_IS_DEPRECATED: &str = "The standalone 'enabled' key usage is deprecated. The correct approach \
                                     requires also a 'replace' entry under the 'override' key (i.e. 'enabled: \
                                     replace').";
const OVERRIDE_AND_APPEND: &str = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' \
                                   entry (e.g. 'condition: append') under 'override' instead.";

/// The keys that each kind of item knows.
const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];
const RULE_KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "tags",
    "exceptions",
    "override",
    "append",
];

/// What `override` may append to, and what it may replace.
const LIST_OVERRIDES: Overridable = Overridable { append: &["items"], replace: &["items"] };
const MACRO_OVERRIDES: Overridable = Overridable { append: &["condition"], replace: &["condition"] };
const RULE_OVERRIDES: Overridable = Overridable {
    append: &["condition", "desc", "exceptions", "output", "tags"],
    replace: &[
        "capture",
        "capture_duration",
        "condition",
        "desc",
        "enabled",
        "exceptions",
        "output",
        "priority",
        "skip-if-unknown-filter",
        "tags",
        "warn_evttypes",
    ],
};

/// Entries of an exception deeper than this are not read; two levels of lists have a meaning.
const MAX_ENTRY_DEPTH: usize = 4;

/// The most entries that the exceptions of a file may have, since aliases can make few bytes many entries.
const MAX_ENTRIES: usize = 1_000_000;

#[derive(Clone, Copy)]
struct Overridable {
    append: &'static [&'static str],
    replace: &'static [&'static str],
}

/// Where the reader is: a chain through the items that it is in. Becomes locations only when something is found.
#[derive(Clone, Copy)]
struct Ctx<'c> {
    parent: Option<&'c Ctx<'c>>,
    kind: ItemKind,
    name: &'c str,
    place: Place,
}

impl<'c> Ctx<'c> {
    fn child(&'c self, kind: ItemKind, name: &'c str, at: Offset) -> Ctx<'c> {
        Ctx { parent: Some(self), kind, name, place: Place { file: self.place.file, at } }
    }

    fn trail(&self) -> Vec<Spot> {
        let mut trail = self.parent.map(Ctx::trail).unwrap_or_default();
        trail.push(Spot { kind: self.kind, name: self.name.to_owned(), place: self.place });
        trail
    }

    fn error<T>(&self, message: impl Into<String>) -> Fallible<T> {
        Err(Finding::error(ErrorCode::YamlValidate, message, self.trail()))
    }
}

/// What reading one file needs and makes.
pub(super) struct Reader<'r> {
    pub env: &'r Environment<'r>,
    /// The file: an index into the sources.
    pub file: u32,
    pub collector: &'r mut Collector,
    pub warnings: Vec<Finding>,
    /// Entries of exceptions that may still be read.
    pub entries_left: usize,
}

impl<'r> Reader<'r> {
    pub(super) fn new(env: &'r Environment<'r>, file: u32, collector: &'r mut Collector) -> Self {
        Reader { env, file, collector, warnings: Vec::new(), entries_left: MAX_ENTRIES }
    }

    fn root(&self) -> Ctx<'static> {
        let place = Place { file: self.file, at: 0 };
        Ctx { parent: None, kind: ItemKind::RulesContent, name: "", place }
    }

    fn warn(&mut self, code: WarningCode, message: impl Into<String>, ctx: &Ctx<'_>) {
        self.warnings.push(Finding::new(Code::Warning(code), message, ctx.trail()));
    }

    /// The items of a document.
    pub(super) fn items<'d>(&self, document: &'d Node) -> Fallible<&'d [NodeRef]> {
        match document.items() {
            Some(items) => Ok(items),
            None if document.is_map() => self.root().error("Rules content is not yaml array of objects"),
            None => self.root().error("Rules content is not yaml"),
        }
    }

    /// Reads an item of a document into the collector.
    pub(super) fn item(&mut self, item: &Node) -> Fallible<()> {
        let root = self.root();
        if item.is_null() {
            return Ok(());
        }
        if !item.is_map() {
            return root
                .child(ItemKind::RulesContentItem, "", item.at)
                .error("Unexpected element type. Each element should be a yaml associative array.");
        }
        if item.get("required_engine_version").is_some() {
            self.engine_version(item, &root)
        } else if let Some(versions) = item.get("required_plugin_versions") {
            self.plugin_versions(versions, &root)
        } else if item.get("list").is_some() {
            self.list(item, &root)
        } else if item.get("macro").is_some() {
            self.macro_(item, &root)
        } else if item.get("rule").is_some() {
            self.rule(item, &root)
        } else {
            let ctx = root.child(ItemKind::RulesContentItem, "", item.at);
            self.warn(WarningCode::UnknownItem, "Unknown top level item", &ctx);
            Ok(())
        }
    }

    fn engine_version(&mut self, item: &Node, root: &Ctx<'_>) -> Fallible<()> {
        let ctx = root.child(ItemKind::RequiredEngineVersion, "", item.at);
        let (text, _) = required(item, "required_engine_version", &ctx)?;
        // The number that old files give is the minor version.
        let version = match unsigned(text) {
            Some(minor) => Version { minor, ..ENGINE_VERSION },
            None => match Version::parse(text) {
                Some(version) => version,
                None => {
                    return ctx.error(format!(
                        "Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver \
                         format."
                    ));
                }
            },
        };
        self.collector.require_engine(version).map_err(|message| validation(message, &ctx))
    }

    fn plugin_versions(&mut self, versions: &Node, root: &Ctx<'_>) -> Fallible<()> {
        let ctx = root.child(ItemKind::RequiredPluginVersions, "", versions.at);
        let Some(plugins) = versions.items() else {
            return ctx.error("Value of required_plugin_versions must be a sequence");
        };
        for plugin in plugins {
            let unnamed = ctx.child(ItemKind::RequiredPluginVersionsEntry, "", plugin.at);
            if !plugin.is_map() {
                return unnamed.error("Plugin version must be a mapping");
            }
            let (name, _) = required(plugin, "name", &unnamed)?;
            let entry = ctx.child(ItemKind::RequiredPluginVersionsEntry, name, plugin.at);
            let (version, _) = required(plugin, "version", &entry)?;
            let mut alternatives = vec![(name.to_owned(), version.to_owned())];
            if let Some(others) = plugin.get("alternatives") {
                let Some(others) = others.items() else {
                    return entry.error("Value of plugin version alternatives must be a sequence");
                };
                for other in others {
                    let unnamed = entry.child(ItemKind::RequiredPluginVersionsAlternative, "", other.at);
                    if !other.is_map() {
                        return unnamed.error("Plugin version alternative must be a mapping");
                    }
                    let (name, _) = required(other, "name", &unnamed)?;
                    let named = entry.child(ItemKind::RequiredPluginVersionsAlternative, name, other.at);
                    let (version, _) = required(other, "version", &named)?;
                    alternatives.push((name.to_owned(), version.to_owned()));
                }
            }
            let place = entry.place;
            self.collector
                .require_plugin(PluginRequirement { alternatives, place })
                .map_err(|message| validation(message, &entry))?;
        }
        Ok(())
    }

    fn list(&mut self, item: &Node, root: &Ctx<'_>) -> Fallible<()> {
        let unnamed = root.child(ItemKind::List, "", item.at);
        let (name, _) = required(item, "list", &unnamed)?;
        let ctx = root.child(ItemKind::List, name, item.at);
        if name.bytes().any(|byte| byte.is_ascii_whitespace() || byte == 0x0b || b"()\"'=,".contains(&byte)) {
            let message = "List has an invalid name. List names should match a regular expression: \
                           ([^()\"'[:space:]=,]+)";
            self.warn(WarningCode::InvalidListName, message, &ctx);
        }
        let Some(items) = item.get("items") else {
            return ctx.error("Item has no mapping for key 'items'");
        };
        let items = texts(items, "items", &ctx)?;
        let append = self.append_flag(item, &ctx)?;
        let overrides = overrides(item, LIST_OVERRIDES, &ctx)?;
        if append && !overrides.is_empty() {
            return ctx.error(OVERRIDE_AND_APPEND);
        }
        let info = ListInfo { name: name.to_owned(), items, place: ctx.place, order: Default::default() };
        if append || overrides.append.contains(&"items") {
            self.collector.append_list(info).map_err(|message| validation(message, &ctx))?;
        } else {
            self.collector.define_list(info);
        }
        self.warn_unknown_keys(item, LIST_KEYS, &ctx);
        Ok(())
    }

    fn macro_(&mut self, item: &Node, root: &Ctx<'_>) -> Fallible<()> {
        let unnamed = root.child(ItemKind::Macro, "", item.at);
        let (name, _) = required(item, "macro", &unnamed)?;
        let ctx = root.child(ItemKind::Macro, name, item.at);
        if !is_identifier(name) {
            let message = "Macro has an invalid name. Macro names should match a regular expression: \
                           ([a-zA-Z]+[a-zA-Z0-9_]*)";
            self.warn(WarningCode::InvalidMacroName, message, &ctx);
        }
        let condition = required_text(item, "condition", &ctx)?;
        let append = self.append_flag(item, &ctx)?;
        let overrides = overrides(item, MACRO_OVERRIDES, &ctx)?;
        if append && !overrides.is_empty() {
            return ctx.error(OVERRIDE_AND_APPEND);
        }
        let info = MacroInfo {
            name: name.to_owned(),
            condition: Rc::new(condition),
            place: ctx.place,
            order: Default::default(),
        };
        if append || overrides.append.contains(&"condition") {
            self.collector.append_macro(info).map_err(|message| validation(message, &ctx))?;
        } else {
            self.collector.define_macro(info);
        }
        self.warn_unknown_keys(item, MACRO_KEYS, &ctx);
        Ok(())
    }

    fn rule(&mut self, item: &Node, root: &Ctx<'_>) -> Fallible<()> {
        let unnamed = root.child(ItemKind::Rule, "", item.at);
        let (name, _) = required(item, "rule", &unnamed)?;
        let ctx = root.child(ItemKind::Rule, name, item.at);
        let append = self.append_flag(item, &ctx)?;
        let overrides = overrides(item, RULE_OVERRIDES, &ctx)?;
        if append && !overrides.is_empty() {
            return ctx.error(OVERRIDE_AND_APPEND);
        }
        if !overrides.is_empty() {
            self.rule_overrides(item, overrides, &ctx)?;
        } else if append {
            self.rule_append(item, &ctx)?;
        } else if ["condition", "output", "desc", "priority"].iter().all(|key| item.get(key).is_none()) {
            self.rule_toggle(item, &ctx)?;
        } else {
            self.rule_definition(item, &ctx)?;
        }
        self.warn_unknown_keys(item, RULE_KEYS, &ctx);
        Ok(())
    }

    fn rule_overrides(&mut self, item: &Node, overrides: Overrides<'_>, ctx: &Ctx<'_>) -> Fallible<()> {
        let overridable = RULE_OVERRIDES.replace;
        let mut unexplained: Vec<&str> =
            overridable.iter().copied().filter(|key| item.get(key).is_some()).collect();
        let update = RuleUpdate {
            name: ctx.name.to_owned(),
            source: item.get("source").and_then(|source| source.scalar()).map(str::to_owned),
            ..Default::default()
        };
        if !overrides.append.is_empty() {
            let mut update = update.clone();
            let mut named = |key| take_override(&overrides.append, &mut unexplained, "append", key, ctx);
            if named("condition")? {
                update.condition = Some(required_text(item, "condition", ctx)?);
            }
            if named("exceptions")? {
                update.exceptions = Some(self.exceptions(item, ctx, true)?);
            }
            if named("output")? {
                update.output = Some(required_text(item, "output", ctx)?);
            }
            if named("desc")? {
                update.description = Some(required(item, "desc", ctx)?.0.to_owned());
            }
            if named("tags")? {
                update.tags = Some(tags(item, ctx)?);
            }
            self.collector.append_rule(self.env, update, &ctx.trail())?;
        }
        if !overrides.replace.is_empty() {
            let mut update = update;
            let mut named = |key| take_override(&overrides.replace, &mut unexplained, "replace", key, ctx);
            if named("condition")? {
                update.condition = Some(required_text(item, "condition", ctx)?);
            }
            if named("exceptions")? {
                update.exceptions = Some(self.exceptions(item, ctx, false)?);
            }
            if named("output")? {
                update.output = Some(required_text(item, "output", ctx)?);
            }
            if named("desc")? {
                update.description = Some(required(item, "desc", ctx)?.0.to_owned());
            }
            if named("tags")? {
                update.tags = Some(tags(item, ctx)?);
            }
            if named("priority")? {
                update.priority = Some(priority(item, ctx)?);
            }
            if named("capture")? {
                update.capture = Some(required_flag(item, "capture", ctx)?);
            }
            if named("capture_duration")? {
                update.capture_duration = Some(required_number(item, "capture_duration", ctx)?);
            }
            if named("enabled")? {
                update.enabled = Some(required_flag(item, "enabled", ctx)?);
            }
            if named("warn_evttypes")? {
                update.warn_evttypes = Some(required_flag(item, "warn_evttypes", ctx)?);
            }
            if named("skip-if-unknown-filter")? {
                update.skip_if_unknown_filter = Some(required_flag(item, "skip-if-unknown-filter", ctx)?);
            }
            self.collector.replace_in_rule(self.env, update, &ctx.trail())?;
        }
        match unexplained.first() {
            Some(key) => {
                let at = item.get(key).map_or(item.at, |value| value.at);
                ctx.child(ItemKind::Override, key, at).error(format!(
                    "Unexpected key '{key}': no corresponding entry under 'override' is defined."
                ))
            }
            None => Ok(()),
        }
    }

    fn rule_append(&mut self, item: &Node, ctx: &Ctx<'_>) -> Fallible<()> {
        let mut update = RuleUpdate {
            name: ctx.name.to_owned(),
            source: item.get("source").and_then(|source| source.scalar()).map(str::to_owned),
            ..Default::default()
        };
        if item.get("condition").is_some() {
            update.condition = Some(required_text(item, "condition", ctx)?);
        }
        if item.get("exceptions").is_some() {
            update.exceptions = Some(self.exceptions(item, ctx, true)?);
        }
        self.collector.append_rule(self.env, update, &ctx.trail())
    }

    fn rule_toggle(&mut self, item: &Node, ctx: &Ctx<'_>) -> Fallible<()> {
        let enabled = required_flag(item, "enabled", ctx)?;
        self.warn(WarningCode::DeprecatedItem, ENABLED_IS_DEPRECATED, ctx);
        self.collector.enable_rule(ctx.name, enabled).map_err(|message| validation(message, ctx))
    }

    fn rule_definition(&mut self, item: &Node, ctx: &Ctx<'_>) -> Fallible<()> {
        let condition = required_text(item, "condition", ctx)?;
        let (output, output_at) = required(item, "output", ctx)?;
        let output = Text::new(
            output.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}'),
            Place { file: ctx.place.file, at: output_at },
        );
        let description = required(item, "desc", ctx)?.0.to_owned();
        let priority = priority(item, ctx)?;
        let source = optional(item, "source", ctx)?.map_or("syscall", |(source, _)| source).to_owned();
        let capture = optional_flag(item, "capture", ctx)?.unwrap_or(false);
        let capture_duration = match item.get("capture_duration") {
            Some(_) => required_number(item, "capture_duration", ctx)?,
            None => 0,
        };
        let enabled = optional_flag(item, "enabled", ctx)?.unwrap_or(true);
        let warn_evttypes = optional_flag(item, "warn_evttypes", ctx)?.unwrap_or(true);
        let skip_if_unknown_filter = optional_flag(item, "skip-if-unknown-filter", ctx)?.unwrap_or(false);
        let tags = tags(item, ctx)?;
        let exceptions = self.exceptions(item, ctx, false)?;
        let info = RuleInfo {
            name: ctx.name.to_owned(),
            condition: Rc::new(condition),
            output,
            description,
            priority,
            source,
            unknown_source: false,
            tags,
            exceptions,
            enabled,
            warn_evttypes,
            skip_if_unknown_filter,
            capture,
            capture_duration,
            place: ctx.place,
            order: Default::default(),
        };
        self.collector.define_rule(self.env, info, &ctx.trail(), &mut self.warnings)
    }

    fn exceptions(&mut self, item: &Node, rule: &Ctx<'_>, append: bool) -> Fallible<Vec<ExceptionInfo>> {
        let mut infos: Vec<ExceptionInfo> = Vec::new();
        let Some(exceptions) = item.get("exceptions").filter(|exceptions| !exceptions.is_null()) else {
            return Ok(infos);
        };
        let all = rule.child(ItemKind::Exceptions, "", exceptions.at);
        let Some(exceptions) = exceptions.items() else {
            return all.error("Rule exceptions must be a sequence");
        };
        for exception in exceptions {
            let unnamed = all.child(ItemKind::Exception, "", exception.at);
            if !exception.is_map() {
                return unnamed.error("Rule exception must be a mapping");
            }
            let (name, _) = required(exception, "name", &unnamed)?;
            let ctx = rule.child(ItemKind::Exception, name, exception.at);
            for _ in infos.iter().filter(|info| info.name == name) {
                let message = format!("Multiple definitions of exception '{name}' in the same rule");
                self.warn(WarningCode::ExceptionNameNotUnique, message, &ctx);
            }
            let fields = match exception.get("fields") {
                None if append => Entry::Absent,
                None => return ctx.error("Item has no mapping for key 'fields'"),
                Some(fields) => self.entry(fields, &ctx.child(ItemKind::ValueFor, "fields", fields.at), 0)?,
            };
            let comps = match exception.get("comps") {
                None => Entry::Absent,
                Some(comps) => self.entry(comps, &ctx.child(ItemKind::ValueFor, "comps", comps.at), 0)?,
            };
            let mut values = Vec::new();
            if let Some(given) = exception.get("values") {
                let all = ctx.child(ItemKind::ExceptionValues, "", given.at);
                let Some(given) = given.items() else {
                    return all.error("Rule exception values must be a sequence");
                };
                for value in given {
                    let one = all.child(ItemKind::ExceptionValue, "", value.at);
                    values.push(self.entry(value, &one.child(ItemKind::ValueFor, "", value.at), 0)?);
                }
            } else if append {
                let message = "Overriding/appending exception with no values";
                self.warn(WarningCode::AppendNoValues, message, &ctx);
            }
            infos.push(ExceptionInfo {
                name: name.to_owned(),
                fields,
                comps,
                values,
                place: ctx.place,
                rule: (rule.name.to_owned(), rule.place),
            });
        }
        Ok(infos)
    }

    fn entry(&mut self, node: &Node, ctx: &Ctx<'_>, depth: usize) -> Fallible<Entry> {
        self.entries_left = match self.entries_left.checked_sub(1) {
            Some(left) => left,
            None => return ctx.error(format!("Exceptions have more than {MAX_ENTRIES} values")),
        };
        if let Some(text) = node.scalar() {
            if text.is_empty() {
                return ctx.error("Value must be non-empty");
            }
            return Ok(Entry::Text(text.to_owned()));
        }
        let Some(items) = node.items() else { return Ok(Entry::Absent) };
        if depth >= MAX_ENTRY_DEPTH {
            return Ok(Entry::Absent);
        }
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let outer = ctx.child(ItemKind::Exception, "", item.at);
            list.push(self.entry(item, &outer.child(ItemKind::ValueFor, "", item.at), depth + 1)?);
        }
        Ok(Entry::List(list))
    }

    fn append_flag(&mut self, item: &Node, ctx: &Ctx<'_>) -> Fallible<bool> {
        let append = optional_flag(item, "append", ctx)?.unwrap_or(false);
        if append {
            self.warn(WarningCode::DeprecatedItem, APPEND_IS_DEPRECATED, ctx);
        }
        Ok(append)
    }

    fn warn_unknown_keys(&mut self, item: &Node, known: &[&str], ctx: &Ctx<'_>) {
        for (key, _) in item.entries() {
            let text = key_text(key);
            if !known.contains(&text) {
                let message = format!("Unknown key '{text}'. The key will be ignored.");
                let mut warning = Finding::new(Code::Warning(WarningCode::UnknownKey), message, ctx.trail());
                warning.place.at = key.at;
                warning.width = text.len();
                self.warnings.push(warning);
            }
        }
    }
}

fn validation(message: String, ctx: &Ctx<'_>) -> Box<Finding> {
    Finding::error(ErrorCode::Validate, message, ctx.trail())
}

/// What `override` names, each kind sorted.
struct Overrides<'o> {
    append: Vec<&'o str>,
    replace: Vec<&'o str>,
}

impl Overrides<'_> {
    fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

fn overrides<'o>(item: &'o Node, overridable: Overridable, ctx: &Ctx<'_>) -> Fallible<Overrides<'o>> {
    let mut found = Overrides { append: Vec::new(), replace: Vec::new() };
    let Some(node) = item.get("override") else { return Ok(found) };
    if node.items().is_some_and(|items| !items.is_empty()) {
        let message = "invalid node; this may result from using a map iterator as a sequence iterator, or \
                       vice-versa";
        let mut finding = Finding::error(ErrorCode::Validate, message, ctx.trail());
        finding.place.at = node.at;
        return Err(finding);
    }
    let outer = ctx.child(ItemKind::Override, "", item.at);
    for (key, operation) in node.entries() {
        for part in [key, operation] {
            if part.is_map() || part.items().is_some() {
                return outer.child(ItemKind::ValueFor, "", part.at).error("Value is not a scalar value");
            }
        }
        let name = key_text(key);
        let appendable = overridable.append.contains(&name);
        let replaceable = overridable.replace.contains(&name);
        match key_text(operation) {
            "append" if appendable => found.append.push(name),
            "append" => {
                return outer
                    .child(ItemKind::Override, name, key.at)
                    .error(format!("Key '{name}' cannot be appended to, use 'replace' instead"));
            }
            "replace" if replaceable => found.replace.push(name),
            "replace" => {
                return outer
                    .child(ItemKind::Override, name, key.at)
                    .error(format!("Key '{name}' cannot be replaced"));
            }
            other => {
                let append = if appendable { "append " } else { "" };
                let replace = if replaceable { "replace " } else { "" };
                return outer.child(ItemKind::ValueFor, name, operation.at).error(format!(
                    "Invalid override operation for key '{name}': '{other}'. Allowed values are: {append}{replace}"
                ));
            }
        }
    }
    Ok(found)
}

/// Whether `override` names this key for this operation; the key must be there then.
fn take_override(
    named: &[&str],
    unexplained: &mut Vec<&str>,
    operation: &str,
    key: &str,
    ctx: &Ctx<'_>,
) -> Fallible<bool> {
    if !named.contains(&key) {
        return Ok(false);
    }
    let before = unexplained.len();
    unexplained.retain(|other| *other != key);
    if unexplained.len() == before {
        return ctx
            .error(format!("An {operation} override for '{key}' was specified but '{key}' is not defined"));
    }
    Ok(true)
}

/// The text of a key that must be there, and where it stands.
fn required<'n>(item: &'n Node, key: &str, ctx: &Ctx<'_>) -> Fallible<(&'n str, Offset)> {
    match optional(item, key, ctx)? {
        Some(found) => Ok(found),
        None => ctx.error(format!("Item has no mapping for key '{key}'")),
    }
}

/// The text of a key that may be missing, but not be empty.
fn optional<'n>(item: &'n Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Option<(&'n str, Offset)>> {
    let Some(value) = item.get(key) else { return Ok(None) };
    if value.is_null() {
        return ctx.error(format!("Mapping for key '{key}' is empty"));
    }
    let value_ctx = ctx.child(ItemKind::ValueFor, key, value.at);
    match value.scalar() {
        None => value_ctx.error("Value is not a scalar value"),
        Some("") => value_ctx.error("Value must be non-empty"),
        Some(text) => Ok(Some((text, value.at))),
    }
}

fn required_text(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Text> {
    let (text, at) = required(item, key, ctx)?;
    Ok(Text::new(text, Place { file: ctx.place.file, at }))
}

fn undecodable<T>(key: &str, at: Offset, ctx: &Ctx<'_>) -> Fallible<T> {
    ctx.child(ItemKind::ValueFor, key, at).error("Can't decode YAML scalar value")
}

fn required_flag(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<bool> {
    let (text, at) = required(item, key, ctx)?;
    flag(text).map_or_else(|| undecodable(key, at, ctx), Ok)
}

fn optional_flag(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Option<bool>> {
    match item.get(key) {
        Some(_) => required_flag(item, key, ctx).map(Some),
        None => Ok(None),
    }
}

fn required_number(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<u32> {
    let (text, at) = required(item, key, ctx)?;
    unsigned(text).map_or_else(|| undecodable(key, at, ctx), Ok)
}

fn priority(item: &Node, ctx: &Ctx<'_>) -> Fallible<Priority> {
    let (text, at) = required(item, "priority", ctx)?;
    Priority::parse(text)
        .map_or_else(|| ctx.child(ItemKind::RulePriority, "", at).error("Invalid priority"), Ok)
}

fn tags(item: &Node, ctx: &Ctx<'_>) -> Fallible<Vec<String>> {
    let Some(tags) = item.get("tags") else { return Ok(Vec::new()) };
    let mut tags = texts(tags, "tags", ctx)?;
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// The items of a sequence of texts.
fn texts(sequence: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Vec<String>> {
    let ctx = ctx.child(ItemKind::ValueFor, key, sequence.at);
    let Some(items) = sequence.items() else { return ctx.error("Value is not a sequence") };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item.scalar() {
            Some(text) => texts.push(text.to_owned()),
            None => {
                return ctx.child(ItemKind::ListItem, "", item.at).error("sequence value is not scalar");
            }
        }
    }
    Ok(texts)
}

/// A truth value in any of YAML 1.1's spellings, quoted or not.
fn flag(text: &str) -> Option<bool> {
    let rest = text.get(1..)?;
    let flexible = text.bytes().all(|byte| byte.is_ascii_lowercase())
        || (text.starts_with(|c: char| c.is_ascii_uppercase())
            && (rest.bytes().all(|byte| byte.is_ascii_lowercase())
                || rest.bytes().all(|byte| byte.is_ascii_uppercase())));
    match text.to_ascii_lowercase().as_str() {
        _ if !flexible => None,
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A number as C++ streams read it without a base: `0x` is hexadecimal, a leading 0 octal.
fn unsigned(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // The standard library would take another sign.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_yaml_cpps() {
        for yes in ["y", "Y", "yes", "Yes", "YES", "true", "on", "ON"] {
            assert_eq!(flag(yes), Some(true), "{yes}");
        }
        for no in ["n", "no", "False", "off"] {
            assert_eq!(flag(no), Some(false), "{no}");
        }
        for neither in ["", "1", "0", "yEs", "TRUe", "maybe", "é"] {
            assert_eq!(flag(neither), None, "{neither}");
        }
    }

    #[test]
    fn numbers_are_cpps() {
        for (text, number) in [("10", 10), ("0", 0), ("0x10", 16), ("010", 8), ("+5", 5), ("7 ", 7)] {
            assert_eq!(unsigned(text), Some(number), "{text}");
        }
        for bad in ["", "-1", "1.5", "a", "4294967296", "08", "0x", "++1", " 1"] {
            assert_eq!(unsigned(bad), None, "{bad}");
        }
    }
}
