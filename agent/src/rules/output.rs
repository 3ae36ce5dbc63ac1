//! The outputs of rules: what the configuration appends, and whether they can be printed.

use super::codes::{ErrorCode, ItemKind, WarningCode};
use super::environment::Environment;
use super::finding::{Code, Fallible, Finding, Spot};
use super::items::RuleInfo;
use super::origin::{Owner, locate};
use super::source::{Place, Source};
use crate::alerts::{CONTAINER_INFO, RuleLabels, Template, TemplateError, append_output};

/// Fields that have no meaning any more. Falco looks for the names in the text.
pub(super) const DEPRECATED_FIELDS: &[(&str, &str)] = &[
    ("evt.dir", DIRECTION),
    ("evt.latency", LATENCY),
    ("evt.latency.s", LATENCY),
    ("evt.latency.ns", LATENCY),
    ("evt.latency.human", LATENCY),
    ("evt.wait_latency", LATENCY),
];

/// What Falco says of them in a condition.
const DIRECTION: &str = "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = \
                         >' always evaluates to false. The rule expression can be simplified by removing the \
                         condition on 'evt.dir'";
const LATENCY: &str = "field is not available due to the drop of enter events.";

const CONTAINER_INFO_IS_DEPRECATED: &str = "%container.info is deprecated and no more useful, and will be dropped \
                                            by Falco 1.0.0. The container plugin will automatically add required \
                                            fields to the output message.";

/// The output of a rule, with what the configuration appends, as text and compiled; `None` if the rule is to be left
/// out because of it. Warnings go to `warnings`.
pub(super) fn output(
    env: &Environment<'_>,
    info: &RuleInfo,
    sources: &[Source],
    warnings: &mut Vec<Finding>,
) -> Fallible<Option<(String, Template)>> {
    let labels =
        RuleLabels { name: &info.name, source: &info.source, priority: info.priority, tags: &info.tags };
    let schema = env.schema_of(&info.source).unwrap_or(env.schema);
    let mut output = append_output(&info.output.text, &labels, env.append_output, schema);
    if output.contains(CONTAINER_INFO) {
        let code = Code::Warning(WarningCode::DeprecatedItem);
        let mut warning = Finding::new(code, CONTAINER_INFO_IS_DEPRECATED, Owner::Rule(info).trail());
        (warning.place, warning.width) = word(info, CONTAINER_INFO, sources);
        warnings.push(warning);
        output = output.replace(CONTAINER_INFO, "");
    }
    let mut trail = Owner::Rule(info).trail();
    trail.push(Spot { kind: ItemKind::RuleOutput, name: String::new(), place: info.output.place });
    let template = match Template::compile(&output, schema) {
        Ok(template) => template,
        Err(error) => {
            let skip = info.skip_if_unknown_filter && error.is_unknown_field();
            let code = match skip {
                true => Code::Warning(WarningCode::UnknownFilter),
                false => Code::Error(ErrorCode::CompileOutput),
            };
            let finding = refused(code, &error, info, &output, trail, sources);
            if skip {
                warnings.push(finding);
                return Ok(None);
            }
            return Err(Box::new(finding));
        }
    };
    for (field, _) in DEPRECATED_FIELDS.iter().filter(|(field, _)| output.contains(field)) {
        let message = format!("usage of deprecated field '{field}' has been detected in the rule output");
        let mut warning = Finding::new(Code::Warning(WarningCode::DeprecatedItem), message, trail.clone());
        (warning.place, warning.width) = word(info, field, sources);
        warnings.push(warning);
    }
    Ok(Some((output, template)))
}

/// Where a word stands in the output of a rule, and how long it is.
fn word(info: &RuleInfo, word: &str, sources: &[Source]) -> (Place, usize) {
    match info.output.text.find(word) {
        Some(at) => (locate(&info.output, at, sources), word.len()),
        // The configuration appended it.
        None => (info.output.place, 1),
    }
}

fn refused(
    code: Code,
    error: &TemplateError,
    info: &RuleInfo,
    output: &str,
    trail: Vec<Spot>,
    sources: &[Source],
) -> Finding {
    let mut finding = Finding::new(code, error.to_string(), trail);
    // What was taken out of or added to the output has no place in the file.
    if output.starts_with(&info.output.text) && error.offset < info.output.text.len() {
        finding.place = locate(&info.output, error.offset, sources);
        let token = output.get(error.offset..).unwrap_or_default();
        finding.width = token.find(char::is_whitespace).unwrap_or(token.len()).max(1);
    }
    finding
}
