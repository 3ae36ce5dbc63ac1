//! Conditions in the form that is run: one table of checks, shared by all conditions that were compiled together, and
//! for each condition a start among flat operations that jump from check to check.
//!
//! It is plain data. Printing it shows what will be evaluated, in which order, and what is remembered.

use std::fmt::{self, Display, Formatter};

use rustc_hash::FxHashMap;

use crate::family::{Family, Member};
use crate::matcher::Matcher;
use crate::operator::Transformer;
use crate::print::escaped;
use crate::schema::{Field, Scope};
use crate::typed::{
    BoolTest, Comparison, FieldUse, IpTest, NetTest, NumberTest, Order, Quantifier, Relation, Source, Test,
    TextTest,
};

/// A check of a [`CheckTable`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CheckId(pub(crate) u32);

/// A compiled condition: where to begin in the table that it was compiled into.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    pub(crate) start: Target,
}

impl Program {
    /// Whether it never holds.
    pub fn is_never(&self) -> bool {
        self.start == FALSE
    }

    /// Whether it holds whatever the event.
    pub fn is_always(&self) -> bool {
        self.start == TRUE
    }
}

/// Where to go on: an operation, or the outcome.
pub(crate) type Target = u32;

pub(crate) const TRUE: Target = u32::MAX;
pub(crate) const FALSE: Target = u32::MAX - 1;

/// Evaluate a check and jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) check: u32,
    pub(crate) then: Target,
    pub(crate) otherwise: Target,
    /// That of the check, kept here because most operations need no more.
    pub(crate) memory: Memory,
}

/// The checks of conditions that were compiled together, each kept once.
#[derive(Clone, Debug, Default)]
pub struct CheckTable {
    pub(crate) checks: Vec<Check>,
    /// By check, what it was compiled from; a group has none.
    pub(crate) comparisons: Vec<Option<Comparison>>,
    pub(crate) ops: Vec<Op>,
    pub(crate) sources: Vec<Source>,
    pub(crate) families: Vec<Family>,
    /// How many slots each memory has.
    pub(crate) slots: Slots,
    pub(crate) fields: FxHashMap<Field, FieldUse>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) event: u32,
    pub(crate) value: u32,
    pub(crate) family_words: u32,
    pub(crate) constant: u32,
    pub(crate) process: u32,
    pub(crate) ancestry: u32,
}

/// A source of the table, and its slot in the memory of the event; one that a single check uses has a slot that is
/// none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceRef {
    pub(crate) index: u32,
    pub(crate) slot: u32,
}

/// The slot of what is not remembered.
pub(crate) const NO_SLOT: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) kind: CheckKind,
    pub(crate) scope: Scope,
    pub(crate) memory: Memory,
}

#[derive(Clone, Debug)]
pub(crate) enum CheckKind {
    /// A value against a test.
    Compare { source: SourceRef, quantifier: Quantifier, matcher: Matcher },
    /// A value against another.
    Relate { left: SourceRef, quantifier: Quantifier, relation: Relation, right: SourceRef },
    /// Answered by its family.
    Member(Member),
    /// Several checks: a part of a condition that is remembered as a whole.
    Group { start: Target },
}

/// Where the outcome is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Memory {
    /// Nowhere: nobody asks twice.
    None,
    /// For the event.
    Event(u32),
    /// For the event, together with the family of the check.
    Family(Member),
    /// For the run, in the given slot.
    Constant(u32),
    /// For the process; for the event, in the second slot, where the caller keeps no such memory.
    Process(u32, u32),
    /// The same for the process and its ancestors.
    Ancestry(u32, u32),
}

impl CheckTable {
    /// How many checks and groups of checks there are.
    pub fn len(&self) -> usize {
        self.checks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// On what the outcome of a check depends.
    pub fn scope(&self, check: CheckId) -> Scope {
        self.checks.get(check.0 as usize).map_or(Scope::Event, |check| check.scope)
    }

    /// The text of a check, or the operations of a group.
    pub fn show(&self, check: CheckId) -> impl Display + '_ {
        ShowCheck { table: self, check: check.0 }
    }

    /// The operations of a program, one a line, and below them those of the groups that it uses.
    pub fn display(&self, program: &Program) -> impl Display + '_ {
        ShowProgram { table: self, start: program.start }
    }

    /// The operations that can be reached from a start, in the order in which they are run.
    fn reachable(&self, start: Target) -> Vec<Target> {
        let mut found = std::collections::BTreeSet::new();
        let mut open = vec![start];
        while let Some(target) = open.pop() {
            if let Some(op) = self.ops.get(target as usize)
                && found.insert(target)
            {
                open.extend([op.then, op.otherwise]);
            }
        }
        found.into_iter().rev().collect()
    }
}

struct ShowProgram<'t> {
    table: &'t CheckTable,
    start: Target,
}

impl Display for ShowProgram<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut groups = Vec::new();
        operations(f, self.table, self.start, &mut groups)?;
        let mut at = 0;
        while let Some(&group) = groups.get(at) {
            at += 1;
            if let Some(Check { kind: CheckKind::Group { start }, .. }) =
                self.table.checks.get(group as usize)
            {
                writeln!(f, "group {group}:")?;
                operations(f, self.table, *start, &mut groups)?;
            }
        }
        Ok(())
    }
}

/// Prints operations with targets counted from the first; notes the groups among them.
fn operations(
    f: &mut Formatter<'_>,
    table: &CheckTable,
    start: Target,
    groups: &mut Vec<u32>,
) -> fmt::Result {
    let order = table.reachable(start);
    let places: FxHashMap<Target, usize> = order.iter().enumerate().map(|(index, at)| (*at, index)).collect();
    let target = |target: Target| match target {
        TRUE => "true".to_owned(),
        FALSE => "false".to_owned(),
        target => places.get(&target).map_or_else(String::new, ToString::to_string),
    };
    if order.is_empty() {
        writeln!(f, "  {}", target(start))?;
    }
    for (index, at) in order.iter().enumerate() {
        let op = table.ops[*at as usize];
        let check = &table.checks[op.check as usize];
        write!(f, "  {index}: ")?;
        match &check.kind {
            CheckKind::Group { .. } => {
                write!(f, "group {}", op.check)?;
                if !groups.contains(&op.check) {
                    groups.push(op.check);
                }
            }
            _ => ShowCheck { table, check: op.check }.fmt(f)?,
        }
        let memory = match op.memory {
            Memory::None => "",
            Memory::Event(_) => " [event]",
            Memory::Family(_) => " [family]",
            Memory::Constant(_) => " [run]",
            Memory::Process(..) => " [process]",
            Memory::Ancestry(..) => " [ancestry]",
        };
        writeln!(f, "{memory} ? {} : {}", target(op.then), target(op.otherwise))?;
    }
    Ok(())
}

struct ShowCheck<'t> {
    table: &'t CheckTable,
    check: u32,
}

impl Display for ShowCheck<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let index = self.check as usize;
        if let Some(Some(comparison)) = self.table.comparisons.get(index) {
            source(f, self.table, &comparison.source)?;
            return test(f, self.table, comparison);
        }
        match self.table.checks.get(index) {
            Some(Check { kind: CheckKind::Group { start }, .. }) => {
                ShowProgram { table: self.table, start: *start }.fmt(f)
            }
            _ => Ok(()),
        }
    }
}

fn source(f: &mut Formatter<'_>, table: &CheckTable, shown: &Source) -> fmt::Result {
    let call = |f: &mut Formatter<'_>, name: Transformer, args: &[&Source]| {
        write!(f, "{name}(")?;
        for (index, arg) in args.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            source(f, table, arg)?;
        }
        f.write_str(")")
    };
    match shown {
        Source::Field(field) => match table.fields.get(field) {
            Some(known) => f.write_str(&known.name),
            None => write!(f, "field {}", field.id),
        },
        Source::Literal(value) => escaped(f, value),
        Source::Map(transformer, inner) => call(f, *transformer, &[inner]),
        Source::Count(inner) => call(f, Transformer::Len, &[inner]),
        Source::List(list) => {
            f.write_str("(")?;
            for (index, element) in list.iter().enumerate() {
                f.write_str(if index > 0 { ", " } else { "" })?;
                source(f, table, element)?;
            }
            f.write_str(")")
        }
        Source::Join(separator, list) => call(f, Transformer::Join, &[separator, list]),
        Source::Concat(list) => call(f, Transformer::Concat, &list.iter().collect::<Vec<_>>()),
        Source::Getopt { arguments, options, option } => {
            call(f, Transformer::Getopt, &[arguments, options])?;
            match option {
                Some(option) => write!(f, "[{}]", char::from(*option)),
                None => Ok(()),
            }
        }
    }
}

fn test(f: &mut Formatter<'_>, table: &CheckTable, comparison: &Comparison) -> fmt::Result {
    let intersects = comparison.source.is_list() && comparison.quantifier == Quantifier::Any;
    match &comparison.test {
        Test::Exists => f.write_str(" exists"),
        Test::Modified(modifier, tests) => {
            let (operator, _) = tests.first().map_or(("", String::new()), |test| operator(test, false));
            write!(f, " {operator} {} (", modifier.text())?;
            for (index, test) in tests.iter().enumerate() {
                f.write_str(if index > 0 { ", " } else { "" })?;
                f.write_str(&self::operator(test, false).1)?;
            }
            f.write_str(")")
        }
        Test::Source(relation, right) => {
            let operator = match relation {
                Relation::Order(order) => order.text(),
                Relation::In if intersects => "intersects",
                Relation::In => "in",
                Relation::Contains => "contains",
                Relation::IContains => "icontains",
                Relation::StartsWith => "startswith",
                Relation::EndsWith => "endswith",
                Relation::Glob => "glob",
                Relation::IGlob => "iglob",
            };
            write!(f, " {operator} val(")?;
            source(f, table, right)?;
            f.write_str(")")
        }
        test => {
            let (operator, operand) = operator(test, intersects);
            write!(f, " {operator} {operand}")
        }
    }
}

/// The operator of a test and its operand, as a condition spells them.
fn operator(test: &Test, intersects: bool) -> (&'static str, String) {
    fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
        format!("({})", items.iter().map(show).collect::<Vec<_>>().join(", "))
    }
    fn text(value: &[u8]) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = escaped(&mut out, value);
        out
    }
    let equality = |equal: bool| if equal { Order::Eq.text() } else { Order::Ne.text() };
    let membership = if intersects { "intersects" } else { "in" };
    match test {
        Test::Number(NumberTest::Order(order, value)) => (order.text(), value.to_string()),
        Test::Number(NumberTest::In(values)) => (membership, list(values, i128::to_string)),
        Test::Bool(BoolTest::Eq(value)) => (equality(true), value.to_string()),
        Test::Bool(BoolTest::Ne(value)) => (equality(false), value.to_string()),
        Test::Bool(BoolTest::In(values)) => (membership, list(values, bool::to_string)),
        Test::Ip(IpTest::Eq(value)) => (equality(true), value.to_string()),
        Test::Ip(IpTest::Ne(value)) => (equality(false), value.to_string()),
        Test::Ip(IpTest::In(values)) => (membership, list(values, ToString::to_string)),
        Test::Net(NetTest::Eq(value)) => (equality(true), value.to_string()),
        Test::Net(NetTest::Ne(value)) => (equality(false), value.to_string()),
        Test::Net(NetTest::In(values)) => (membership, list(values, ToString::to_string)),
        Test::Text(TextTest::Order(order, value)) => (order.text(), text(value)),
        Test::Text(TextTest::In(values)) => (membership, list(values, |value| text(value))),
        Test::Text(TextTest::Contains(value)) => ("contains", text(value)),
        Test::Text(TextTest::IContains(value)) => ("icontains", text(value)),
        Test::Text(TextTest::StartsWith(value)) => ("startswith", text(value)),
        Test::Text(TextTest::EndsWith(value)) => ("endswith", text(value)),
        Test::Text(TextTest::Glob(value)) => ("glob", text(value)),
        Test::Text(TextTest::IGlob(value)) => ("iglob", text(value)),
        Test::Text(TextTest::Regex(regex)) => ("regex", text(regex.pattern().as_bytes())),
        Test::Text(TextTest::PMatch(values)) => ("pmatch", list(values, |value| text(value))),
        Test::Exists => ("exists", String::new()),
        // The caller prints these.
        Test::Modified(..) | Test::Source(..) => ("", String::new()),
    }
}
