//! Fourth step of loading rules: what was collected so far to conditions that can be evaluated. Lists are replaced in
//! the text, macros in the syntax tree, exceptions are appended.
//!
//! Everything is compiled anew after each file; what neither changed itself nor uses anything that changed is taken
//! from the [`Memory`] of the last time, with its warnings.
//!
//! Falco gives up at the first error. That one is what a load result reports; this goes on where it can, so that
//! people see more of what is wrong at once.

use std::rc::Rc;

use saker_filter::ast::{Check, FieldRef, Literal, Term, TooLarge, Visitor};
use saker_filter::{Checked, Condition, Diagnostic, EventSet, Expr, Operator, Span, check, parse};

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::collector::Collector;
use super::environment::{Environment, SYSCALL};
use super::exceptions::{self, Excepted};
use super::finding::{Code, Fallible, Finding, InCondition};
use super::items::{ExceptionInfo, RuleInfo};
use super::lists::{CompiledList, Expanded, Lists};
use super::macros::{CompiledMacro, Problem, Resolution, Resolved};
use super::origin::{Origin, Origins, Owner, item_trail};
use super::output::{self, DEPRECATED_FIELDS};
use super::source::{Place, Source};
use crate::alerts::Template;

/// A rule that can be true for more event ids than this is warned of.
const MAX_EVENTS: usize = 100;

/// The most nodes that the syntax trees of all macros and rules may have together.
const MAX_NODES: usize = 1 << 21;

/// The most items that all lists may have together, once names of lists are replaced.
const MAX_LIST_ITEMS: usize = 4_000_000;

/// A rule that can be evaluated.
#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    /// Its index in the collector.
    pub info: usize,
    /// The condition with its exceptions, lists and macros.
    pub expr: Rc<Expr>,
    /// The same, typed.
    pub condition: Condition,
    /// The events for which it can be true, by what it says of `evt.type`.
    pub events: EventSet,
    pub output: String,
    pub template: Template,
    /// The fields of its exceptions, as written, sorted.
    pub exception_fields: Vec<String>,
}

/// Everything that was compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Compiled {
    pub lists: Lists,
    /// By their number in the collector.
    pub macros: Vec<CompiledMacro>,
    pub rules: Vec<Rc<CompiledRule>>,
}

/// What is known from earlier compilations.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) origins: Origins,
    /// By their number in the collector.
    macros: Vec<Option<KnownMacro>>,
    rules: Vec<Option<KnownRule>>,
}

#[derive(Debug)]
struct KnownMacro {
    /// When it was last touched.
    touched: usize,
    /// Its condition with the lists of the time.
    text: String,
    parsed: Rc<Expr>,
    resolved: Option<Resolved>,
}

#[derive(Debug)]
struct KnownRule {
    touched: usize,
    text: String,
    resolved: Resolved,
    rule: Rc<CompiledRule>,
    warnings: Vec<Finding>,
}

/// One compilation of everything that was collected.
pub(super) struct Compiler<'c> {
    env: &'c Environment<'c>,
    collector: &'c Collector,
    sources: &'c [Source],
    memory: &'c mut Memory,
    out: Compiled,
    nodes_left: usize,
    pub warnings: Vec<Finding>,
    /// The first is what Falco reports.
    pub errors: Vec<Finding>,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(
        env: &'c Environment<'c>,
        collector: &'c Collector,
        sources: &'c [Source],
        memory: &'c mut Memory,
    ) -> Self {
        memory.macros.resize_with(collector.macros.all().len(), || None);
        memory.rules.resize_with(collector.rules.all().len(), || None);
        Compiler {
            env,
            collector,
            sources,
            memory,
            out: Compiled::default(),
            nodes_left: MAX_NODES,
            warnings: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Compiles everything. What does not compile is left out and reported in `errors`.
    pub(super) fn run(&mut self) -> Compiled {
        if let Err(error) = self.lists() {
            self.errors.push(*error);
            return std::mem::take(&mut self.out);
        }
        self.macros();
        self.rules();
        if self.errors.is_empty() {
            self.warn_unused();
        }
        std::mem::take(&mut self.out)
    }

    fn lists(&mut self) -> Fallible<()> {
        let infos = self.collector.lists.all();
        let mut lists = Vec::with_capacity(infos.len());
        let mut used = Vec::new();
        let mut count = 0;
        for info in infos {
            let mut items = Vec::with_capacity(info.items.len());
            for item in &info.items {
                let reference = self.collector.lists.index(item);
                let reference = reference.map(|index| (index, &infos[index]));
                match reference.filter(|(_, other)| other.order.index < info.order.visibility) {
                    Some((index, other)) => {
                        used.push(index);
                        items.extend(other.items.iter().cloned());
                    }
                    None => items.push(item.clone()),
                }
                if count + items.len() > MAX_LIST_ITEMS {
                    let trail = item_trail(ItemKind::List, &info.name, info.place);
                    let message = format!("Lists have more than {MAX_LIST_ITEMS} items");
                    return Err(Finding::error(ErrorCode::Validate, message, trail));
                }
            }
            count += items.len();
            lists.push(CompiledList { name: info.name.clone(), items, used: false });
        }
        used.into_iter().for_each(|index| lists[index].used = true);
        self.out.lists = Lists::new(lists);
        Ok(())
    }

    fn macros(&mut self) {
        let infos = self.collector.macros.all();
        for (index, info) in infos.iter().enumerate() {
            let parsed = self.parsed_macro(index, Owner::Macro(info), info.order.visibility);
            let expr = parsed.map_err(|error| self.errors.push(*error)).ok();
            self.out.macros.push(CompiledMacro { expr, used: false });
        }
        for (index, info) in infos.iter().enumerate() {
            let Some(expr) = self.out.macros[index].expr.clone() else { continue };
            let known = self.memory.macros[index].as_mut().and_then(|known| known.resolved.take());
            let known = known.filter(|resolved| resolved.is_current(&self.out.macros));
            let resolved = match known {
                Some(known) => {
                    self.nodes_left = self.nodes_left.saturating_sub(known.size);
                    self.note_uses(&known.uses);
                    known
                }
                None => {
                    let shown = info.condition.text.as_str();
                    match self.resolve(Owner::Macro(info), shown, &expr, index, info.order.visibility) {
                        Ok(Some(resolved)) => resolved,
                        Ok(None) => {
                            self.out.macros[index].expr = None;
                            continue;
                        }
                        Err(error) => {
                            self.errors.push(*error);
                            self.out.macros[index].expr = None;
                            continue;
                        }
                    }
                }
            };
            self.out.macros[index].expr = Some(Rc::clone(&resolved.expr));
            if let Some(known) = &mut self.memory.macros[index] {
                known.resolved = Some(resolved);
            }
        }
    }

    fn parsed_macro(&mut self, index: usize, owner: Owner<'c>, touched: usize) -> Fallible<Rc<Expr>> {
        let (excepted, expanded) = self.expand(owner, &[], false)?;
        self.note_lists(&expanded);
        let known = self.memory.macros[index].as_ref();
        if let Some(known) = known.filter(|known| known.touched == touched && known.text == expanded.text) {
            return Ok(Rc::clone(&known.parsed));
        }
        let text = expanded.text.clone();
        let parsed = Rc::new(self.parse(owner, &[], excepted, expanded)?);
        let resolved = None;
        self.memory.macros[index] = Some(KnownMacro { touched, text, parsed: Rc::clone(&parsed), resolved });
        Ok(parsed)
    }

    /// Puts exceptions around a condition and replaces its lists.
    fn expand(
        &mut self,
        owner: Owner<'c>,
        exceptions: &'c [ExceptionInfo],
        exact: bool,
    ) -> Fallible<(Excepted, Expanded)> {
        let excepted = exceptions::apply(&owner.condition().text, exceptions, exact)?;
        let expanded = self.out.lists.expand(&excepted.text, exact).map_err(|too_long| {
            Finding::error(ErrorCode::Validate, too_long.to_string(), owner.condition_trail())
        })?;
        Ok((excepted, expanded))
    }

    /// Parses a condition as [`expand`](Self::expand) made it.
    fn parse(
        &mut self,
        owner: Owner<'c>,
        exceptions: &'c [ExceptionInfo],
        excepted: Excepted,
        expanded: Expanded,
    ) -> Fallible<Expr> {
        let changed = expanded.is_changed() || !exceptions.is_empty();
        let first = match self.parse_text(owner, excepted, expanded) {
            Ok(parsed) => return Ok(parsed),
            Err(diagnostic) => diagnostic,
        };
        // Items of lists and values of exceptions that break the text are no reason to refuse it: they are literals.
        if changed {
            let (excepted, expanded) = self.expand(owner, exceptions, true)?;
            if let Ok(parsed) = self.parse_text(owner, excepted, expanded) {
                return Ok(parsed);
            }
        }
        let shown = self.memory.origins.get(first.span.source);
        let shown = shown.map(|origin| origin.expanded.text.clone()).unwrap_or_default();
        let code = Code::Error(ErrorCode::CompileCondition);
        Err(Box::new(self.diagnosed(code, first, owner, &shown)))
    }

    fn parse_text(
        &mut self,
        owner: Owner<'c>,
        excepted: Excepted,
        expanded: Expanded,
    ) -> Result<Expr, Diagnostic> {
        let source = self.memory.origins.next();
        let result = parse::parse_source(source, &expanded.text, parse::RULE_DEPTH);
        let condition = Rc::clone(owner.condition());
        self.memory.origins.add(Origin { expanded, condition, excepted });
        result.map_err(|diagnostics| {
            let span = Span { source, start: 0, end: 0 };
            let none = || Diagnostic { message: "condition cannot be parsed".to_owned(), span, at: 0 };
            diagnostics.into_iter().next().unwrap_or_else(none)
        })
    }

    /// Replaces the macros in the condition of the macro number `index`, or of a rule. `None` if it uses one that
    /// does not compile; that was reported already. `shown` is the condition that Falco shows with an error.
    fn resolve(
        &mut self,
        owner: Owner<'c>,
        shown: &str,
        expr: &Rc<Expr>,
        index: usize,
        visibility: usize,
    ) -> Fallible<Option<Resolved>> {
        let (macros, nodes_left) = (&self.out.macros, &mut self.nodes_left);
        let resolution = Resolution::new(self.collector, macros, index, visibility, nodes_left);
        let (message, span) = match resolution.run(expr) {
            Ok(resolved) => {
                self.note_uses(&resolved.uses);
                return Ok(Some(resolved));
            }
            Err(Problem::Broken) => return Ok(None),
            Err(Problem::Loop(name, span)) => (format!("reference loop in macro '{name}'"), span),
            Err(Problem::Undefined(name, span)) => {
                (format!("Undefined macro '{name}' used in filter."), span)
            }
            Err(Problem::TooLarge(span)) => (TooLarge.to_string(), span),
        };
        let mut finding = Finding::error(ErrorCode::Validate, message, owner.trail());
        self.memory.origins.place(&mut finding, shown, span, span.start, self.sources);
        Err(finding)
    }

    fn note_lists(&mut self, expanded: &Expanded) {
        for &list in &expanded.lists {
            self.out.lists.all[list as usize].used = true;
        }
    }

    fn note_uses(&mut self, uses: &[(usize, Rc<Expr>)]) {
        for (index, _) in uses {
            self.out.macros[*index].used = true;
        }
    }

    fn rules(&mut self) {
        for (index, info) in self.collector.rules.all().iter().enumerate() {
            if info.unknown_source {
                continue;
            }
            let mut warnings = Vec::new();
            let rule = self.rule(index, info, &mut warnings);
            // Falco reports no warning behind its first error, but those of the same rule before it.
            if self.errors.is_empty() {
                self.warnings.append(&mut warnings);
            }
            match rule {
                Ok(rule) => self.out.rules.extend(rule),
                Err(errors) => self.errors.extend(errors),
            }
        }
    }

    /// Compiles a rule; `None` if it is to be left out.
    fn rule(
        &mut self,
        index: usize,
        info: &'c RuleInfo,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<Rc<CompiledRule>>, Vec<Finding>> {
        let one = |error: Box<Finding>| vec![*error];
        let owner = Owner::Rule(info);
        let touched = info.order.visibility;
        let (excepted, expanded) = self.expand(owner, &info.exceptions, false).map_err(one)?;
        if let Some(rule) = self.known_rule(index, touched, &expanded.text, warnings) {
            self.note_lists(&expanded);
            return Ok(Some(rule));
        }
        // Falco looks at the output before it looks at the condition: if that leaves the rule out, its lists and
        // macros are not used.
        let output = output::output(self.env, info, self.sources, warnings).map_err(one)?;
        let Some((output, template)) = output else { return Ok(None) };
        self.note_lists(&expanded);
        let (text, shown) = (expanded.text.clone(), excepted.text.clone());
        let exception_fields = excepted.fields.clone();
        let parsed = Rc::new(self.parse(owner, &info.exceptions, excepted, expanded).map_err(one)?);
        let resolved = self.resolve(owner, &shown, &parsed, usize::MAX, usize::MAX).map_err(one)?;
        let Some(resolved) = resolved else { return Ok(None) };
        let expr = Rc::clone(&resolved.expr);
        self.warn_of_fields(owner, &expr, &shown, warnings);
        let Some(checked) = self.check(info, &expr, &shown, warnings)? else { return Ok(None) };
        let Checked { condition, events, .. } = checked;
        let rule = CompiledRule { info: index, expr, condition, events, output, template, exception_fields };
        let rule = Rc::new(rule);
        let known = KnownRule { touched, text, resolved, rule: Rc::clone(&rule), warnings: warnings.clone() };
        self.memory.rules[index] = Some(known);
        Ok(Some(rule))
    }

    /// The rule as it was compiled before, if it is still the same.
    fn known_rule(
        &mut self,
        index: usize,
        touched: usize,
        text: &str,
        warnings: &mut Vec<Finding>,
    ) -> Option<Rc<CompiledRule>> {
        let known = self.memory.rules[index].as_ref()?;
        let same =
            known.touched == touched && known.text == text && known.resolved.is_current(&self.out.macros);
        if !same {
            return None;
        }
        warnings.extend(known.warnings.iter().cloned());
        let rule = Rc::clone(&known.rule);
        self.nodes_left = self.nodes_left.saturating_sub(known.resolved.size);
        known.resolved.uses.iter().for_each(|(index, _)| self.out.macros[*index].used = true);
        Some(rule)
    }

    /// Types the condition of a rule; `None` if it is to be left out.
    fn check(
        &mut self,
        info: &'c RuleInfo,
        expr: &Expr,
        shown: &str,
        warnings: &mut Vec<Finding>,
    ) -> Result<Option<Checked>, Vec<Finding>> {
        let owner = Owner::Rule(info);
        // A rule whose source is not known is never compiled.
        let schema = self.env.schema_of(&info.source).unwrap_or(self.env.schema);
        let checked = match check(expr, schema) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                let first = diagnostics.first().filter(|first| is_forgivable(&first.message));
                if let Some(first) = first.filter(|_| info.skip_if_unknown_filter) {
                    let code = Code::Warning(WarningCode::UnknownFilter);
                    warnings.push(self.diagnosed(code, first.clone(), owner, shown));
                    return Ok(None);
                }
                let code = Code::Error(ErrorCode::CompileCondition);
                let errors = diagnostics.into_iter().map(|d| self.diagnosed(code, d, owner, shown));
                return Err(errors.collect());
            }
        };
        for diagnostic in &checked.warnings {
            let code = Code::Warning(WarningCode::CompileCondition);
            warnings.push(self.diagnosed(code, diagnostic.clone(), owner, shown));
        }
        let too_many = checked.events.is_empty() || checked.events.len() > MAX_EVENTS;
        if too_many && info.warn_evttypes && info.source == SYSCALL {
            let message =
                "Rule matches too many evt.type values. This has a significant performance penalty.";
            warnings.push(Finding::new(Code::Warning(WarningCode::NoEvttype), message, owner.trail()));
        }
        Ok(Some(checked))
    }

    /// A finding of parser or typing.
    fn diagnosed(&self, code: Code, diagnostic: Diagnostic, owner: Owner<'c>, shown: &str) -> Finding {
        let Diagnostic { message, span, at } = diagnostic;
        let mut finding = Finding::new(code, message, owner.condition_trail());
        self.memory.origins.place(&mut finding, shown, span, at, self.sources);
        finding
    }

    /// Warns of comparisons with <NA>, and of fields that have no meaning any more, once of each.
    fn warn_of_fields(&self, owner: Owner<'c>, expr: &Expr, shown: &str, warnings: &mut Vec<Finding>) {
        let mut suspects = Suspects::default();
        expr.visit(&mut suspects);
        let mut warn = |code, message: &str, span: Span| {
            let mut warning = Finding::new(Code::Warning(code), message, owner.condition_trail());
            self.memory.origins.place(&mut warning, shown, span, span.start, self.sources);
            // Falco does not say where in the condition.
            warning.condition = Some(InCondition { text: shown.to_owned(), offset: 0, line: 0, column: 0 });
            warnings.push(warning);
        };
        if let Some(span) = suspects.na {
            warn(WarningCode::UnsafeNaCheck, UNSAFE_NA, span);
        }
        for ((_, message), span) in DEPRECATED_FIELDS.iter().zip(suspects.deprecated) {
            if let Some(span) = span {
                warn(WarningCode::DeprecatedItem, message, span);
            }
        }
    }

    fn warn_unused(&mut self) {
        let unused = |code, message: &str, trail| Finding::new(Code::Warning(code), message, trail);
        // What a rule pack shares is there for all of its files, of which perhaps one is loaded.
        let sources = self.sources;
        let shared = |place: Place| sources.get(place.file as usize).is_some_and(Source::is_shared);
        for (compiled, info) in self.out.macros.iter().zip(self.collector.macros.all()) {
            if !compiled.used && !shared(info.place) {
                let message = "Macro not referred to by any other rule/macro";
                let trail = item_trail(ItemKind::Macro, &info.name, info.place);
                self.warnings.push(unused(WarningCode::UnusedMacro, message, trail));
            }
        }
        for (compiled, info) in self.out.lists.all.iter().zip(self.collector.lists.all()) {
            if !compiled.used && !shared(info.place) {
                let message = "List not referred to by any other rule/macro";
                let trail = item_trail(ItemKind::List, &info.name, info.place);
                self.warnings.push(unused(WarningCode::UnusedList, message, trail));
            }
        }
    }
}

const UNSAFE_NA: &str = "comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the \
                         rule condition. If you need to check for the existence of a field, consider using the \
                         'exists' operator instead.";

/// What Falco finds suspicious in a syntax tree: where each was seen first.
#[derive(Default)]
struct Suspects {
    /// A comparison of an audit field with <NA>.
    na: Option<Span>,
    deprecated: [Option<Span>; DEPRECATED_FIELDS.len()],
}

impl Visitor for Suspects {
    fn field(&mut self, field: &FieldRef) {
        // All deprecated ones are fields of the event.
        if !field.name.starts_with("evt.") {
            return;
        }
        let index = DEPRECATED_FIELDS.iter().position(|(name, _)| *name == &*field.name);
        if let Some(slot) = index.and_then(|index| self.deprecated.get_mut(index)) {
            slot.get_or_insert(field.span);
        }
    }

    fn literal(&mut self, check: &Check, literal: &Literal) {
        use Operator::{Eq, EqEq, In, Intersects, Ne, PMatch};

        let compares = matches!(check.operator, Eq | EqEq | Ne | In | Intersects | PMatch);
        let Term::Field(field) = &check.left else { return };
        let audited = field.name.starts_with("ka.") || field.name.starts_with("jevt.");
        if audited && compares && &*literal.value == b"<NA>" {
            self.na.get_or_insert(literal.span);
        }
    }
}

/// Whether `skip-if-unknown-filter` forgives an error: what is unknown may exist elsewhere.
fn is_forgivable(message: &str) -> bool {
    ["nonexistent field", "invalid formatting token", "unknown event type", "unknown filter:"]
        .iter()
        .any(|unknown| message.contains(unknown))
}
