//! Fourth step of loading rules: what was collected so far to conditions that can be evaluated. Lists are replaced in
//! the text, macros in the syntax tree, exceptions are appended.
//!
//! Falco gives up at the first error. That one is what a load result reports; this goes on where it can, so that
//! people see more of what is wrong at once.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use saker_filter::ast::{FieldRef, TooLarge, Visitor};
use saker_filter::diagnostic::position;
use saker_filter::{Checked, Condition, Diagnostic, EventSet, Expr, Span, check, parse};

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::collector::Collector;
use super::environment::{Environment, SYSCALL};
use super::exceptions::{self, Excepted};
use super::finding::{Code, Fallible, Finding, InCondition, Spot};
use super::items::{MacroInfo, RuleInfo, Text};
use super::lists::{CompiledList, Expanded, Lists, MAX_EXPANDED};
use super::source::{Place, Source};
use crate::alerts::{CONTAINER_INFO, RuleLabels, Template, TemplateError, append_output};

/// A rule that can be true for more event ids than this is warned of.
const MAX_EVENTS: usize = 100;

/// How many levels of macros that are only visible because they were redefined may be nested.
const MAX_LATE_MACROS: usize = 100;

/// The most nodes that the syntax trees of all macros and rules may have together.
const MAX_NODES: usize = 1 << 21;

/// The most items that all lists may have together, once names of lists are replaced.
const MAX_LIST_ITEMS: usize = 4_000_000;

/// Fields that have no meaning any more, and what Falco says of them in a condition.
const DEPRECATED_FIELDS: &[(&str, &str)] = &[
    ("evt.dir", DIRECTION),
    ("evt.latency", LATENCY),
    ("evt.latency.s", LATENCY),
    ("evt.latency.ns", LATENCY),
    ("evt.latency.human", LATENCY),
    ("evt.wait_latency", LATENCY),
];
const DIRECTION: &str = "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = \
                         >' always evaluates to false. The rule expression can be simplified by removing the \
                         condition on 'evt.dir'";
const LATENCY: &str = "field is not available due to the drop of enter events.";
const CONTAINER_INFO_IS_DEPRECATED: &str = "%container.info is deprecated and no more useful, and will be dropped \
                                            by Falco 1.0.0. The container plugin will automatically add required \
                                            fields to the output message.";

/// A macro, its own macros replaced.
#[derive(Clone, Debug)]
pub(super) struct CompiledMacro {
    pub name: String,
    /// What it stands for; `None` if it does not compile.
    pub expr: Option<Rc<Expr>>,
    pub used: bool,
}

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
    pub macros: Vec<CompiledMacro>,
    pub rules: Vec<CompiledRule>,
}

/// Where a text that was parsed comes from.
struct Parsed<'c> {
    /// What was parsed.
    expanded: Expanded,
    /// Its condition as written.
    condition: &'c Text,
    /// Around it, the exceptions.
    excepted: Excepted,
}

/// One compilation of everything that was collected.
pub(super) struct Compiler<'c> {
    env: &'c Environment<'c>,
    collector: &'c Collector,
    sources: &'c [Source],
    out: Compiled,
    /// By the number in spans.
    parsed: Vec<Parsed<'c>>,
    list_items: usize,
    nodes_left: usize,
    pub warnings: Vec<Finding>,
    /// The first is what Falco reports.
    pub errors: Vec<Finding>,
}

/// What a condition belongs to: how findings name it.
#[derive(Clone, Copy)]
enum Owner<'c> {
    Macro(&'c MacroInfo),
    Rule(&'c RuleInfo),
}

impl Owner<'_> {
    /// The chain of locations to the item.
    fn trail(self) -> Vec<Spot> {
        let (kind, name, place) = match self {
            Owner::Macro(info) => (ItemKind::Macro, &info.name, info.place),
            Owner::Rule(info) => (ItemKind::Rule, &info.name, info.place),
        };
        let file = Place { file: place.file, at: 0 };
        vec![
            Spot { kind: ItemKind::RulesContent, name: String::new(), place: file },
            Spot { kind, name: name.clone(), place },
        ]
    }

    /// The chain of locations to its condition.
    fn condition_trail(self) -> Vec<Spot> {
        let (kind, condition) = match self {
            Owner::Macro(info) => (ItemKind::MacroCondition, &info.condition),
            Owner::Rule(info) => (ItemKind::RuleCondition, &info.condition),
        };
        let mut trail = self.trail();
        trail.push(Spot { kind, name: String::new(), place: condition.place });
        trail
    }
}

impl<'c> Compiler<'c> {
    pub(super) fn new(env: &'c Environment<'c>, collector: &'c Collector, sources: &'c [Source]) -> Self {
        Compiler {
            env,
            collector,
            sources,
            out: Compiled::default(),
            parsed: Vec::new(),
            list_items: 0,
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

    fn fail(&mut self, error: Box<Finding>) {
        self.errors.push(*error);
    }

    /// Falco reports no warning behind its first error.
    fn warn(&mut self, warning: Finding) {
        if self.errors.is_empty() {
            self.warnings.push(warning);
        }
    }

    fn lists(&mut self) -> Fallible<()> {
        let infos = self.collector.lists.all();
        let mut lists = Vec::with_capacity(infos.len());
        let mut used = Vec::new();
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
                if self.list_items + items.len() > MAX_LIST_ITEMS {
                    let file = Place { file: info.place.file, at: 0 };
                    let spot = |kind, name: &str, place| Spot { kind, name: name.to_owned(), place };
                    let trail = vec![
                        spot(ItemKind::RulesContent, "", file),
                        spot(ItemKind::List, &info.name, info.place),
                    ];
                    let message = format!("Lists have more than {MAX_LIST_ITEMS} items");
                    return Err(Finding::error(ErrorCode::Validate, message, trail));
                }
            }
            self.list_items += items.len();
            lists.push(CompiledList { name: info.name.clone(), items, used: false });
        }
        used.into_iter().for_each(|index| lists[index].used = true);
        self.out.lists = Lists::new(lists);
        Ok(())
    }

    fn macros(&mut self) {
        let infos = self.collector.macros.all();
        let mut parsed = Vec::with_capacity(infos.len());
        for info in infos {
            match self.parse(Owner::Macro(info), &info.condition, &[]) {
                Ok((expr, _)) => parsed.push(Some(Rc::new(expr))),
                Err(error) => {
                    self.fail(error);
                    parsed.push(None);
                }
            }
        }
        self.out.macros = infos
            .iter()
            .zip(parsed)
            .map(|(info, expr)| CompiledMacro { name: info.name.clone(), expr, used: false })
            .collect();
        for (index, info) in infos.iter().enumerate() {
            let Some(expr) = self.out.macros[index].expr.clone() else { continue };
            let owner = Owner::Macro(info);
            self.out.macros[index].expr = match self.resolve(owner, &expr, index, info.order.visibility) {
                Ok(expr) => expr,
                Err(error) => {
                    self.fail(error);
                    None
                }
            };
        }
    }

    /// Puts exceptions around a condition, replaces its lists and parses it. Returns also the fields of the
    /// exceptions.
    fn parse(
        &mut self,
        owner: Owner<'c>,
        condition: &'c Text,
        exceptions: &'c [super::items::ExceptionInfo],
    ) -> Fallible<(Expr, Vec<String>)> {
        let as_falco = self.expand_and_parse(owner, condition, exceptions, false)?;
        let (source, first) = match as_falco {
            Ok(parsed) => return Ok(parsed),
            Err(error) => error,
        };
        // Items of lists and values of exceptions that break the text are no reason to refuse it: they are literals.
        if self.parsed[source].expanded.is_changed() || !exceptions.is_empty() {
            let literally = self.expand_and_parse(owner, condition, exceptions, true)?;
            if let Ok(parsed) = literally {
                return Ok(parsed);
            }
            self.parsed.pop();
        }
        let text = self.parsed[source].expanded.text.clone();
        let trail = owner.condition_trail();
        Err(self.in_condition(ErrorCode::CompileCondition, first.message, trail, text, first.span, first.at))
    }

    #[allow(clippy::type_complexity)]
    fn expand_and_parse(
        &mut self,
        owner: Owner<'c>,
        condition: &'c Text,
        exceptions: &'c [super::items::ExceptionInfo],
        exact: bool,
    ) -> Fallible<Result<(Expr, Vec<String>), (usize, Diagnostic)>> {
        let mut excepted = exceptions::apply(&condition.text, exceptions, exact)?;
        let expanded = self.out.lists.expand(&excepted.text, exact).map_err(|_| {
            let message = format!("Lists make this condition, or all together, longer than {MAX_EXPANDED} bytes");
            Finding::error(ErrorCode::Validate, message, owner.condition_trail())
        })?;
        let source = self.parsed.len();
        let result = parse::parse_source(source as u32, &expanded.text, parse::RULE_DEPTH);
        let fields = std::mem::take(&mut excepted.fields);
        self.parsed.push(Parsed { expanded, condition, excepted });
        Ok(match result {
            Ok(expr) => Ok((expr, fields)),
            Err(diagnostics) => {
                let first = diagnostics.into_iter().next();
                Err((source, first.unwrap_or_else(|| unreachable_diagnostic(source))))
            }
        })
    }

    /// An error about a place in a condition. `text` is the condition that Falco shows with it.
    fn in_condition(
        &self,
        code: ErrorCode,
        message: String,
        trail: Vec<Spot>,
        text: String,
        span: Span,
        at: u32,
    ) -> Box<Finding> {
        let mut finding = Finding::error(code, message, trail);
        self.place(&mut finding, text, span, at);
        finding
    }

    /// Gives a finding its place in a condition, in Falco's terms and in the file's.
    fn place(&self, finding: &mut Finding, text: String, span: Span, at: u32) {
        let Some(parsed) = self.parsed.get(span.source as usize) else { return };
        let (line, column) = position(&parsed.expanded.text, at);
        finding.condition =
            Some(InCondition { text, offset: at as usize, line: line as usize, column: column as usize });
        let start = parsed.locate(span.start as usize, self.sources);
        let end = parsed.locate((span.end as usize).max(span.start as usize + 1) - 1, self.sources);
        finding.place = start;
        finding.width = match start.file == end.file && end.at >= start.at {
            true => end.at - start.at + 1,
            false => 1,
        };
    }

    /// Replaces the macros in the condition of the macro number `index`, or of a rule. `None` if it uses one that
    /// does not compile; that was reported already.
    fn resolve(
        &mut self,
        owner: Owner<'c>,
        expr: &Rc<Expr>,
        index: usize,
        visibility: usize,
    ) -> Fallible<Option<Rc<Expr>>> {
        let mut resolution = Resolution {
            compiler: self,
            index,
            visibility,
            path: Vec::new(),
            late: FxHashMap::default(),
            used: Vec::new(),
        };
        let problem = match resolution.resolve(expr) {
            Ok(resolved) => {
                let used = resolution.used;
                used.into_iter().for_each(|index| self.out.macros[index].used = true);
                return Ok(Some(resolved));
            }
            Err(problem) => problem,
        };
        let (message, span) = match problem {
            Problem::Broken => return Ok(None),
            Problem::Loop(name, span) => (format!("reference loop in macro '{name}'"), span),
            Problem::Undefined(name, span) => (format!("Undefined macro '{name}' used in filter."), span),
            Problem::TooLarge(span) => (TooLarge.to_string(), span),
        };
        let text = match owner {
            Owner::Macro(info) => info.condition.text.clone(),
            // The condition with its exceptions, before lists are replaced.
            Owner::Rule(_) => self.parsed.last().map(|p| p.excepted.text.clone()).unwrap_or_default(),
        };
        Err(self.in_condition(ErrorCode::Validate, message, owner.trail(), text, span, span.start))
    }

    fn rules(&mut self) {
        for (index, info) in self.collector.rules.all().iter().enumerate() {
            if info.unknown_source {
                continue;
            }
            match self.rule(index, info) {
                Ok(Some(rule)) => self.out.rules.push(rule),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// Compiles a rule; `None` if it is to be left out.
    fn rule(&mut self, index: usize, info: &'c RuleInfo) -> Fallible<Option<CompiledRule>> {
        let owner = Owner::Rule(info);
        // Falco builds the exceptions before it looks at the output, and parses the condition behind it.
        exceptions::apply("", &info.exceptions, false)?;
        let Some((output, template)) = self.output(info)? else { return Ok(None) };
        let (expr, exception_fields) = self.parse(owner, &info.condition, &info.exceptions)?;
        let Some(expr) = self.resolve(owner, &Rc::new(expr), usize::MAX, usize::MAX)? else {
            return Ok(None);
        };
        let text = self.parsed.last().map(|parsed| parsed.excepted.text.clone()).unwrap_or_default();
        self.warn_of_condition(owner, &expr, &text);
        let Some(checked) = self.check(info, &expr, &text) else { return Ok(None) };
        let Checked { condition, events, .. } = checked;
        Ok(Some(CompiledRule { info: index, expr, condition, events, output, template, exception_fields }))
    }

    /// Types the condition of a rule. `None` if it cannot be, which is reported.
    fn check(&mut self, info: &'c RuleInfo, expr: &Expr, text: &str) -> Option<Checked> {
        let owner = Owner::Rule(info);
        let checked = match check(expr, self.env.schema) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                for diagnostic in diagnostics {
                    let skip = info.skip_if_unknown_filter && is_forgivable(&diagnostic.message);
                    let code = match skip {
                        true => Code::Warning(WarningCode::UnknownFilter),
                        false => Code::Error(ErrorCode::CompileCondition),
                    };
                    let finding = self.diagnosed(code, diagnostic, owner, text);
                    if skip {
                        self.warn(finding);
                        return None;
                    }
                    self.fail(Box::new(finding));
                }
                return None;
            }
        };
        for diagnostic in &checked.warnings {
            let code = Code::Warning(WarningCode::CompileCondition);
            let finding = self.diagnosed(code, diagnostic.clone(), owner, text);
            self.warn(finding);
        }
        let too_many = checked.events.is_empty() || checked.events.len() > MAX_EVENTS;
        if too_many && info.warn_evttypes && info.source == SYSCALL {
            let message =
                "Rule matches too many evt.type values. This has a significant performance penalty.";
            let code = Code::Warning(WarningCode::NoEvttype);
            self.warn(Finding::new(code, message, owner.trail()));
        }
        Some(checked)
    }

    /// A finding of the typing.
    fn diagnosed(&self, code: Code, diagnostic: Diagnostic, owner: Owner<'c>, text: &str) -> Finding {
        let mut finding = Finding::new(code, diagnostic.message, owner.condition_trail());
        self.place(&mut finding, text.to_owned(), diagnostic.span, diagnostic.at);
        finding
    }

    /// The output of a rule with what the configuration appends; `None` if it is to be left out because of it.
    fn output(&mut self, info: &RuleInfo) -> Fallible<Option<(String, Template)>> {
        let labels =
            RuleLabels { name: &info.name, source: &info.source, priority: info.priority, tags: &info.tags };
        let entries = self.env.append_output;
        let mut output = append_output(&info.output.text, &labels, entries, self.env.schema);
        if output.contains(CONTAINER_INFO) {
            let code = Code::Warning(WarningCode::DeprecatedItem);
            let trail = Owner::Rule(info).trail();
            let mut warning = Finding::new(code, CONTAINER_INFO_IS_DEPRECATED, trail);
            warning.place = self.locate_text(&info.output, info.output.text.find(CONTAINER_INFO));
            warning.width = CONTAINER_INFO.len();
            self.warn(warning);
            output = output.replace(CONTAINER_INFO, "");
        }
        let mut trail = Owner::Rule(info).trail();
        trail.push(Spot { kind: ItemKind::RuleOutput, name: String::new(), place: info.output.place });
        let template = match Template::compile(&output, self.env.schema) {
            Ok(template) => template,
            Err(error) => {
                let skip = info.skip_if_unknown_filter && error.is_unknown_field();
                let code = match skip {
                    true => Code::Warning(WarningCode::UnknownFilter),
                    false => Code::Error(ErrorCode::CompileOutput),
                };
                let finding = self.output_finding(code, &error, info, &output, trail);
                if skip {
                    self.warn(finding);
                    return Ok(None);
                }
                return Err(Box::new(finding));
            }
        };
        for (field, _) in DEPRECATED_FIELDS.iter().filter(|(field, _)| output.contains(field)) {
            let message = format!("usage of deprecated field '{field}' has been detected in the rule output");
            let mut warning =
                Finding::new(Code::Warning(WarningCode::DeprecatedItem), message, trail.clone());
            warning.place = self.locate_text(&info.output, info.output.text.find(field));
            warning.width = field.len();
            self.warn(warning);
        }
        Ok(Some((output, template)))
    }

    fn output_finding(
        &self,
        code: Code,
        error: &TemplateError,
        info: &RuleInfo,
        output: &str,
        trail: Vec<Spot>,
    ) -> Finding {
        let mut finding = Finding::new(code, error.to_string(), trail);
        // What was taken out of or added to the output has no place in the file.
        if output.starts_with(&info.output.text) {
            finding.place = self.locate_text(&info.output, Some(error.offset));
            let token = output.get(error.offset..).unwrap_or_default();
            finding.width = token.find(char::is_whitespace).unwrap_or(token.len()).max(1);
        }
        finding
    }

    /// Where byte `at` of a text stands in its file.
    fn locate_text(&self, text: &Text, at: Option<usize>) -> Place {
        let Some(at) = at else { return text.place };
        let (place, value, offset) = text.part(at);
        match self.sources.get(place.file as usize) {
            Some(source) => Place { file: place.file, at: source.locate(place.at, value, offset) },
            None => place,
        }
    }

    /// Warnings that Falco finds in the syntax tree.
    fn warn_of_condition(&mut self, owner: Owner<'c>, expr: &Expr, text: &str) {
        struct Deprecated(Vec<(usize, Span)>);
        impl Visitor for Deprecated {
            fn field(&mut self, field: &FieldRef) {
                let index = DEPRECATED_FIELDS.iter().position(|(name, _)| *name == &*field.name);
                if let Some(index) = index
                    && !self.0.iter().any(|(other, _)| *other == index)
                {
                    self.0.push((index, field.span));
                }
            }
        }
        let mut deprecated = Deprecated(Vec::new());
        expr.visit(&mut deprecated);
        deprecated.0.sort_unstable_by_key(|(index, _)| *index);
        for (index, span) in deprecated.0 {
            let code = Code::Warning(WarningCode::DeprecatedItem);
            let mut warning = Finding::new(code, DEPRECATED_FIELDS[index].1, owner.condition_trail());
            self.place(&mut warning, text.to_owned(), span, span.start);
            // Falco does not say where in the condition.
            warning.condition = Some(InCondition { text: text.to_owned(), offset: 0, line: 0, column: 0 });
            self.warn(warning);
        }
    }

    fn warn_unused(&mut self) {
        let mut unused = Vec::new();
        for (compiled, info) in self.out.macros.iter().zip(self.collector.macros.all()) {
            if !compiled.used {
                let message = "Macro not referred to by any other rule/macro";
                unused.push(Finding::new(
                    Code::Warning(WarningCode::UnusedMacro),
                    message,
                    Owner::Macro(info).trail(),
                ));
            }
        }
        for (compiled, info) in self.out.lists.all.iter().zip(self.collector.lists.all()) {
            if !compiled.used {
                let message = "List not referred to by any other rule/macro";
                let file = Place { file: info.place.file, at: 0 };
                let trail = vec![
                    Spot { kind: ItemKind::RulesContent, name: String::new(), place: file },
                    Spot { kind: ItemKind::List, name: info.name.clone(), place: info.place },
                ];
                unused.push(Finding::new(Code::Warning(WarningCode::UnusedList), message, trail));
            }
        }
        self.warnings.extend(unused);
    }
}

fn unreachable_diagnostic(source: usize) -> Diagnostic {
    let span = Span { source: source as u32, start: 0, end: 0 };
    Diagnostic { message: "condition cannot be parsed".to_owned(), span, at: 0 }
}

impl Parsed<'_> {
    /// Where byte `at` of what was parsed stands in a file.
    fn locate(&self, at: usize, sources: &[Source]) -> Place {
        let written = self.expanded.origin(at);
        let exception = self.excepted.parts.iter().rev().find(|(start, _)| *start <= written);
        if let Some((_, place)) = exception {
            return *place;
        }
        let (place, value, offset) = self.condition.part(written.saturating_sub(self.excepted.start));
        match sources.get(place.file as usize) {
            Some(source) => Place { file: place.file, at: source.locate(place.at, value, offset) },
            None => place,
        }
    }
}

/// Why macros cannot be replaced.
enum Problem {
    Loop(String, Span),
    Undefined(String, Span),
    TooLarge(Span),
    /// One of them does not compile itself.
    Broken,
}

/// The replacement of macros in one condition.
struct Resolution<'r, 'c> {
    compiler: &'r mut Compiler<'c>,
    /// The number of the macro whose condition this is: those before it are complete.
    index: usize,
    /// Macros with a lower index are visible.
    visibility: usize,
    /// The macros that are being replaced, outermost first.
    path: Vec<usize>,
    /// Macros that are visible only because they were touched later, with theirs replaced.
    late: FxHashMap<usize, Rc<Expr>>,
    used: Vec<usize>,
}

impl Resolution<'_, '_> {
    fn resolve(&mut self, expr: &Rc<Expr>) -> Result<Rc<Expr>, Problem> {
        struct Names(Vec<(Box<str>, Span)>);
        impl Visitor for Names {
            fn identifier(&mut self, name: &str, span: Span) {
                self.0.push((name.into(), span));
            }
        }
        let mut names = Names(Vec::new());
        expr.visit(&mut names);
        if names.0.is_empty() {
            return Ok(Rc::clone(expr));
        }
        let mut found: Vec<(Box<str>, Rc<Expr>)> = Vec::with_capacity(names.0.len());
        let mut undefined = None;
        for (name, span) in names.0 {
            if found.iter().any(|(other, _)| *other == name) {
                continue;
            }
            match self.macro_(&name, span) {
                Ok(expr) => found.push((name, expr)),
                // A loop is reported before an unknown name, wherever they stand.
                Err(problem @ Problem::Undefined(..)) => {
                    undefined.get_or_insert(problem);
                }
                Err(problem) => return Err(problem),
            }
        }
        if let Some(problem) = undefined {
            return Err(problem);
        }
        let mut lookup =
            |name: &str, _| found.iter().find(|(other, _)| &**other == name).map(|(_, expr)| &**expr);
        let resolved = expr.substitute(&mut lookup).map_err(|TooLarge| Problem::TooLarge(expr.span))?;
        let left = self.compiler.nodes_left.checked_sub(resolved.size());
        self.compiler.nodes_left = left.ok_or(Problem::TooLarge(expr.span))?;
        Ok(Rc::new(resolved))
    }

    fn macro_(&mut self, name: &str, span: Span) -> Result<Rc<Expr>, Problem> {
        let compiler = &*self.compiler;
        let index = compiler
            .collector
            .macros
            .index(name)
            .filter(|&index| compiler.collector.macros.all()[index].order.index < self.visibility);
        let Some(index) = index else { return Err(Problem::Undefined(name.to_owned(), span)) };
        if self.path.contains(&index) {
            return Err(Problem::Loop(name.to_owned(), span));
        }
        let Some(expr) = compiler.out.macros[index].expr.clone() else { return Err(Problem::Broken) };
        self.used.push(index);
        if index < self.index {
            return Ok(expr);
        }
        // Its own macros are not replaced yet: this one sees it only because it was touched later.
        if self.path.len() >= MAX_LATE_MACROS {
            return Err(Problem::TooLarge(span));
        }
        if let Some(resolved) = self.late.get(&index) {
            return Ok(Rc::clone(resolved));
        }
        self.path.push(index);
        let resolved = self.resolve(&expr)?;
        self.path.pop();
        self.late.insert(index, Rc::clone(&resolved));
        Ok(resolved)
    }
}

/// Whether `skip-if-unknown-filter` forgives an error: what is unknown may exist elsewhere.
fn is_forgivable(message: &str) -> bool {
    ["nonexistent field", "invalid formatting token", "unknown event type", "unknown filter:"]
        .iter()
        .any(|unknown| message.contains(unknown))
}
