//! Third step of loading rules: what all files so far have defined, appended to, replaced and switched.
//!
//! Definitions keep the place of the first one in the order, and remember when they were last touched: that is what
//! decides which macros a macro can use, and which of a list's items are names of lists.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::codes::{ErrorCode, WarningCode};
use super::environment::Environment;
use super::exceptions;
use super::finding::{Code, Fallible, Finding, Spot};
use super::items::{ListInfo, MacroInfo, Order, PluginRequirement, Requirements, RuleInfo, RuleUpdate};
use super::reader::MAX_EXCEPTIONS;
use super::version::{ENGINE_VERSION, Version};

const OTHER_SOURCE: &str = "Rule has been re-defined with a different source";

/// Things with names, in the order of their first definition.
#[derive(Clone, Debug)]
pub(super) struct Named<T> {
    items: Vec<T>,
    by_name: FxHashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named { items: Vec::new(), by_name: FxHashMap::default() }
    }
}

impl<T> Named<T> {
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.items.get(self.index(name)?)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let index = self.index(name)?;
        self.items.get_mut(index)
    }

    pub(super) fn all(&self) -> &[T] {
        &self.items
    }

    fn push(&mut self, name: &str, item: T) {
        self.by_name.insert(name.to_owned(), self.items.len());
        self.items.push(item);
    }
}

/// Everything that was defined.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector {
    pub lists: Named<ListInfo>,
    pub macros: Named<MacroInfo>,
    pub rules: Named<RuleInfo>,
    pub requirements: Requirements,
    next: usize,
}

impl Collector {
    fn tick(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn require_engine(&mut self, version: Version) -> Result<(), String> {
        if !ENGINE_VERSION.satisfies(version) {
            return Err(format!(
                "Rules require engine version {version}, but engine version is {ENGINE_VERSION}"
            ));
        }
        self.requirements.engine = self.requirements.engine.max(version);
        Ok(())
    }

    pub(super) fn require_plugin(&mut self, requirement: PluginRequirement) -> Result<(), String> {
        for (index, (name, version)) in requirement.alternatives.iter().enumerate() {
            if Version::parse(version).is_none() {
                return Err(format!("Invalid required version '{version}' for plugin '{name}'"));
            }
            if requirement.alternatives[..index].iter().any(|(other, _)| other == name) {
                return Err(format!("Defined multiple alternative version requirements for plugin '{name}'"));
            }
        }
        self.requirements.plugins.push(requirement);
        Ok(())
    }

    pub(super) fn define_list(&mut self, mut info: ListInfo) {
        let now = self.tick();
        info.order = Order { index: now, visibility: now };
        match self.lists.get_mut(&info.name) {
            Some(previous) => {
                info.order.index = previous.order.index;
                *previous = info;
            }
            None => self.lists.push(&info.name.clone(), info),
        }
    }

    pub(super) fn append_list(&mut self, info: ListInfo) -> Result<(), String> {
        let now = self.tick();
        let previous = self.lists.get_mut(&info.name).ok_or(
            "List uses 'append' or 'override.items: append' but no list by that name already exists",
        )?;
        previous.items.extend(info.items);
        previous.order.visibility = now;
        Ok(())
    }

    pub(super) fn define_macro(&mut self, mut info: MacroInfo) {
        let now = self.tick();
        info.order = Order { index: now, visibility: now };
        match self.macros.get_mut(&info.name) {
            Some(previous) => {
                info.order.index = previous.order.index;
                *previous = info;
            }
            None => self.macros.push(&info.name.clone(), info),
        }
    }

    pub(super) fn append_macro(&mut self, info: MacroInfo) -> Result<(), String> {
        let now = self.tick();
        let previous = self.macros.get_mut(&info.name).ok_or(
            "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
        )?;
        Rc::make_mut(&mut previous.condition).append(&info.condition);
        previous.order.visibility = now;
        Ok(())
    }

    /// Defines a rule, or defines it anew. `trail` leads to the item.
    pub(super) fn define_rule(
        &mut self,
        env: &Environment<'_>,
        mut info: RuleInfo,
        trail: &[Spot],
        warnings: &mut Vec<Finding>,
    ) -> Fallible<()> {
        let previous = self.rules.get(&info.name);
        if previous.is_some_and(|previous| previous.source != info.source) {
            return refuse(OTHER_SOURCE, trail);
        }
        let index = previous.map(|previous| previous.order.index);
        let schema = env.schema_of(&info.source);
        info.unknown_source = schema.is_none();
        if info.unknown_source {
            let message = format!("Unknown source {}, skipping", info.source);
            let code = Code::Warning(WarningCode::UnknownSource);
            warnings.push(Finding::new(code, message, trail.to_vec()));
        }
        for exception in &mut info.exceptions {
            exceptions::complete(schema, exception)?;
        }
        let now = self.tick();
        info.order = Order { index: index.unwrap_or(now), visibility: now };
        match self.rules.get_mut(&info.name) {
            Some(previous) => *previous = info,
            None => self.rules.push(&info.name.clone(), info),
        }
        Ok(())
    }

    /// Appends to a rule what `update` gives.
    pub(super) fn append_rule(
        &mut self,
        env: &Environment<'_>,
        update: RuleUpdate,
        trail: &[Spot],
    ) -> Fallible<()> {
        let now = self.tick();
        let Some(rule) = self.rules.get_mut(&update.name) else {
            let message =
                "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
            return refuse(message, trail);
        };
        if update.source.as_ref().is_some_and(|source| *source != rule.source) {
            return refuse(OTHER_SOURCE, trail);
        }
        if update.is_empty() {
            return refuse("Appended rule must have exceptions or condition property", trail);
        }
        if let Some(condition) = &update.condition {
            Rc::make_mut(&mut rule.condition).append(condition);
        }
        if let Some(output) = &update.output {
            rule.output.append(output);
        }
        if let Some(description) = &update.description {
            rule.description.push(' ');
            rule.description.push_str(description);
        }
        if let Some(tags) = update.tags {
            rule.tags.extend(tags);
            rule.tags.sort_unstable();
            rule.tags.dedup();
        }
        for mut added in update.exceptions.unwrap_or_default() {
            let count = rule.exceptions.len();
            match rule.exceptions.iter_mut().find(|known| known.name == added.name) {
                None if count >= MAX_EXCEPTIONS => {
                    return refuse(&format!("Rule has more than {MAX_EXCEPTIONS} exceptions"), trail);
                }
                None => {
                    exceptions::complete_appended(env.schema_of(&rule.source), &mut added)?;
                    rule.exceptions.push(added);
                }
                Some(known) => {
                    exceptions::only_values(&added)?;
                    known.values.extend(added.values);
                }
            }
        }
        rule.order.visibility = now;
        Ok(())
    }

    /// Replaces in a rule what `update` gives.
    pub(super) fn replace_in_rule(
        &mut self,
        env: &Environment<'_>,
        update: RuleUpdate,
        trail: &[Spot],
    ) -> Fallible<()> {
        let now = self.tick();
        let Some(rule) = self.rules.get_mut(&update.name) else {
            let message = "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
            return refuse(message, trail);
        };
        if update.source.as_ref().is_some_and(|source| *source != rule.source) {
            return refuse(OTHER_SOURCE, trail);
        }
        if update.is_empty() {
            return refuse("The rule must have at least one field that can be replaced", trail);
        }
        if let Some(mut exceptions) = update.exceptions {
            // Falco takes them as they are, so that one without `comps` does not compile.
            for exception in &mut exceptions {
                exceptions::complete(env.schema_of(&rule.source), exception)?;
            }
            rule.exceptions = exceptions;
        }
        if let Some(condition) = &update.condition {
            Rc::make_mut(&mut rule.condition).replace(condition);
        }
        if let Some(output) = &update.output {
            rule.output.replace(output);
        }
        fn put<T>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        put(&mut rule.description, update.description);
        put(&mut rule.tags, update.tags);
        put(&mut rule.priority, update.priority);
        put(&mut rule.enabled, update.enabled);
        put(&mut rule.warn_evttypes, update.warn_evttypes);
        put(&mut rule.skip_if_unknown_filter, update.skip_if_unknown_filter);
        put(&mut rule.capture, update.capture);
        put(&mut rule.capture_duration, update.capture_duration);
        rule.order.visibility = now;
        Ok(())
    }

    pub(super) fn enable_rule(&mut self, name: &str, enabled: bool) -> Result<(), String> {
        let rule = self
            .rules
            .get_mut(name)
            .ok_or("Rule has 'enabled' key but no rule by that name already exists")?;
        rule.enabled = enabled;
        Ok(())
    }
}

fn refuse<T>(message: &str, trail: &[Spot]) -> Fallible<T> {
    Err(Finding::error(ErrorCode::Validate, message, trail.to_vec()))
}
