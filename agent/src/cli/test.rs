//! `saker test`: runs the tests that stand beside rules, and says which parts of a rule no test would miss.

mod report;
mod table;

use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use super::sources::Sources;
use crate::config::Config;
use crate::rule_tests::{self, Expect, MAX_FILE, Outcome, RuleSet, Survey, TestFile, Verdict};
use crate::rules::{is_test_file, rule_files};

/// What `saker test` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// Test files (NAME.test.yaml), rule files that have one beside them, or directories that hold such, at any depth
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,

    /// Also change each clause of each rule in turn, and name every change that no test notices
    #[arg(long)]
    pub mutate: bool,

    /// With --mutate: fail if fewer of the changes are noticed, in percent
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_noticed: Option<u8>,

    /// How to print the results
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// How many files are tested at once; as many as there are CPUs if it is left out
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,

    /// Print the JSON schema of test files, or what each key means as Markdown, and do nothing else
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "json")]
    pub schema: Option<SchemaFormat>,

    /// Set a configuration key, as `append_output=[]`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// How results are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// What failed, and how many passed.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// JUnit's XML, for continuous integration.
    Junit,
    /// A table of all rules and of how many tests prove each, for documentation.
    Markdown,
}

/// How the keys of test files are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SchemaFormat {
    /// A JSON schema, for editors.
    Json,
    /// Tables, for people.
    Markdown,
}

/// What came of a test file.
#[derive(Debug)]
struct Tested {
    /// The test file.
    path: PathBuf,
    outcomes: Vec<Outcome>,
    surveys: Vec<Survey>,
    /// The rules of the file beside it.
    rules: Vec<table::Described>,
    /// Why it could not be run, as text for people.
    broken: Option<String>,
}

/// Tests and prints the results.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    match args.schema {
        Some(SchemaFormat::Json) => writeln!(out, "{:#}", rule_tests::json_schema())?,
        Some(SchemaFormat::Markdown) => {
            writeln!(
                out,
                "# Keys of test files\n\nPrinted by `saker test --schema markdown`; [rule-tests.md](rule-tests.md) tells how to write tests.\n"
            )?;
            write!(out, "{}", rule_tests::markdown().trim_end())?;
            writeln!(out)?;
        }
        None => {}
    }
    if args.schema.is_some() {
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let passed = test(&args, &mut out)?;
    out.flush()?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tests what `args` name and prints the results; `false` if something failed.
pub fn test(args: &Args, out: &mut impl Write) -> anyhow::Result<bool> {
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    let files = test_files(&args.paths)?;
    if files.is_empty() {
        let shown: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
        bail!("no tests in {}: test files are called NAME.test.yaml", shown.join(", "));
    }
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = args.threads.map_or(cpus, NonZero::get).min(files.len());
    let results: Vec<Mutex<Option<Tested>>> = files.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(file), Some(result)) = (files.get(number), results.get(number)) else { break };
                    let tested = one(file, args.mutate, &config, &known);
                    if let Ok(mut result) = result.lock() {
                        *result = Some(tested);
                    }
                }
            });
        }
    });
    let tested: Vec<Tested> = results.into_iter().filter_map(|one| one.into_inner().ok().flatten()).collect();
    if tested.len() != files.len() {
        bail!("a test file could not be run to its end");
    }
    match args.format {
        Format::Text => report::text(&tested, args, out)?,
        Format::Json => report::json(&tested, args, out)?,
        Format::Junit => report::junit(&tested, args, out)?,
        Format::Markdown => table::markdown(&tested, out)?,
    }
    Ok(tested.iter().all(Tested::passed) && report::enough(&tested, args))
}

impl Tested {
    fn passed(&self) -> bool {
        self.broken.is_none() && self.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Passed)
    }
}

/// The test files that paths stand for, in order.
pub(super) fn test_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            walk(path, 0, &mut found)?;
            found.sort();
            files.append(&mut found);
        } else if is_test_file(path) {
            files.push(path.clone());
        } else {
            let beside = ["test.yaml", "test.yml"].map(|ending| path.with_extension(ending));
            match beside.iter().find(|beside| beside.is_file()) {
                Some(beside) => files.push(beside.clone()),
                None => bail!("{}: there is no {} beside it", path.display(), beside[0].display()),
            }
        }
    }
    files.dedup();
    Ok(files)
}

/// How deep directories are searched.
const MAX_DEPTH: usize = 16;

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let name = || directory.display().to_string();
    for entry in fs::read_dir(directory).with_context(name)? {
        let entry = entry.with_context(name)?;
        let path = entry.path();
        if entry.file_type().with_context(name)?.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, found)?;
            }
        } else if is_test_file(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn one(path: &Path, mutate: bool, config: &Config, known: &Sources) -> Tested {
    let mut tested = Tested {
        path: path.to_owned(),
        outcomes: Vec::new(),
        surveys: Vec::new(),
        rules: Vec::new(),
        broken: None,
    };
    if let Err(broken) = try_one(path, mutate, config, known, &mut tested) {
        tested.broken = Some(broken);
    }
    tested
}

/// A test file that was read, with its rules.
struct Opened {
    file: TestFile,
    directory: PathBuf,
    /// The rule file beside it.
    beside: PathBuf,
    rules: Vec<PathBuf>,
}

fn read(path: &Path) -> Result<Opened, String> {
    let name = path.display().to_string();
    let failed = |error: io::Error| format!("{name}: {error}");
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        return Err(format!("{name}: larger than {} MiB", MAX_FILE >> 20));
    }
    let bytes = fs::read(path).map_err(failed)?;
    let file = TestFile::read(&name, &bytes).map_err(|(source, problems)| {
        problems.iter().map(|problem| problem.render(&source)).collect::<Vec<_>>().join("\n")
    })?;
    let directory = path.parent().unwrap_or(Path::new("")).to_owned();
    let beside = beside(path);
    let rules: Vec<PathBuf> = match file.rules.as_slice() {
        [] => vec![beside.clone()],
        named => named.iter().map(|rules| directory.join(rules)).collect(),
    };
    // What a rule pack shares comes along.
    let rules = rule_files(&rules).map_err(|error| error.to_string())?;
    Ok(Opened { file, directory, beside, rules })
}

fn try_one(
    path: &Path,
    mutate: bool,
    config: &Config,
    known: &Sources,
    tested: &mut Tested,
) -> Result<(), String> {
    let Opened { file, directory, beside, rules } = read(path)?;
    let rules = RuleSet::load(&rules, known.environment(config), config)?;
    tested.outcomes = rules.run(&file, &directory);
    for outcome in &mut tested.outcomes {
        // Problems speak of the text of the file, which does not outlive this.
        if let Verdict::Broken(problems) = &outcome.verdict {
            let shown: Vec<String> = problems.iter().map(|problem| problem.render(&file.source)).collect();
            outcome.verdict = Verdict::Failed(shown.join("\n"));
        }
    }
    let own = [beside.display().to_string()];
    let loader = rules.loader();
    let here = loader
        .rules()
        .filter(|rule| loader.rule_written(rule).is_some_and(|written| own.contains(&written.file)));
    tested.rules = here.map(|rule| table::Described::of(&rule)).collect();
    if mutate {
        let own = [beside.display().to_string()];
        tested.surveys = rules.mutate(&file, &directory, &own).unwrap_or_default();
    }
    Ok(())
}

/// The cases of a rule that alert as they must, and would not with more rules (`extra`, YAML) behind those of their files.
/// Files that cannot be read have none.
pub(super) fn positive_failures(
    files: &[PathBuf],
    rule: &str,
    extra: &str,
    config: &Config,
    known: &Sources,
) -> Vec<String> {
    let mut broken = Vec::new();
    for path in files {
        let Ok(Opened { file, directory, rules, .. }) = read(path) else { continue };
        let alerting = || file.cases.iter().filter(|case| case.rule == rule && case.expect == Expect::Alert);
        // Loading rules takes longer than all tests of one.
        if alerting().next().is_none() {
            continue;
        }
        let load = |extra| RuleSet::load_with(&rules, extra, known.environment(config), config);
        let (Ok(before), Ok(after)) = (load(""), load(extra)) else { continue };
        for case in alerting() {
            let passes = |set: &RuleSet<'_>| set.outcome(&file, case, &directory).verdict == Verdict::Passed;
            if passes(&before) && !passes(&after) {
                let line = before.outcome(&file, case, &directory).line;
                broken.push(format!("{}:{line}: {}", path.display(), case.title));
            }
        }
    }
    broken
}

/// `NAME.yaml` or `NAME.yml` beside `NAME.test.yaml`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml")).unwrap_or(&name);
    let yml = path.with_file_name(format!("{stem}.yml"));
    if yml.is_file() { yml } else { path.with_file_name(format!("{stem}.yaml")) }
}
