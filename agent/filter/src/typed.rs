//! The typed form of a condition: what the compiler reads. Values of this module exist only for comparisons that
//! make sense, so whoever reads them meets no case that cannot be.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::operator::{Modifier, Transformer};
use crate::regex::Regex;
use crate::schema::{Context, Field, Scope};
use crate::value::Value;

/// A condition that can be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    pub(crate) root: Node,
    /// The fields in it, in the order of the text.
    pub(crate) fields: Vec<(Field, FieldUse)>,
}

/// What the compiler must know of a field that a condition uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FieldUse {
    /// How it was written, for printing.
    pub(crate) name: Box<str>,
    /// What it costs to get its value.
    pub(crate) cost: u32,
    /// No value is less, and there always is one.
    pub(crate) at_least: Option<i128>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Check(Box<Comparison>),
}

/// A comparison of a source with operands of its type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Comparison {
    /// What is compared.
    pub(crate) source: Source,
    /// Over which of its values, if it has several.
    pub(crate) quantifier: Quantifier,
    /// How.
    pub(crate) test: Test,
}

/// Which of the values of a source must pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Quantifier {
    /// One value is enough.
    Any,
    /// Every value must.
    All,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// A field.
    Field(Field),
    /// A literal inside a transformer.
    Literal(Box<[u8]>),
    /// One value to one value, for each value: `tolower`, `toupper`, `b64`, `basename`; and `len` of one value.
    Map(Transformer, Box<Source>),
    /// The number of elements.
    Count(Box<Source>),
    /// A list written in the condition.
    List(Vec<Source>),
    /// The elements of the second, with the first between them.
    Join(Box<Source>, Box<Source>),
    /// All in a row.
    Concat(Vec<Source>),
    /// The options that a command line gives.
    Getopt {
        /// Its arguments.
        arguments: Box<Source>,
        /// Which options there are, as for `getopt(3)`.
        options: Box<Source>,
        /// The one that is asked for; all when there is none.
        option: Option<u8>,
    },
}

/// A test of one value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// There is a value.
    Exists,
    Number(NumberTest),
    Bool(BoolTest),
    Text(TextTest),
    Ip(IpTest),
    Net(NetTest),
    /// A test with each of several operands.
    Modified(Modifier, Vec<Test>),
    /// Against the value of another source of the same type.
    Source(Relation, Box<Source>),
}

/// An order between two values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Order {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Order {
    /// Whether values that compare as `ordering` are in this order.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Eq => ordering.is_eq(),
            Order::Ne => ordering.is_ne(),
            Order::Lt => ordering.is_lt(),
            Order::Le => ordering.is_le(),
            Order::Gt => ordering.is_gt(),
            Order::Ge => ordering.is_ge(),
        }
    }

    /// How it is spelled.
    pub fn text(self) -> &'static str {
        match self {
            Order::Eq => "=",
            Order::Ne => "!=",
            Order::Lt => "<",
            Order::Le => "<=",
            Order::Gt => ">",
            Order::Ge => ">=",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum NumberTest {
    Order(Order, i128),
    In(Box<[i128]>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BoolTest {
    Eq(bool),
    Ne(bool),
    In(Box<[bool]>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum TextTest {
    Order(Order, Box<[u8]>),
    In(Box<[Box<[u8]>]>),
    Contains(Box<[u8]>),
    IContains(Box<[u8]>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob(Box<[u8]>),
    IGlob(Box<[u8]>),
    Regex(Regex),
    PMatch(Box<[Box<[u8]>]>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum IpTest {
    Eq(IpAddr),
    Ne(IpAddr),
    In(Box<[IpAddr]>),
}

/// Whether an address is in a network.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum NetTest {
    Eq(IpNet),
    Ne(IpNet),
    In(Box<[IpNet]>),
}

/// How the values of two sources are related.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Relation {
    Order(Order),
    /// Equal to one of the values of the right-hand side.
    In,
    Contains,
    IContains,
    StartsWith,
    EndsWith,
    Glob,
    IGlob,
}

impl Source {
    /// On what its value depends.
    pub fn scope(&self) -> Scope {
        match self {
            Source::Field(field) => field.scope,
            Source::Literal(_) => Scope::Constant,
            Source::Map(_, source) | Source::Count(source) => source.scope(),
            Source::List(list) | Source::Concat(list) => {
                list.iter().map(Source::scope).max().unwrap_or(Scope::Constant)
            }
            Source::Join(a, b) | Source::Getopt { arguments: a, options: b, .. } => a.scope().max(b.scope()),
        }
    }
}

impl Source {
    /// Whether its value is a list by its type.
    pub fn is_list(&self) -> bool {
        match self {
            Source::Field(field) => field.traits.list,
            Source::Map(_, inner) => inner.is_list(),
            Source::List(_) | Source::Getopt { option: None, .. } => true,
            Source::Literal(_) | Source::Count(_) | Source::Join(..) | Source::Concat(_) => false,
            Source::Getopt { .. } => false,
        }
    }

    /// Its value for an event; `None` is null.
    pub fn value<'v, 'e: 'v, C: Context<'e> + ?Sized>(&'v self, context: &C) -> Option<Value<'v>> {
        crate::source::value(self, context)
    }
}

impl Test {
    fn scope(&self) -> Scope {
        match self {
            Test::Source(_, source) => source.scope(),
            Test::Modified(_, tests) => tests.iter().map(Test::scope).max().unwrap_or(Scope::Constant),
            _ => Scope::Constant,
        }
    }
}

impl Comparison {
    /// On what its outcome depends.
    pub fn scope(&self) -> Scope {
        self.source.scope().max(self.test.scope())
    }
}

impl Condition {
    /// Every comparison in it, in the order of the text.
    pub(crate) fn comparisons(&self) -> Vec<&Comparison> {
        fn collect<'s>(node: &'s Node, found: &mut Vec<&'s Comparison>) {
            match node {
                Node::And(children) | Node::Or(children) => children.iter().for_each(|c| collect(c, found)),
                Node::Not(child) => collect(child, found),
                Node::Check(check) => found.push(check),
            }
        }
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }

    /// Every field in it, once each, in the order of the text.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().map(|(field, _)| field)
    }
}

/// What typing knows of a source besides: how to name it in a message and how it may be used.
pub(crate) struct Typed {
    pub(crate) source: Source,
    pub(crate) ty: crate::value::Type,
    pub(crate) list: bool,
    pub(crate) name: String,
    pub(crate) no_rhs: bool,
    pub(crate) no_transformer: bool,
    pub(crate) any_differs: bool,
    pub(crate) each_contains: bool,
    /// The field to which literals beside it must make sense: its own, also under transformers.
    pub(crate) field: Option<Field>,
}
