//! Second step of loading rules: nodes to items. Checks the shape of each item, with Falco's messages, and hands it
//! to the collector.

mod decode;
mod exceptions;
mod overrides;

use std::rc::Rc;

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::collector::Collector;
use super::environment::Environment;
use super::finding::{Code, Fallible, Finding};
use super::items::{ListInfo, MacroInfo, PluginRequirement, RuleInfo, RuleUpdate, Text};
use super::schema::key_text;
use super::source::Place;
use super::version::{ENGINE_VERSION, Version};
use super::yaml::{Node, NodeRef};

use self::decode::{
    Ctx, is_identifier, optional, optional_flag, priority, required, required_flag, required_number,
    required_text, tags, texts, unsigned,
};
use self::exceptions::MAX_ENTRIES;
pub(super) use self::exceptions::MAX_EXCEPTIONS;
use self::overrides::{LIST_OVERRIDES, MACRO_OVERRIDES, Overrides, RULE_OVERRIDES, overrides, take_override};

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
        if !overrides.append.is_empty() {
            let update = self.rule_update(item, "append", &overrides.append, &mut unexplained, ctx)?;
            self.collector.append_rule(self.env, update, &ctx.trail())?;
        }
        if !overrides.replace.is_empty() {
            let update = self.rule_update(item, "replace", &overrides.replace, &mut unexplained, ctx)?;
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

    /// The values of the keys that `override` names for this operation; they are taken out of `unexplained`.
    fn rule_update(
        &mut self,
        item: &Node,
        operation: &str,
        overridden: &[&str],
        unexplained: &mut Vec<&str>,
        ctx: &Ctx<'_>,
    ) -> Fallible<RuleUpdate> {
        let mut update = update_of(item, ctx);
        let mut named = |key| take_override(overridden, unexplained, operation, key, ctx);
        if named("condition")? {
            update.condition = Some(required_text(item, "condition", ctx)?);
        }
        if named("exceptions")? {
            update.exceptions = Some(self.exceptions(item, ctx, operation == "append")?);
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
        Ok(update)
    }

    fn rule_append(&mut self, item: &Node, ctx: &Ctx<'_>) -> Fallible<()> {
        let mut update = update_of(item, ctx);
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

/// What an item changes of a rule: nothing yet.
fn update_of(item: &Node, ctx: &Ctx<'_>) -> RuleUpdate {
    let source = item.get("source").and_then(|source| source.scalar()).map(str::to_owned);
    RuleUpdate { name: ctx.name.to_owned(), source, ..Default::default() }
}
