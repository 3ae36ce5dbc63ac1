//! `append_output`: what the configuration adds to the outputs of rules.

use saker_filter::Schema;

use crate::alerts::line::RuleLabels;
use crate::alerts::template::Template;
use crate::config::{AppendOutput, Config, ExtraField};

/// What `suggested_output` appends: the fields that the container plugin suggests, in its order.
const SUGGESTED: &[&str] = &[
    "container.id",
    "container.name",
    "container.image.repository",
    "container.image.tag",
    "k8s.pod.name",
    "k8s.ns.name",
];

/// The source of system calls. What is suggested of others, their plugins say.
const SYSCALL: &str = "syscall";

/// The entries that are about a rule, with their index.
pub(super) fn appends<'a>(
    entries: &'a [AppendOutput],
    rule: &RuleLabels<'_>,
) -> impl Iterator<Item = (usize, &'a AppendOutput)> {
    entries.iter().enumerate().filter(move |(_, entry)| {
        entry.source.as_deref().is_none_or(|source| source == rule.source)
            && entry.rule.as_deref().is_none_or(|name| name == rule.name)
            && entry.tags.iter().all(|tag| rule.tags.contains(tag))
    })
}

/// The output template of a rule with what is appended to it.
pub fn append_output(
    output: &str,
    rule: &RuleLabels<'_>,
    entries: &[AppendOutput],
    schema: &dyn Schema,
) -> String {
    let mut text = output.to_owned();
    for (_, entry) in appends(entries, rule) {
        if let Some(extra) = &entry.extra_output {
            text.push(' ');
            text.push_str(extra);
        }
        if entry.suggested_output {
            let of_containers = if rule.source == SYSCALL { SUGGESTED } else { &[] };
            let all = of_containers.iter().copied().chain(schema.suggested());
            for field in all.filter(|field| schema.resolve(field, None).is_ok()) {
                text.push_str(&format!(" {}=%{field}", field.replace('.', "_")));
            }
        }
    }
    text
}

/// Checks the templates of `append_output` by themselves, so that a mistake in them is not blamed on a rule. `schema_of` says which
/// fields the rules of a source have, and of any source for an entry that names none; entries for a source that is not
/// there are not looked at.
///
/// # Errors
/// The first mistake; it names the key.
pub fn check_append_output<'s>(
    entries: &[AppendOutput],
    schema_of: impl Fn(Option<&str>) -> Option<&'s dyn Schema>,
) -> Result<(), String> {
    let compile = |schema: &dyn Schema, key: String, text: &str| match Template::compile(text, schema) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("configuration key '{key}': {}", error.explain(text))),
    };
    for (index, entry) in entries.iter().enumerate() {
        let Some(schema) = schema_of(entry.source.as_deref()) else { continue };
        let key = format!("append_output[{index}]");
        if let Some(extra) = &entry.extra_output {
            compile(schema, format!("{key}.extra_output"), extra)?;
        }
        for field in &entry.extra_fields {
            match field {
                ExtraField::Raw(name) => {
                    compile(schema, format!("{key}.extra_fields"), &format!("%{name}"))?;
                }
                ExtraField::Formatted { format, .. } if format.is_empty() => {}
                ExtraField::Formatted { key: name, format } => {
                    compile(schema, format!("{key}.extra_fields[].{name}"), format)?;
                }
            }
        }
    }
    Ok(())
}

/// Checks the fields that rollup and limits tell alerts apart by: some source must have them.
///
/// # Errors
/// The first that is no field, in words for the operator.
pub fn check_key_fields(config: &Config, schemas: &[&dyn Schema]) -> Result<(), String> {
    let saker = &config.saker;
    let rollup = saker.rollup.key.iter().filter(|_| saker.rollup.enabled);
    let limit = saker.rate_limit.key.iter().filter(|_| saker.rate_limit.per_key > 0);
    let keys = rollup.map(|name| ("saker.rollup.key", name));
    for (key, name) in keys.chain(limit.map(|name| ("saker.rate_limit.key", name))) {
        let text = format!("%{name}");
        let is_field = |schema: &&dyn Schema| {
            let compiled = Template::compile(&text, *schema);
            compiled.is_ok_and(|compiled| compiled.fields().any(|(found, _)| found == name))
        };
        if !schemas.iter().any(is_field) {
            return Err(format!(
                "configuration key '{key}': there is no field '{name}' (`saker fields` lists them)"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Priority;
    use crate::fields::FieldSchema;

    fn appended(options: &[&str], container: bool) -> String {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let config = Config::from_options(&options).unwrap();
        let tags = ["alpha".to_owned(), "beta".to_owned()];
        let rule = RuleLabels { name: "r", source: "syscall", priority: Priority::Error, tags: &tags };
        append_output("out", &rule, &config.append_output, &FieldSchema::new(container))
    }

    #[test]
    fn entries_apply_to_the_rules_that_they_match() {
        let entry = "append_output[0].extra_output=x %proc.pid";
        assert_eq!(appended(&[entry], false), "out x %proc.pid");
        for (filter, fits) in [
            ("append_output[0].match.source=syscall", true),
            ("append_output[0].match.source=k8s_audit", false),
            ("append_output[0].match.rule=r", true),
            ("append_output[0].match.rule=other", false),
            ("append_output[0].match.tags=[beta, alpha]", true),
            ("append_output[0].match.tags=[beta, gamma]", false),
        ] {
            assert_eq!(appended(&[entry, filter], false).ends_with("%proc.pid"), fits, "{filter}");
        }
    }

    #[test]
    fn mistakes_name_their_key() {
        let errors: Vec<String> = [
            "append_output[0].extra_output=at %nosuch.field now",
            "append_output[0].extra_output=50%",
            "append_output[0].extra_fields=[evt.type, evt.nosuch]",
            "append_output[0].extra_fields=[{k: '%tolower(proc.pid)'}]",
        ]
        .iter()
        .map(|option| {
            let config = Config::from_options(&[(*option).to_owned()]).unwrap();
            let schema = FieldSchema::new(false);
            check_append_output(&config.append_output, |_| Some(&schema)).unwrap_err()
        })
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
        configuration key 'append_output[0].extra_output': there is no field at '%nosuch.field' (`saker fields` lists them)
        configuration key 'append_output[0].extra_output': invalid formatting syntax: formatting cannot end with a %
        configuration key 'append_output[0].extra_fields': there is no field at '%evt.nosuch' (`saker fields` lists them)
        configuration key 'append_output[0].extra_fields[].k': there is no field at '%tolower(proc.pid)' (`saker fields` lists them)
        ");
    }

    #[test]
    fn an_entry_is_checked_by_the_fields_of_its_source() {
        let options = ["match.source=other", "extra_output=%evt.nosuch"];
        let config =
            Config::from_options(&options.map(|option| format!("append_output[0].{option}"))).unwrap();
        let schema = FieldSchema::new(false);
        let entries = &config.append_output;
        let without = |source: Option<&str>| (source != Some("other")).then_some(&schema as &dyn Schema);
        assert_eq!(check_append_output(entries, without), Ok(()));
        assert!(check_append_output(entries, |_| Some(&schema)).is_err());
    }

    #[test]
    fn suggested_fields_are_those_that_exist() {
        let entry = "append_output[0].suggested_output=true";
        assert_eq!(appended(&[entry], false), "out");
        assert_eq!(
            appended(&[entry, "append_output[1].extra_output=last"], true),
            "out container_id=%container.id container_name=%container.name \
             container_image_repository=%container.image.repository container_image_tag=%container.image.tag \
             k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name last"
        );
    }
}
