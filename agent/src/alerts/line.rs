//! The line of an alert, as text or as JSON, byte for byte like Falco's.
//!
//! All that is the same for every alert of a rule is put together once, when the line is compiled; an alert fills in
//! what the event says.

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::Timestamp;
use saker_filter::{Field, Schema};

use crate::alerts::append::appends;
use crate::alerts::record::Parts;
use crate::alerts::template::{Template, TemplateError, json_value};
use crate::config::{Config, ExtraField, Priority};
use crate::fields::EventContext;

/// What an alert tells of its rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleLabels<'r> {
    /// Its name.
    pub name: &'r str,
    /// Its event source.
    pub source: &'r str,
    /// How severe it is.
    pub priority: Priority,
    /// Its tags, sorted, each once.
    pub tags: &'r [String],
}

/// An output template that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("rule '{rule}': {place}: {error}")]
pub struct LineError {
    /// The rule whose alerts it would shape.
    pub rule: String,
    /// Where the template is from: the rule, or a key of the configuration.
    pub place: String,
    /// What is wrong with it.
    pub error: TemplateError,
}

/// Compiles the lines of rules under one configuration.
#[derive(Clone, Copy)]
pub struct LineCompiler<'c> {
    /// The configuration: form, `append_output`, what is included.
    pub config: &'c Config,
    /// The fields that exist.
    pub schema: &'c dyn Schema,
    /// The host's name.
    pub hostname: &'c str,
}

/// The compiled line of one rule.
#[derive(Clone, Debug)]
pub struct Line {
    /// Time and priority.
    prefix: Template,
    message: Template,
    /// The constant parts of the JSON form, `None` for text.
    json: Option<Json>,
    /// What outputs want beside the line, `None` where it goes to standard output and nowhere else.
    labels: Option<Box<Labels>>,
}

/// What outputs want of alerts beside their line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted<'w> {
    /// The JSON form, whatever `json_output` says.
    pub json: bool,
    /// The output fields by themselves.
    pub fields: bool,
    /// The fields whose values tell which alerts repeat each other.
    pub rollup_key: &'w [String],
    /// The fields whose values are counted against a limit.
    pub limit_key: &'w [String],
}

/// What is the same for each alert of a rule.
#[derive(Clone, Debug)]
struct Labels {
    rule: String,
    source: String,
    hostname: String,
    priority: Priority,
    as_json: bool,
    tags: Vec<u8>,
    with_fields: bool,
    rollup_key: Vec<Field>,
    limit_key: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Json {
    /// Up to the first part that depends on the event.
    head: Vec<u8>,
    with_message: bool,
    with_output: bool,
    /// Members of `output_fields` in their order, each with its key as `"key":`; `None` leaves them out.
    members: Option<Vec<(Vec<u8>, Member)>>,
    /// The members are wanted by themselves only.
    hide_members: bool,
    /// From `,"priority"` to the opening quote of the time.
    tail: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Member {
    Field(Field),
    Text(Template),
    Null,
}

impl LineCompiler<'_> {
    /// Compiles the line of a rule whose output is `message`, with [`append_output`](crate::alerts::append_output)
    /// in it.
    pub fn compile(&self, rule: &RuleLabels<'_>, message: &Template) -> Result<Line, LineError> {
        let message = message.clone().tolerant();
        let time = if self.config.time_format_iso_8601 { "evt.time.iso8601" } else { "evt.time" };
        let prefix = self.template("time", &format!("*%{time}: {}", rule.priority.word()), rule)?;
        let json = self.config.json_output.then(|| self.json(rule, &prefix, &message)).transpose()?;
        Ok(Line { prefix, message, json, labels: None })
    }

    /// As [`LineCompiler::compile`], for alerts that go to outputs.
    pub fn compile_recorded(
        &self,
        rule: &RuleLabels<'_>,
        message: &Template,
        wanted: &Wanted<'_>,
    ) -> Result<Line, LineError> {
        let mut line = self.compile(rule, message)?;
        if (wanted.json || wanted.fields) && line.json.is_none() {
            line.json = Some(self.json(rule, &line.prefix, &line.message)?);
        }
        if wanted.fields
            && let Some(json) = &mut line.json
            && json.members.is_none()
        {
            json.members = Some(self.members(rule, &line.prefix, &line.message)?);
            json.hide_members = true;
        }
        let mut tags = Vec::new();
        push_tags(rule.tags, &mut tags);
        // A field that another source has tells nothing apart here.
        let key = |names: &[String]| names.iter().filter_map(|name| self.field(name)).collect();
        line.labels = Some(Box::new(Labels {
            rule: rule.name.to_owned(),
            source: rule.source.to_owned(),
            hostname: self.hostname.to_owned(),
            priority: rule.priority,
            as_json: self.config.json_output,
            tags,
            with_fields: wanted.fields,
            rollup_key: key(wanted.rollup_key),
            limit_key: key(wanted.limit_key),
        }));
        Ok(line)
    }

    fn field(&self, name: &str) -> Option<Field> {
        let template = Template::compile(&format!("%{name}"), self.schema).ok()?;
        template.fields().find(|(found, _)| *found == name).map(|(_, field)| field.clone())
    }

    fn template(&self, place: &str, text: &str, rule: &RuleLabels<'_>) -> Result<Template, LineError> {
        Template::compile(text, self.schema).map(Template::tolerant).map_err(|error| LineError {
            rule: rule.name.to_owned(),
            place: place.to_owned(),
            error,
        })
    }

    fn json(&self, rule: &RuleLabels<'_>, prefix: &Template, message: &Template) -> Result<Json, LineError> {
        let config = self.config;
        let mut head = b"{\"hostname\":".to_vec();
        push_string(self.hostname.as_bytes(), &mut head);

        let mut tail = b",\"priority\":".to_vec();
        push_string(rule.priority.word().as_bytes(), &mut tail);
        tail.extend_from_slice(b",\"rule\":");
        push_string(rule.name.as_bytes(), &mut tail);
        tail.extend_from_slice(b",\"source\":");
        push_string(rule.source.as_bytes(), &mut tail);
        if config.json_include_tags_property {
            tail.extend_from_slice(b",\"tags\":");
            push_tags(rule.tags, &mut tail);
        }
        tail.extend_from_slice(b",\"time\":\"");

        let members = match config.json_include_output_fields_property {
            true => Some(self.members(rule, prefix, message)?),
            false => None,
        };
        Ok(Json {
            head,
            with_message: config.json_include_message_property,
            with_output: config.json_include_output_property,
            members,
            hide_members: false,
            tail,
        })
    }

    /// The members of `output_fields`: the fields of the message, then that of the time, then the extra fields; of
    /// two with one name the later counts.
    fn members(
        &self,
        rule: &RuleLabels<'_>,
        prefix: &Template,
        message: &Template,
    ) -> Result<Vec<(Vec<u8>, Member)>, LineError> {
        let mut members = BTreeMap::new();
        for (name, field) in message.fields().chain(prefix.fields()) {
            members.insert(name.to_owned(), Member::Field(field.clone()));
        }
        for (index, append) in appends(&self.config.append_output, rule) {
            for extra in &append.extra_fields {
                let place = |key| format!("append_output[{index}].extra_fields '{key}'");
                match extra {
                    ExtraField::Raw(key) => {
                        let template = self.template(&place(key), &format!("%{key}"), rule)?;
                        let field = template.fields().find(|(name, _)| name == key);
                        let member = field.map_or(Member::Null, |(_, field)| Member::Field(field.clone()));
                        members.insert(key.clone(), member);
                    }
                    // Falco leaves out a member whose format is empty.
                    ExtraField::Formatted { format, .. } if format.is_empty() => {}
                    ExtraField::Formatted { key, format } => {
                        let template = self.template(&place(key), format, rule)?;
                        members.insert(key.clone(), Member::Text(template));
                    }
                }
            }
        }
        let named = members.into_iter().map(|(name, member)| {
            let mut key = Vec::new();
            push_string(name.as_bytes(), &mut key);
            key.push(b':');
            (key, member)
        });
        Ok(named.collect())
    }
}

impl Line {
    /// Appends the alert for an event: its line with a newline, or the record that outputs take.
    pub fn write(&mut self, context: &EventContext<'_>, out: &mut Vec<u8>) {
        let mut message = Vec::new();
        self.message.render(context, &mut message);
        let mut output = Vec::new();
        self.prefix.render(context, &mut output);
        output.push(b' ');
        output.extend_from_slice(&message);
        if let Some(labels) = &self.labels {
            return labels.write(self.json.as_mut(), context, &mut message, &output, out);
        }
        match &mut self.json {
            None => push_printable(&output, out),
            Some(json) => {
                json.write(context, &mut message, &output, out);
            }
        }
        out.push(b'\n');
    }
}

impl Labels {
    /// Appends the record.
    fn write(
        &self,
        json: Option<&mut Json>,
        context: &EventContext<'_>,
        message: &mut Vec<u8>,
        output: &[u8],
        out: &mut Vec<u8>,
    ) {
        let mut text = Vec::new();
        push_printable(output, &mut text);
        let (mut line, mut fields) = (Vec::new(), Vec::new());
        if let Some(json) = json {
            json.write(context, message, output, &mut line);
            if self.with_fields {
                json.write_members(context, message, &mut fields);
            }
        }
        let key = |fields: &[Field]| {
            let mut key = Vec::new();
            for field in fields {
                json_value(context, field, &mut key);
                key.push(b'\n');
            }
            key
        };
        let parts = Parts {
            rule: &self.rule,
            source: &self.source,
            hostname: &self.hostname,
            priority: self.priority,
            as_json: self.as_json,
            tags: &self.tags,
            time: context.event().ts,
            text: &text,
            json: &line,
            fields: &fields,
            rollup_key: &key(&self.rollup_key),
            limit_key: &key(&self.limit_key),
        };
        parts.write(out);
    }
}

impl Json {
    /// Appends the JSON form, without a newline. `message` is overwritten.
    fn write(&mut self, context: &EventContext<'_>, message: &mut Vec<u8>, output: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        if self.with_message {
            out.extend_from_slice(b",\"message\":");
            push_string(message, out);
        }
        if self.with_output {
            out.extend_from_slice(b",\"output\":");
            push_string(output, out);
        }
        if self.members.is_some() && !self.hide_members {
            out.extend_from_slice(b",\"output_fields\":");
            self.write_members(context, message, out);
        }
        out.extend_from_slice(&self.tail);
        push_utc(context.event().ts, out);
        out.extend_from_slice(b"\"}");
    }

    /// Appends the output fields as an object. `room` is overwritten.
    fn write_members(&mut self, context: &EventContext<'_>, room: &mut Vec<u8>, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (key, member)) in self.members.iter_mut().flatten().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            match member {
                Member::Field(field) => json_value(context, field, out),
                Member::Text(template) => {
                    room.clear();
                    template.render(context, room);
                    push_string(room, out);
                }
                Member::Null => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
    }
}

/// Appends tags as a JSON array.
fn push_tags(tags: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, tag) in tags.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(tag.as_bytes(), out);
    }
    out.push(b']');
}

/// Appends `2016-08-04T16:17:57.881785348Z`.
pub(crate) fn push_utc(nanoseconds: u64, out: &mut Vec<u8>) {
    // Both hold for every u64: it ends in the year 2554, and a Vec can be written to.
    if let Ok(time) = Timestamp::from_nanosecond(i128::from(nanoseconds)) {
        let _ = write!(out, "{}", time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"));
    }
}

/// Appends a JSON string; what is no UTF-8 becomes U+FFFD.
pub(crate) fn push_string(text: &[u8], out: &mut Vec<u8>) {
    // A Vec can always be written to.
    let _ = serde_json::to_writer(out, &String::from_utf8_lossy(text));
}

/// Text for a terminal or a log, see [`push_printable`].
pub(crate) fn printable(text: &str) -> String {
    let mut out = Vec::new();
    push_printable(text.as_bytes(), &mut out);
    // What is appended there is UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends text for a terminal or a log: one line, with no control characters that came from an event. They are
/// escaped as in JSON; quotes and backslashes stay, and what is no UTF-8 becomes U+FFFD.
pub(crate) fn push_printable(text: &[u8], out: &mut Vec<u8>) {
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\x08' => out.extend_from_slice(b"\\b"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::alerts::append_output;
    use crate::event::{Event, Params, id};
    use crate::fields::{FieldSchema, RunInfo};
    use crate::state::{State, Subject};

    fn alert(options: &[&str], output: &str) -> Result<String, String> {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let config = Config::from_options(&options).map_err(|error| error.to_string())?;
        let schema = FieldSchema::new(false).with_static(config.static_fields.keys().map(String::as_str));
        let rule = RuleLabels {
            name: "Odd \"one\"",
            source: "syscall",
            priority: Priority::Error,
            tags: &["alpha".to_owned(), "zeta".to_owned()],
        };
        let output = append_output(output, &rule, &config.append_output, &schema);
        let compiler = LineCompiler { config: &config, schema: &schema, hostname: "box" };
        let message = Template::compile(&output, &schema).map_err(|error| error.to_string())?;
        let mut line = compiler.compile(&rule, &message).map_err(|error| error.to_string())?;

        let run = RunInfo {
            static_values: config.static_fields.values().map(|value| value.as_bytes().into()).collect(),
            ..RunInfo::default()
        };
        let arena = Bump::new();
        let params = Params::default();
        let event = Event::new(7, 1_470_327_477_000_000_042, 1, 3, id::GENERIC_X, 0, params);
        let state = State::default();
        let mut out = Vec::new();
        line.write(&EventContext::new(&event, Subject::NONE, &state, &run, &arena), &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn text_is_one_printable_line() {
        let mut out = Vec::new();
        push_printable(b"a\tb\n\"\\\x1b[31m\x7f \xff\xc3\xa9", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\\tb\\n\"\\\\u001b[31m\\u007f \u{fffd}é");
    }

    #[test]
    fn json_has_sorted_keys_and_tags() {
        insta::assert_snapshot!(
            alert(
                &["json_output=true", "time_format_iso_8601=true"],
                "num=%evt.num none=%fd.name cpu=%4evt.cpu|",
            )
            .unwrap(),
            @r#"{"hostname":"box","output":"2016-08-04T16:17:57.000000042+0000: Error num=7 none=<NA> cpu=3   |","output_fields":{"evt.cpu":3,"evt.num":7,"evt.time.iso8601":1470327477000000042,"fd.name":null},"priority":"Error","rule":"Odd \"one\"","source":"syscall","tags":["alpha","zeta"],"time":"2016-08-04T16:17:57.000000042Z"}"#
        );
    }

    #[test]
    fn properties_can_be_left_out() {
        insta::assert_snapshot!(
            alert(
                &[
                    "json_output=true",
                    "json_include_output_property=false",
                    "json_include_output_fields_property=false",
                    "json_include_tags_property=false",
                    "json_include_message_property=true",
                ],
                "num=%evt.num",
            )
            .unwrap(),
            @r#"{"hostname":"box","message":"num=7","priority":"Error","rule":"Odd \"one\"","source":"syscall","time":"2016-08-04T16:17:57.000000042Z"}"#
        );
    }

    #[test]
    fn outputs_are_appended() {
        insta::assert_snapshot!(
            alert(
                &[
                    "json_output=true",
                    "time_format_iso_8601=true",
                    "static_fields.site=lab",
                    "append_output[0].match.tags[0]=alpha",
                    "append_output[0].extra_output=at %static.site",
                    "append_output[1].match.rule=another",
                    "append_output[1].extra_output=never",
                    "append_output[2].extra_fields=[evt.cpu, {where: '%evt.num/%static.site'}]",
                    "append_output[2].suggested_output=true",
                ],
                "num=%evt.num",
            )
            .unwrap(),
            @r#"{"hostname":"box","output":"2016-08-04T16:17:57.000000042+0000: Error num=7 at lab","output_fields":{"evt.cpu":3,"evt.num":7,"evt.time.iso8601":1470327477000000042,"static.site":"lab","where":"7/lab"},"priority":"Error","rule":"Odd \"one\"","source":"syscall","tags":["alpha","zeta"],"time":"2016-08-04T16:17:57.000000042Z"}"#
        );
    }

    #[test]
    fn mistakes_say_where_they_are() {
        let errors = [
            alert(&["json_output=true", "append_output[0].extra_fields[0]=no"], "a"),
            alert(&["json_output=true", "append_output[0].extra_fields[0].k=%"], "a"),
        ];
        let errors: Vec<String> = errors.into_iter().map(Result::unwrap_err).collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        rule 'Odd "one"': append_output[0].extra_fields 'no': unknown filter: unexpected token after '
        rule 'Odd "one"': append_output[0].extra_fields 'k': invalid formatting syntax: formatting cannot end with a %
        "#);
    }
}
