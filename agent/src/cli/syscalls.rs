//! `saker syscalls`: the reference of system calls, from the tables.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{ListArgs, ListFormat};
use crate::event::Category;
use crate::event::syscall::{SYSCALLS, SyscallInfo};

/// Prints the list.
pub fn run(args: ListArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        ListFormat::Text => text(&mut out)?,
        ListFormat::Markdown => markdown(&mut out)?,
        ListFormat::Json => json(&mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The calls by name; tracepoints, which have codes too, are no calls.
pub(super) fn listed() -> Vec<&'static SyscallInfo> {
    let mut calls: Vec<_> = SYSCALLS
        .iter()
        .filter(|call| {
            call.code != 0 && call.event.info().is_some_and(|row| row.category.contains(Category::SYSCALL))
        })
        .collect();
    calls.sort_by_key(|call| call.name);
    calls
}

/// The name of the event with the call's parameters; none if only the fact of the call is recorded.
fn event(call: &SyscallInfo) -> Option<&'static str> {
    if call.is_generic() { None } else { call.event.info().map(|row| row.name) }
}

fn number(call: &SyscallInfo) -> String {
    call.number.map(|number| number.to_string()).unwrap_or_default()
}

fn text(out: &mut impl Write) -> io::Result<()> {
    let width = SYSCALLS.iter().map(|call| call.name.len()).max().unwrap_or(0);
    writeln!(out, "{:width$}  {:>6}  event with parameters\n", "name", "x86_64")?;
    for call in listed() {
        let line = format!("{:width$}  {:>6}  {}", call.name, number(call), event(call).unwrap_or_default());
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn markdown(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# System calls\n")?;
    writeln!(
        out,
        "`evt.type` of a call without an event of its own is the call's name; no parameters are recorded.\n"
    )?;
    writeln!(out, "Name | x86_64 | Event with parameters\n:--- | ---: | :---")?;
    for call in listed() {
        let event = event(call).map(|name| format!("`{name}`")).unwrap_or_default();
        writeln!(out, "`{}` | {} | {event}", call.name, number(call))?;
    }
    Ok(())
}

fn json(out: &mut impl Write) -> anyhow::Result<()> {
    let rows = listed().into_iter().map(|call| {
        serde_json::json!({ "name": call.name, "code": call.code, "x86_64": call.number, "event": event(call) })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_line_for_each_call() {
        let mut out = Vec::new();
        text(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line =
            |name: &str| text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_default();
        insta::assert_snapshot!(line("getpid"), @"getpid                       39");
        insta::assert_snapshot!(line("pread64"), @"pread64                      17  pread");
        insta::assert_snapshot!(line("sched_switch"), @"");
    }

    #[test]
    fn all_forms_list_the_same() {
        let mut out = Vec::new();
        markdown(&mut out).unwrap();
        let lines = String::from_utf8(out).unwrap().lines().filter(|line| line.starts_with("`")).count();
        let mut out = Vec::new();
        json(&mut out).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!((lines - 1, rows.len()), (listed().len(), listed().len()));
    }
}
