//! What the condition of a rule asks of requests: which of them can make it true at all, and how much must be known of them.
//!
//! A condition becomes a list of alternatives, each with the values that some fields must have. This errs on one side only:
//! every request for which the condition is true is among them.

use std::collections::BTreeSet;

use saker_filter::Operator;
use saker_filter::ast::{Check, Expr, ExprKind, FieldRef, Literal, Operand, Term, Visitor};

/// How much an event tells of a request, as the API server's policies have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Who asked for what, and with what success.
    Metadata,
    /// Also the object that was sent.
    Request,
    /// Also the object that was answered.
    RequestResponse,
}

impl Level {
    /// How a policy names it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Metadata => "Metadata",
            Level::Request => "Request",
            Level::RequestResponse => "RequestResponse",
        }
    }

    /// How much a field asks for.
    pub fn of_field(name: &str, arg: Option<&[u8]>) -> Level {
        match name {
            "ka.req.configmap.name" | "ka.req.binding.subject.has_name" => Level::Metadata,
            "ka.resp.name" | "ka.target.pod.name" | "evt.plugininfo" => Level::RequestResponse,
            "jevt.obj" | "json.obj" => Level::RequestResponse,
            "jevt.value" | "json.value" => {
                let pointer = String::from_utf8_lossy(arg.unwrap_or_default()).into_owned();
                match pointer.trim_start_matches('/').split('/').next() {
                    Some("requestObject") => Level::Request,
                    Some("responseObject") => Level::RequestResponse,
                    _ => Level::Metadata,
                }
            }
            name if name.starts_with("ka.req.") || name.starts_with("saker.ka.pod.") => Level::Request,
            _ => Level::Metadata,
        }
    }

    /// How much a condition asks for.
    pub fn of_condition(expr: &Expr) -> Level {
        struct Most(Level);
        impl Visitor for Most {
            fn field(&mut self, field: &FieldRef) {
                self.0 = self.0.max(Level::of_field(&field.name, field.arg.as_deref()));
            }
        }
        let mut most = Most(Level::Metadata);
        expr.visit(&mut most);
        most.0
    }
}

/// Values of which one is wanted; `None` takes any.
pub type Values = Option<BTreeSet<String>>;

/// What is told apart of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Axis {
    Verb,
    Resource,
    /// Names, [`ANY`], [`NONE`].
    Subresource,
    Namespace,
    User,
    /// One of them, of which a user has several.
    Group,
    Stage,
}

/// A subresource that is there, whichever it is.
pub const ANY: &str = "*";

/// No subresource.
pub const NONE: &str = "";

/// Requests that can make a condition true: the values that each [`Axis`] may have.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Need([Values; 7]);

/// Beyond so many alternatives they are made one that covers all.
const MAX_ALTERNATIVES: usize = 512;

impl Need {
    /// The alternatives of a condition; none if it can never be true.
    pub fn of(condition: &Expr) -> Vec<Need> {
        alternatives(condition, false)
    }

    /// The values that an axis may have.
    pub fn values(&self, axis: Axis) -> &Values {
        &self.0[axis as usize]
    }

    fn pairs<'n>(&'n self, other: &'n Need) -> impl Iterator<Item = (usize, &'n Values, &'n Values)> {
        let pairs = self.0.iter().zip(&other.0).enumerate();
        pairs.map(|(axis, (mine, theirs))| (axis, mine, theirs))
    }

    /// The requests that are in both; `None` if there can be none.
    fn both(&self, other: &Need) -> Option<Need> {
        let mut both = Need::default();
        for (slot, (axis, mine, theirs)) in both.0.iter_mut().zip(self.pairs(other)) {
            *slot = match (mine, theirs) {
                // Who is in a group can be in another, too: either narrows the requests, both cannot.
                (Some(mine), Some(_)) if axis == Axis::Group as usize => Some(mine.clone()),
                (Some(mine), Some(theirs)) => {
                    let is_subresource = axis == Axis::Subresource as usize;
                    let common = if is_subresource { common(mine, theirs) } else { mine & theirs };
                    Some(common).filter(|common| !common.is_empty()).map(Some)?
                }
                (mine, theirs) => mine.as_ref().or(theirs.as_ref()).cloned(),
            };
        }
        Some(both)
    }

    /// What covers both.
    fn either(&self, other: &Need) -> Need {
        let mut either = Need::default();
        for (slot, (_, mine, theirs)) in either.0.iter_mut().zip(self.pairs(other)) {
            *slot = mine.as_ref().zip(theirs.as_ref()).map(|(mine, theirs)| mine | theirs);
        }
        either
    }

    /// Whether every request of this is one of the other.
    pub fn is_within(&self, other: &Need) -> bool {
        self.pairs(other).all(|(axis, mine, theirs)| match (mine, theirs) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(theirs)) if axis == Axis::Subresource as usize => {
                mine.iter().all(|one| is_in(one, theirs))
            }
            (Some(mine), Some(theirs)) => mine.is_subset(theirs),
        })
    }

    /// Those with this verb, if there are such.
    pub fn only_verb(&self, verb: &str) -> Option<Need> {
        let mut only = Need::default();
        only.0[Axis::Verb as usize] = Some([verb.to_owned()].into());
        self.both(&only)
    }

    /// The same for all stages: those are left out for all requests or for none.
    pub fn without_stage(mut self) -> Need {
        self.0[Axis::Stage as usize] = None;
        self
    }

    /// One for both, if it covers no more than they do: they differ in one axis at most.
    pub fn merged(&self, other: &Need) -> Option<Need> {
        let differing = self.pairs(other).filter(|(_, mine, theirs)| mine != theirs).count();
        (differing <= 1).then(|| self.either(other))
    }
}

/// Whether a subresource is among some, of which [`ANY`] stands for all that are there.
fn is_in(name: &str, names: &BTreeSet<String>) -> bool {
    names.contains(name) || name != NONE && names.contains(ANY)
}

/// Subresources that are in both.
fn common(one: &BTreeSet<String>, other: &BTreeSet<String>) -> BTreeSet<String> {
    let of_one = one.iter().filter(|name| is_in(name, other));
    let of_other = other.iter().filter(|name| is_in(name, one));
    let common =
        of_one.chain(of_other).filter(|name| *name != ANY || one.contains(ANY) && other.contains(ANY));
    common.cloned().collect()
}

/// The alternatives of a condition, or of its negation.
fn alternatives(expr: &Expr, negated: bool) -> Vec<Need> {
    match (&expr.kind, negated) {
        (ExprKind::Not(child), _) => alternatives(child, !negated),
        (ExprKind::And(children), false) | (ExprKind::Or(children), true) => {
            let mut all = vec![Need::default()];
            for child in children {
                let of_child = alternatives(child, negated);
                all =
                    all.iter().flat_map(|one| of_child.iter().filter_map(|other| one.both(other))).collect();
                all = few(all);
            }
            all
        }
        (ExprKind::And(children), true) | (ExprKind::Or(children), false) => {
            few(children.iter().flat_map(|child| alternatives(child, negated)).collect())
        }
        (ExprKind::Check(check), _) => of_check(check, negated),
        // Compiled conditions have none left.
        (ExprKind::Macro(_), _) => vec![Need::default()],
    }
}

/// The same without what others cover, and not too many of them.
fn few(mut all: Vec<Need>) -> Vec<Need> {
    all.sort();
    all.dedup();
    if all.len() > 1 && all.contains(&Need::default()) {
        return vec![Need::default()];
    }
    if all.len() <= MAX_ALTERNATIVES {
        return all;
    }
    all.into_iter().reduce(|one, other| one.either(&other)).into_iter().collect()
}

/// Which axis a field is.
fn axis(field: &FieldRef) -> Option<Axis> {
    let name = match (&*field.name, field.arg.as_deref()) {
        ("jevt.value" | "json.value", Some(pointer)) => {
            std::str::from_utf8(pointer).ok()?.trim_start_matches('/')
        }
        (name, None) => name,
        _ => return None,
    };
    Some(match name {
        "ka.verb" | "verb" => Axis::Verb,
        "ka.target.resource" | "objectRef/resource" => Axis::Resource,
        "ka.target.subresource" | "objectRef/subresource" => Axis::Subresource,
        "ka.target.namespace" | "objectRef/namespace" => Axis::Namespace,
        "ka.user.name" | "user/username" => Axis::User,
        "ka.user.groups" => Axis::Group,
        "ka.stage" | "stage" => Axis::Stage,
        _ => return None,
    })
}

fn of_check(check: &Check, negated: bool) -> Vec<Need> {
    let anything = vec![Need::default()];
    let Term::Field(field) = &check.left else { return anything };
    if matches!(&*field.name, "jevt.rawtime" | "json.rawtime") {
        // Events always have a time, and it is never that of the epoch: so rules say "always" and "never".
        let never = match (check.operator, &check.right) {
            (Operator::Exists, _) => negated,
            (Operator::Eq | Operator::EqEq, Operand::Literal(time)) => !negated && &*time.value == b"0",
            _ => false,
        };
        return if never { Vec::new() } else { anything };
    }
    let Some(axis) = axis(field) else { return anything };
    let texts = |literals: &[Literal]| -> Values {
        literals.iter().map(|literal| String::from_utf8(literal.value.to_vec()).ok()).collect()
    };
    let values = match (check.operator, &check.right, check.modifier, negated) {
        (Operator::Exists, _, _, negated) if axis == Axis::Subresource => {
            Some([if negated { NONE } else { ANY }.to_owned()].into())
        }
        (Operator::Intersects, Operand::List(literals, _), None, false) if axis == Axis::Group => {
            texts(literals)
        }
        // `in` asks that all groups are among these, so one is.
        (Operator::Eq | Operator::EqEq | Operator::In, Operand::Literal(literal), None, false) => {
            texts(std::slice::from_ref(literal))
        }
        (Operator::In, Operand::List(literals, _), None, false) => texts(literals),
        _ => None,
    };
    let mut need = Need::default();
    need.0[axis as usize] = values;
    vec![need]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alternatives as `verb/resource/subresource/namespace/user/group/stage`, `?` for any.
    fn told(condition: &str) -> String {
        let expr = saker_filter::parse(condition, 100).unwrap();
        let shown = |values: &Values| match values {
            None => "?".to_owned(),
            Some(values) => values.iter().map(String::as_str).collect::<Vec<_>>().join("|"),
        };
        let needs = Need::of(&expr);
        needs
            .iter()
            .map(|need| need.0.iter().map(shown).collect::<Vec<_>>().join("/"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn conditions_say_which_requests_they_are_about() {
        for (condition, expected) in [
            (
                "ka.verb = create and ka.target.resource in (pods, deployments)",
                "create/deployments|pods/?/?/?/?/?",
            ),
            ("ka.verb = create or ka.verb = get", "create/?/?/?/?/?/?, get/?/?/?/?/?/?"),
            ("ka.verb in (create, get) and ka.verb in (get, list)", "get/?/?/?/?/?/?"),
            ("ka.verb = create and ka.verb = get", ""),
            ("not (ka.verb != create or not ka.target.resource = pods)", "?/pods/?/?/?/?/?"),
            ("ka.verb = get or ka.user.name startswith a", "?/?/?/?/?/?/?"),
            ("not ka.target.subresource exists and ka.verb = get", "get/?//?/?/?/?"),
            (
                "ka.target.subresource exists and ka.target.subresource in (exec, attach)",
                "?/?/attach|exec/?/?/?/?",
            ),
            ("not ka.target.subresource exists and ka.target.subresource exists", ""),
            (
                "jevt.value[/stage] in (ResponseComplete) and jevt.rawtime exists",
                "?/?/?/?/?/?/ResponseComplete",
            ),
            ("ka.verb = get and (jevt.rawtime = 0)", ""),
            ("ka.verb = get and not (jevt.rawtime = 0)", "get/?/?/?/?/?/?"),
            ("ka.target.namespace = kube-system and ka.user.name = eve", "?/?/?/kube-system/eve/?/?"),
            ("tolower(ka.verb) = get and ka.verb startswith oneof (a, b)", "?/?/?/?/?/?/?"),
            (
                "ka.user.groups intersects (a, b) and ka.user.groups in (c) and ka.verb = get",
                "get/?/?/?/?/a|b/?",
            ),
        ] {
            assert_eq!(told(condition), expected, "{condition}");
        }
    }

    #[test]
    fn many_alternatives_are_made_one() {
        let any: Vec<String> =
            (0..600).map(|n| format!("(ka.verb = v{n} and ka.user.name = u{n})")).collect();
        let expr = saker_filter::parse(&any.join(" or "), 100).unwrap();
        let needs = Need::of(&expr);
        assert_eq!(needs.len(), 1);
        assert_eq!(needs[0].values(Axis::Verb).as_ref().map(BTreeSet::len), Some(600));
        assert!(needs[0].values(Axis::Namespace).is_none());
    }

    #[test]
    fn a_condition_asks_for_what_its_fields_hold() {
        for (condition, expected) in [
            ("ka.verb = get and ka.response.code = 200", Level::Metadata),
            ("ka.req.configmap.name = x and jevt.value[/stage] = y", Level::Metadata),
            ("ka.verb = get or ka.req.pod.host_network = true", Level::Request),
            ("jevt.value[/requestObject/spec] exists", Level::Request),
            (
                "jevt.value[/responseObject/spec] exists and ka.req.service.type exists",
                Level::RequestResponse,
            ),
            ("tolower(ka.resp.name) contains x", Level::RequestResponse),
        ] {
            assert_eq!(
                Level::of_condition(&saker_filter::parse(condition, 100).unwrap()),
                expected,
                "{condition}"
            );
        }
    }
}
