//! Syntax tree to typed form, against the fields of a schema.
//!
//! Which operator takes which type, how literals are read and what is said when they do not fit are Falco's. A
//! condition may have several diagnostics, one for each check; the first is the one that Falco reports.

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use crate::ast::{Call, Check, Expr, ExprKind, Literal, Operand, Term};
use crate::diagnostic::{Diagnostic, Span};
use crate::event_types;
use crate::events::EventSet;
use crate::literal;
use crate::operator::{Operator, Transformer};
use crate::regex::Regex;
use crate::schema::{Field, Schema};
use crate::typed::{
    BoolTest, Comparison, Condition, FieldUse, IpTest, NetTest, Node, NumberTest, Order, Quantifier,
    Relation, Source, Test, TextTest, Typed,
};
use crate::value::{Class, Type};
use crate::warnings;

/// What is known of a condition that is well typed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The condition.
    pub condition: Condition,
    /// The events for which it can be true, by what it says of `evt.type`.
    pub events: EventSet,
    /// What looks like a mistake although it is none by the rules.
    pub warnings: Vec<Diagnostic>,
}

/// Types a condition whose macros are substituted.
pub fn check(expr: &Expr, schema: &dyn Schema) -> Result<Checked, Vec<Diagnostic>> {
    let mut typing = Typing::new(schema);
    let root = typing.node(expr);
    if typing.errors.is_empty() {
        event_types::refuse(expr, schema, &mut typing.errors);
    }
    match root {
        Some(root) if typing.errors.is_empty() => Ok(Checked {
            condition: Condition { root, fields: typing.fields.into_inner().list },
            events: event_types::events(expr, schema),
            warnings: typing.warnings,
        }),
        _ => Err(typing.errors),
    }
}

/// Types a field or transformer outside of a condition: what an output template prints.
pub fn check_term(term: &Term, schema: &dyn Schema) -> Result<(Source, Type, bool), Diagnostic> {
    let typing = Typing::new(schema);
    let typed = typing.term(term).map_err(|message| Diagnostic::new(message, term.span()))?;
    Ok((typed.source, typed.ty, typed.list))
}

struct Typing<'s> {
    schema: &'s dyn Schema,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    fields: RefCell<Fields>,
}

/// The fields that were met.
#[derive(Default)]
struct Fields {
    known: FxHashSet<Field>,
    list: Vec<(Field, FieldUse)>,
}

type Fallible<T> = Result<T, String>;

impl<'s> Typing<'s> {
    fn new(schema: &'s dyn Schema) -> Self {
        Typing { schema, errors: Vec::new(), warnings: Vec::new(), fields: RefCell::default() }
    }

    /// `None` if there is an error in it, which is then noted.
    fn node(&mut self, expr: &Expr) -> Option<Node> {
        match &expr.kind {
            ExprKind::And(list) => self.nodes(list).map(Node::And),
            ExprKind::Or(list) => self.nodes(list).map(Node::Or),
            ExprKind::Not(child) => self.node(child).map(|child| Node::Not(Box::new(child))),
            ExprKind::Macro(name) => {
                self.unexpected(name, expr.span);
                None
            }
            ExprKind::Check(check) => self.check_node(check, expr.span),
        }
    }

    fn nodes(&mut self, list: &[Expr]) -> Option<Vec<Node>> {
        let mut nodes = Vec::with_capacity(list.len());
        for expr in list {
            nodes.extend(self.node(expr));
        }
        (nodes.len() == list.len()).then_some(nodes)
    }

    fn unexpected(&mut self, name: &str, span: Span) {
        let message = format!("filter error: unexpected identifier '{name}'");
        self.errors.push(Diagnostic::new(message, span));
    }

    fn check_node(&mut self, check: &Check, span: Span) -> Option<Node> {
        match self.comparison(check) {
            Ok(comparison) => Some(Node::Check(Box::new(comparison))),
            Err((message, part)) => {
                self.errors.push(Diagnostic { message, span: part, at: span.start });
                None
            }
        }
    }

    fn comparison(&mut self, check: &Check) -> Result<Comparison, (String, Span)> {
        let left_span = check.left.span();
        let left = self.term(&check.left).map_err(|message| (message, left_span))?;
        let each = left.each_contains && check.operator == Operator::Contains;
        comparable(check.operator, left.ty, left.list && !each)
            .map_err(|message| (format!("filter error: {message}"), left_span))?;
        let quantifier = match check.operator {
            Operator::In if left.list => Quantifier::All,
            Operator::Ne if !left.any_differs => Quantifier::All,
            _ => Quantifier::Any,
        };
        let test = match &check.right {
            Operand::None => Test::Exists,
            Operand::Literal(literal) => {
                self.literals(check, &left, std::slice::from_ref(literal), literal.span)?
            }
            Operand::List(literals, span) => self.literals(check, &left, literals, *span)?,
            Operand::Term(term) => {
                let span = term.span();
                let right = self.term(term).map_err(|message| (message, span))?;
                let relation = relation(check.operator, &left, &right).map_err(|message| (message, span))?;
                Test::Source(relation, Box::new(right.source))
            }
        };
        Ok(Comparison { source: left.source, quantifier, test })
    }

    /// The test against literals: one, several under a modifier, or a set.
    fn literals(
        &mut self,
        check: &Check,
        left: &Typed,
        literals: &[Literal],
        span: Span,
    ) -> Result<Test, (String, Span)> {
        let mut tests = Vec::with_capacity(literals.len());
        for literal in literals {
            warnings::literal(check.operator, literal, span, self.schema, &mut self.warnings);
            let test = self.single(check.operator, left, &literal.value);
            tests.push(test.map_err(|message| (message, literal.span))?);
        }
        Ok(match check.modifier {
            Some(modifier) => Test::Modified(modifier, tests),
            None if matches!(check.operator, Operator::In | Operator::Intersects | Operator::PMatch) => {
                union(left.ty.class(), check.operator, tests)
            }
            None => match tests.pop() {
                Some(test) => test,
                None => return Err(("expected a string value".to_owned(), span)),
            },
        })
    }

    /// The test with one literal. That of a set is the test for equality, `pmatch` that of a set of one.
    fn single(&self, operator: Operator, left: &Typed, literal: &[u8]) -> Fallible<Test> {
        if let Some(field) = &left.field {
            self.schema.check_literal(field, operator.text(), literal)?;
        }
        Ok(match left.ty.class() {
            Class::Number => {
                let value = match left.ty {
                    Type::Port => literal::port(literal, self.schema)?,
                    _ => literal::number(literal)?,
                };
                let distance = left.field.as_ref().is_some_and(|field| field.traits.distance);
                let order = if distance && operator == Operator::Eq { Order::Le } else { order(operator) };
                Test::Number(NumberTest::Order(order, value))
            }
            Class::Bool => {
                let value = literal::boolean(literal)?;
                Test::Bool(if operator == Operator::Ne { BoolTest::Ne(value) } else { BoolTest::Eq(value) })
            }
            Class::Ip => {
                let value = literal::address(literal)?;
                Test::Ip(if operator == Operator::Ne { IpTest::Ne(value) } else { IpTest::Eq(value) })
            }
            Class::Net => {
                let value = literal::network(literal)?;
                Test::Net(if operator == Operator::Ne { NetTest::Ne(value) } else { NetTest::Eq(value) })
            }
            Class::Text | Class::Buffer => Test::Text(text(operator, literal)?),
        })
    }

    fn term(&self, term: &Term) -> Fallible<Typed> {
        match term {
            Term::Field(reference) => {
                let field = self
                    .schema
                    .resolve(&reference.name, reference.arg.as_deref())
                    .map_err(|error| error.to_string())?;
                let name = self.schema.name(&field).to_owned();
                let mut fields = self.fields.borrow_mut();
                if fields.known.insert(field.clone()) {
                    let cost = self.schema.cost(&field);
                    let at_least = self.schema.at_least(&field);
                    let name = reference.to_string().into();
                    fields.list.push((field.clone(), FieldUse { name, cost, at_least }));
                }
                Ok(Typed {
                    ty: field.ty,
                    list: field.traits.list,
                    name,
                    no_rhs: field.traits.no_rhs,
                    no_transformer: field.traits.no_transformer,
                    any_differs: field.traits.any_differs,
                    each_contains: field.traits.each_contains,
                    field: Some(field.clone()),
                    source: Source::Field(field),
                })
            }
            Term::Literal(literal) => Ok(Typed::value(Source::Literal(literal.value.clone()), false)),
            Term::List(terms, _) => {
                let list = terms.iter().map(|term| Ok(self.term(term)?.source)).collect::<Fallible<_>>()?;
                Ok(Typed::value(Source::List(list), true))
            }
            Term::Call(call) => self.call(call),
        }
    }

    fn call(&self, call: &Call) -> Fallible<Typed> {
        let mut args = call.args.iter().map(|arg| self.term(arg)).collect::<Fallible<Vec<_>>>()?;
        let single = if args.len() == 1 { args.pop() } else { None };
        match (call.transformer, single) {
            (Transformer::Val, Some(arg)) => Ok(arg),
            (Transformer::Join | Transformer::Concat | Transformer::Getopt, Some(_)) => {
                Err(format!("unknown field transfomer '{}'", call.transformer))
            }
            (_, Some(arg)) => {
                if call.arg.is_some() {
                    return Err(no_argument(call));
                }
                map(call.transformer, arg)
            }
            (Transformer::Join, None) => join(call, args),
            (Transformer::Concat, None) => concat(call, args),
            (Transformer::Getopt, None) => getopt(call, args),
            (_, None) => Err("unknown multivalue transformer".to_owned()),
        }
    }
}

impl Typed {
    fn value(source: Source, list: bool) -> Self {
        Typed {
            source,
            ty: Type::Str,
            list,
            name: String::new(),
            no_rhs: false,
            no_transformer: false,
            any_differs: false,
            each_contains: false,
            field: None,
        }
    }
}

fn no_argument(call: &Call) -> String {
    format!("transformer '{}' does not support field arguments", call.transformer)
}

/// A transformer of one argument. What is known of the field stays known, except its type.
fn map(transformer: Transformer, arg: Typed) -> Fallible<Typed> {
    if arg.no_transformer {
        return Err(format!("field '{}' does not support transformers", arg.name));
    }
    let fits = match transformer {
        Transformer::Len => arg.list || matches!(arg.ty, Type::Str | Type::Buf),
        Transformer::B64 => matches!(arg.ty, Type::Str | Type::Buf),
        _ => arg.ty == Type::Str,
    };
    if !fits {
        return Err(format!(
            "can't add field transformer: type '{}' is not supported by '{transformer}' transformer applied on {}field '{}'",
            arg.ty.falco_name(),
            if arg.list { "list " } else { "" },
            arg.name
        ));
    }
    let source = Box::new(arg.source);
    Ok(match transformer {
        Transformer::Len if arg.list => {
            Typed { source: Source::Count(source), ty: Type::U64, list: false, ..arg }
        }
        Transformer::Len => Typed { source: Source::Map(transformer, source), ty: Type::U64, ..arg },
        _ => Typed { source: Source::Map(transformer, source), ..arg },
    })
}

fn join(call: &Call, args: Vec<Typed>) -> Fallible<Typed> {
    let Ok([separator, list]) = <[Typed; 2]>::try_from(args) else {
        return Err("join() requires exactly 2 arguments: separator and list".to_owned());
    };
    if separator.list {
        return Err("join() first argument (separator) must be a single value, not a list".to_owned());
    }
    if !list.list {
        return Err("join() second argument must be a list".to_owned());
    }
    if call.arg.is_some() {
        return Err(no_argument(call));
    }
    Ok(Typed::value(Source::Join(Box::new(separator.source), Box::new(list.source)), false))
}

fn concat(call: &Call, args: Vec<Typed>) -> Fallible<Typed> {
    if args.iter().any(|arg| arg.ty != Type::Str || arg.list) {
        return Err("concat() arguments must be strings".to_owned());
    }
    if call.arg.is_some() {
        return Err(no_argument(call));
    }
    Ok(Typed::value(Source::Concat(args.into_iter().map(|arg| arg.source).collect()), false))
}

fn getopt(call: &Call, args: Vec<Typed>) -> Fallible<Typed> {
    let Ok([arguments, options]) = <[Typed; 2]>::try_from(args) else {
        return Err("getopt() requires exactly 2 arguments: args list and optstring".to_owned());
    };
    if !arguments.list {
        return Err("getopt() first argument must be a list".to_owned());
    }
    if options.list {
        return Err("getopt() second argument (optstring) must be a single value".to_owned());
    }
    if arguments.ty != Type::Str || options.ty != Type::Str {
        return Err("getopt() arguments must be strings".to_owned());
    }
    let option = match call.arg.as_deref() {
        None | Some([]) => None,
        Some(&[option]) => Some(option),
        Some(_) => return Err("getopt() field argument must be a single option character".to_owned()),
    };
    let source =
        Source::Getopt { arguments: Box::new(arguments.source), options: Box::new(options.source), option };
    Ok(Typed::value(source, option.is_none()))
}

/// Whether an operator takes a type. The message lacks Falco's `filter error: `.
fn comparable(operator: Operator, ty: Type, list: bool) -> Fallible<()> {
    use Operator as O;
    if operator == O::Exists {
        return Ok(());
    }
    // Both spellings have one name in messages.
    let name = if operator == O::EqEq { O::Eq } else { operator };
    let refuse = |what: &str| Err(format!("'{name}' operator not supported {what}"));
    if list {
        return match ty {
            Type::Str | Type::U64 | Type::RelTime | Type::AbsTime | Type::Bool | Type::Ip | Type::Net => {
                if matches!(operator, O::In | O::Intersects) { Ok(()) } else { refuse("list filters") }
            }
            _ => Err(format!("list filters are not supported for type '{}'", ty.falco_name())),
        };
    }
    let equality = matches!(operator, O::Eq | O::EqEq | O::Ne | O::In | O::Intersects);
    let order = matches!(operator, O::Lt | O::Le | O::Gt | O::Ge);
    match ty.class() {
        Class::Number if equality || order => Ok(()),
        Class::Bool | Class::Ip | Class::Net if equality => Ok(()),
        Class::Text if !matches!(operator, O::BContains | O::BStartsWith) => Ok(()),
        Class::Buffer
            if equality
                || matches!(operator, O::Contains | O::StartsWith | O::EndsWith)
                || matches!(operator, O::BContains | O::BStartsWith) =>
        {
            Ok(())
        }
        Class::Number | Class::Bool => refuse("for numeric filters"),
        Class::Text => refuse("for string filters"),
        Class::Buffer => refuse("for buffer filters"),
        Class::Ip | Class::Net => refuse("for ip address and network filters"),
    }
}

/// The relation between two sources, if there may be one.
fn relation(operator: Operator, left: &Typed, right: &Typed) -> Fallible<Relation> {
    let relation = match operator {
        Operator::PMatch | Operator::Regex | Operator::Exists => {
            return Err(format!(
                "operator '{}' doesn't support right-hand side fields",
                operator.falco_name()
            ));
        }
        Operator::In | Operator::Intersects => Relation::In,
        Operator::Contains | Operator::BContains => Relation::Contains,
        Operator::IContains => Relation::IContains,
        Operator::StartsWith | Operator::BStartsWith => Relation::StartsWith,
        Operator::EndsWith => Relation::EndsWith,
        Operator::Glob => Relation::Glob,
        Operator::IGlob => Relation::IGlob,
        _ => Relation::Order(order(operator)),
    };
    if left.ty == Type::Net {
        return Err("field type 'IPNET' doesn't support right-hand side fields".to_owned());
    }
    if left.no_rhs {
        return Err(format!("field '{}' doesn't support right-hand side fields", left.name));
    }
    if right.no_rhs {
        return Err(format!("field '{}' can't be used as a right-hand side field", right.name));
    }
    if (left.ty, left.list) != (right.ty, right.list) {
        let list = |typed: &Typed| if typed.list { " (list)" } else { "" };
        return Err(format!(
            "field '{}' has type '{}'{} while the right-hand side field '{}' has incompatible type '{}'{}",
            left.name,
            left.ty.falco_name(),
            list(left),
            right.name,
            right.ty.falco_name(),
            list(right)
        ));
    }
    Ok(relation)
}

fn order(operator: Operator) -> Order {
    match operator {
        Operator::Ne => Order::Ne,
        Operator::Lt => Order::Lt,
        Operator::Le => Order::Le,
        Operator::Gt => Order::Gt,
        Operator::Ge => Order::Ge,
        _ => Order::Eq,
    }
}

fn text(operator: Operator, literal: &[u8]) -> Fallible<TextTest> {
    let value: Box<[u8]> = literal.into();
    Ok(match operator {
        Operator::Contains => TextTest::Contains(value),
        Operator::BContains => TextTest::Contains(literal::hexadecimal(literal)?),
        Operator::IContains => TextTest::IContains(value.to_ascii_lowercase().into()),
        Operator::StartsWith => TextTest::StartsWith(value),
        Operator::BStartsWith => TextTest::StartsWith(literal::hexadecimal(literal)?),
        Operator::EndsWith => TextTest::EndsWith(value),
        Operator::Glob => TextTest::Glob(value),
        Operator::IGlob => TextTest::IGlob(value),
        Operator::Regex => {
            TextTest::Regex(Regex::new(literal).map_err(|error| format!("invalid regex pattern: {error}"))?)
        }
        Operator::PMatch => TextTest::PMatch(Box::new([value])),
        operator => TextTest::Order(order(operator), value),
    })
}

/// Tests with single literals, made one test with all of them.
fn union(class: Class, operator: Operator, tests: Vec<Test>) -> Test {
    let mut numbers = Vec::new();
    let mut bools = Vec::new();
    let mut texts = Vec::new();
    let mut addresses = Vec::new();
    let mut networks = Vec::new();
    for test in tests {
        match test {
            Test::Number(NumberTest::Order(_, value)) => numbers.push(value),
            Test::Bool(BoolTest::Eq(value)) => bools.push(value),
            Test::Text(TextTest::Order(_, value)) => texts.push(value),
            Test::Text(TextTest::PMatch(values)) => texts.extend(values),
            Test::Ip(IpTest::Eq(value)) => addresses.push(value),
            Test::Net(NetTest::Eq(value)) => networks.push(value),
            // `single` makes no other test for the operators that come here.
            _ => {}
        }
    }
    match class {
        Class::Number => Test::Number(NumberTest::In(numbers.into())),
        Class::Bool => Test::Bool(BoolTest::In(bools.into())),
        Class::Ip => Test::Ip(IpTest::In(addresses.into())),
        Class::Net => Test::Net(NetTest::In(networks.into())),
        Class::Text | Class::Buffer if operator == Operator::PMatch => {
            Test::Text(TextTest::PMatch(texts.into()))
        }
        Class::Text | Class::Buffer => Test::Text(TextTest::In(texts.into())),
    }
}

#[cfg(test)]
mod tests;
