//! `saker read`: prints the events of a capture, like sysdig: every event that passes the filter, in the given form.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use saker_filter::ast::Term;
use saker_filter::{Field, Schema, check, parse, parse_term};

use super::capture::{name, open};
use super::sources::{Sources, finish};
use crate::alerts::{Template, json_value, push_printable, push_string};
use crate::config::{Config, RuleMatching};
use crate::detect::Detector;
use crate::fields::{EventContext, FIELDS, FieldSchema};
use crate::pipeline::Pipeline;

/// The form in which sysdig shows events.
const DEFAULT_FORMAT: &str =
    "*%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info";

/// What `saker read` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The capture file (.scap, plain or gzip), `-` for stdin
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,

    /// A condition: only events for which it is true are printed
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,

    /// How to print an event: text with %fields. An event for which one of them is null is left out, unless FORMAT
    /// begins with '*'
    #[arg(short = 'p', long = "format", value_name = "FORMAT", conflicts_with = "json")]
    pub format: Option<String>,

    /// Print a JSON object for each event
    #[arg(long)]
    pub json: bool,

    /// The members of the objects: 'all', or names of fields with commas between them
    #[arg(long, value_name = "all|LIST", requires = "json")]
    pub fields: Option<String>,

    /// Set a configuration key, as `static_fields.site=lab`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// Prints the events.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = print(&args, &mut out);
    // What came before an error is still shown.
    out.flush()?;
    result.map(|()| ExitCode::SUCCESS)
}

fn print(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    let schema = &known.syscall;
    let mut form = Form::new(args, schema)?;
    let mut filter = args.filter.as_deref().map(|filter| compile(filter, schema)).transpose()?;

    let name = || name(&args.capture);
    let (mut reader, _progress) = open(&args.capture)?;
    let mut pipeline = Pipeline::new(&config);
    let calls = known.consult(&mut pipeline, &config)?;
    let mut line = Vec::new();
    while let Some(snapshot) = reader.next_section().with_context(name)? {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().with_context(name)? {
            line.clear();
            match &mut filter {
                None => pipeline.event(&event, true, |context| form.write(context, &mut line)),
                Some(filter) => pipeline.event(&event, filter.concerns(&event), |context| {
                    filter.detect(context, |_| form.write(context, &mut line));
                }),
            };
            out.write_all(&line)?;
        }
    }
    finish(calls)
}

/// How deep a filter may nest, as the condition of a rule may.
const MAX_DEPTH: usize = 1000;

/// A filter ready to be evaluated. All that is wrong with it is told at once, each with its place.
pub(super) fn compile(filter: &str, schema: &FieldSchema) -> anyhow::Result<Detector> {
    let checked = parse(filter, MAX_DEPTH).and_then(|condition| check(&condition, schema));
    match checked {
        Ok(checked) => {
            let condition = (&checked.condition, checked.events);
            Ok(Detector::new([condition], schema, RuleMatching::First))
        }
        Err(found) => {
            let shown: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(filter)).collect();
            bail!("filter: {}", shown.join("\n"))
        }
    }
}

/// How an event is printed.
enum Form {
    Text(Template),
    /// Members of the object, each with its key as `"key":`.
    /// Members with their keys; one without a field is always null.
    Json(Vec<(Vec<u8>, Option<Field>)>),
}

impl Form {
    fn new(args: &Args, schema: &FieldSchema) -> anyhow::Result<Form> {
        if !args.json {
            let format = args.format.as_deref().unwrap_or(DEFAULT_FORMAT);
            let template = Template::compile(format, schema)
                .map_err(|error| anyhow!("format: {}", error.explain(format)))?;
            return Ok(Form::Text(template));
        }
        let fields = match args.fields.as_deref() {
            Some("all") => printable(schema),
            Some(list) => fields(list, schema)?,
            None => Template::compile(DEFAULT_FORMAT, schema)?
                .fields()
                .map(|(name, field)| (name.to_owned(), Some(field.clone())))
                .collect(),
        };
        let members = fields.into_iter().map(|(name, field)| {
            let mut key = Vec::new();
            push_string(name.as_bytes(), &mut key);
            key.push(b':');
            (key, field)
        });
        Ok(Form::Json(members.collect()))
    }

    fn write(&mut self, context: &EventContext<'_>, out: &mut Vec<u8>) {
        match self {
            Form::Text(template) => {
                let mut text = Vec::new();
                if template.render(context, &mut text) {
                    push_printable(&text, out);
                    out.push(b'\n');
                }
            }
            Form::Json(members) => {
                out.push(b'{');
                for (index, (key, field)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    match field {
                        Some(field) => json_value(context, field, out),
                        None => out.extend_from_slice(b"null"),
                    }
                }
                out.extend_from_slice(b"}\n");
            }
        }
    }
}

/// Every listed field that can be printed as it is.
fn printable(schema: &FieldSchema) -> Vec<(String, Option<Field>)> {
    let listed = FIELDS.iter().filter(|info| !info.is_hidden());
    let named = listed.filter_map(|info| Some((info.name.to_owned(), schema.resolve(info.name, None).ok()?)));
    named.filter(|(_, field)| !field.traits.filter_only).map(|(name, field)| (name, Some(field))).collect()
}

/// The fields of a list as `proc.name,proc.env[HOME]`. As in outputs, a field that can only be compared may be named and
/// is null, and so is one that lacks the argument without which it has no value.
fn fields(list: &str, schema: &FieldSchema) -> anyhow::Result<Vec<(String, Option<Field>)>> {
    let mut fields = Vec::new();
    let mut rest = list;
    loop {
        let Ok((Term::Field(mention), taken)) = parse_term(rest.trim_start()) else {
            bail!("--fields: expected the name of a field at '{rest}'");
        };
        let field = match schema.resolve(&mention.name, mention.arg.as_deref()) {
            Ok(field) => Some(field),
            Err(_) if mention.arg.is_none() && FIELDS.iter().any(|info| *info.name == *mention.name) => None,
            Err(error) => return Err(error).with_context(|| format!("--fields: '{mention}'")),
        };
        fields.push((mention.to_string(), field));
        rest = rest.trim_start()[taken..].trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(fields),
            None => bail!("--fields: expected a comma at '{rest}'"),
        }
    }
}
