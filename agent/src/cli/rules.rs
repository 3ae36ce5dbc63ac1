//! `saker rules`: what rules cost.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use rustc_hash::FxHashMap;
use saker_filter::{CheckId, CheckTable, Compiler, Evaluation, EventSet, Memo, Program};
use serde_json::json;

use super::Format;
use super::capture::{name, open};
use super::rule_source::RuleSource;
use super::sources::{Sources, finish};
use crate::config::{Config, RuleMatching};
use crate::detect::Detector;
use crate::fields::{EventContext, FieldSchema};
use crate::pipeline::Pipeline;
use crate::rules::Rule;

/// What `saker rules` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Measure what each rule, and each of its clauses, costs over a capture
    Cost(CostArgs),
}

/// What `saker rules cost` takes.
#[derive(clap::Args, Debug)]
pub struct CostArgs {
    /// The capture file (.scap, plain or gzip), `-` for stdin
    #[arg(value_name = "CAPTURE")]
    pub capture: PathBuf,

    /// A rule file, or a directory of them; may be given again, files are loaded in this order
    #[arg(short, long = "rules", value_name = "RULES")]
    pub rules: Vec<PathBuf>,

    /// How many rules to show, the dearest first; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,

    /// How to print the costs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Set a configuration key; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    match args.command {
        Command::Cost(args) => cost(&args, &mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A rule that is measured.
struct Meter {
    /// The rule alone, with what it remembers of processes, as in a run.
    detector: Detector,
    events: EventSet,
    /// Its program, to see which clauses are asked.
    table: CheckTable,
    program: Option<Program>,
    memo: Memo,
    asked: u64,
    alerts: u64,
    took: Duration,
    /// Measurements that something else interrupted: they are left out.
    interrupted: u64,
    clauses: FxHashMap<CheckId, (u64, Duration)>,
}

/// No rule takes longer for an event: the machine did something else meanwhile.
const INTERRUPTED: Duration = Duration::from_micros(200);

impl Meter {
    fn new(rule: &Rule<'_>, schema: &FieldSchema) -> Self {
        let mut compiler = Compiler::new();
        compiler.add(rule.condition);
        let (table, mut programs) = compiler.finish();
        Meter {
            detector: Detector::new([(rule.condition, rule.events)], schema, RuleMatching::All),
            events: rule.events,
            table,
            program: programs.pop(),
            memo: Memo::default(),
            asked: 0,
            alerts: 0,
            took: Duration::ZERO,
            interrupted: 0,
            clauses: FxHashMap::default(),
        }
    }

    fn measure(&mut self, context: &EventContext<'_>, idle: Duration) {
        let mut alerts = 0;
        let began = Instant::now();
        self.detector.detect(context, |_| alerts += 1);
        let took = began.elapsed().saturating_sub(idle);
        self.alerts += alerts;
        if took > INTERRUPTED {
            self.interrupted += 1;
            return;
        }
        self.took += took;
        self.asked += 1;
        let Some(program) = &self.program else { return };
        let mut evaluation = Evaluation::new(&self.table, context, &mut self.memo);
        let clauses = &mut self.clauses;
        let mut began = Instant::now();
        evaluation.explain_each(program, &mut |check, _| {
            let (asked, took) = clauses.entry(check).or_default();
            let now = began.elapsed().saturating_sub(idle);
            if now <= INTERRUPTED {
                *asked += 1;
                *took += now;
            }
            began = Instant::now();
        });
    }
}

/// What asking for the time costs.
fn idle() -> Duration {
    let least = (0..1000).map(|_| {
        let began = Instant::now();
        began.elapsed()
    });
    least.min().unwrap_or_default()
}

/// Measures and prints.
pub fn cost(args: &CostArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    let source = RuleSource::load(&args.rules, &config, &known)?;
    let rules: Vec<Rule<'_>> = source.rules().collect();
    let mut meters: Vec<Meter> = rules.iter().map(|rule| Meter::new(rule, &known.syscall)).collect();
    let idle = idle();
    let shown = || name(&args.capture);
    let mut pipeline = Pipeline::new(&config);
    let calls = known.consult(&mut pipeline, &config)?;
    let mut events = 0u64;
    let (mut reader, progress) = open(&args.capture)?;
    while let Some(snapshot) = reader.next_section().with_context(shown)? {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().with_context(shown)? {
            events += 1;
            pipeline.event(&event, true, |context| {
                let id = event.id.0;
                for meter in meters.iter_mut().filter(|meter| meter.events.contains(id)) {
                    meter.measure(context, idle);
                }
            });
        }
    }
    drop(progress);
    finish(calls)?;
    let total: Duration = meters.iter().map(|meter| meter.took).sum();
    let mut order: Vec<usize> = (0..meters.len()).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(meters.get(number).map(|meter| meter.took)));
    if args.top > 0 {
        order.truncate(args.top);
    }
    let chosen = || order.iter().filter_map(|&number| Some((rules.get(number)?, meters.get(number)?)));
    match args.format {
        Format::Text => {
            writeln!(
                out,
                "{events} events, {} rules, {:.3} ms for all rules, each measured alone; clauses without memory between events\n",
                rules.len(),
                total.as_secs_f64() * 1e3
            )?;
            let interrupted: u64 = meters.iter().map(|meter| meter.interrupted).sum();
            if interrupted > 0 {
                writeln!(out, "{interrupted} measurements were interrupted and are left out\n")?;
            }
            writeln!(out, "  share   ns/event     events   alerts  rule")?;
            for (rule, meter) in chosen() {
                let (share, each) = (percent(meter.took, total), nanoseconds(meter.took, meter.asked));
                writeln!(
                    out,
                    "{share:6.1} % {each:10.0} {:10} {:8}  {}",
                    meter.asked, meter.alerts, rule.labels.name
                )?;
                for (clause, asked, took, share) in clauses(meter) {
                    writeln!(
                        out,
                        "         {share:5.1} % {:6.0} ns {asked:10}x  {clause}",
                        nanoseconds(took, asked)
                    )?;
                }
            }
        }
        Format::Json => {
            let list: Vec<_> = chosen()
                .map(|(rule, meter)| {
                    let clauses: Vec<_> = clauses(meter)
                        .into_iter()
                        .map(|(clause, asked, took, share)| {
                            json!({
                                "clause": clause, "asked": asked, "ns": nanoseconds(took, asked), "share_percent": share,
                            })
                        })
                        .collect();
                    json!({
                        "rule": rule.labels.name,
                        "events": meter.asked,
                        "alerts": meter.alerts,
                        "ns_per_event": nanoseconds(meter.took, meter.asked),
                        "share_percent": percent(meter.took, total),
                        "clauses": clauses,
                    })
                })
                .collect();
            writeln!(
                out,
                "{}",
                json!({ "events": events, "total_ns": total.as_nanos() as u64, "rules": list })
            )?;
        }
    }
    Ok(())
}

/// The clauses of a rule, the dearest first: text, how often it was asked, how long that took in all, its share in percent.
fn clauses(meter: &Meter) -> Vec<(String, u64, Duration, f64)> {
    const LONGEST: usize = 100;
    let total: Duration = meter.clauses.values().map(|(_, took)| *took).sum();
    let mut list: Vec<_> = meter
        .clauses
        .iter()
        .map(|(check, (asked, took))| {
            let mut text = meter.table.show(*check).to_string();
            if text.len() > LONGEST {
                text.truncate(text.floor_char_boundary(LONGEST));
                text.push('…');
            }
            (text, *asked, *took, percent(*took, total))
        })
        .collect();
    list.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    list
}

fn percent(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() * 100.0 / whole.as_secs_f64() }
}

fn nanoseconds(took: Duration, times: u64) -> f64 {
    if times == 0 { 0.0 } else { took.as_secs_f64() * 1e9 / times as f64 }
}
