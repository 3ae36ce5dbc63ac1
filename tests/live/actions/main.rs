//! `saker-actions`: does what attackers do, harmlessly, so that rules can be seen to notice it.
//!
//! Every action plays in namespaces of its own: what looks like `/etc` or `/root` there is an empty file system in memory, what
//! looks like a far host is this one, and what looks like a shell or a tool is a program that ends at once. So an action can be
//! tried anywhere; nothing of the machine is changed.

mod check;
mod container;
mod files;
mod lookalikes;
mod network;
mod own;
mod processes;
mod scene;
mod uring;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Does what attackers do, harmlessly, so that rules can be seen to notice it. Needs root.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print each action and the rule that it is meant for.
    List,
    /// Do one action.
    Run {
        /// Its name, as `list` prints it.
        action: String,
    },
    /// Do all actions, and wait after each for an alert of its rule in a file.
    Check {
        /// Where a running `saker run -o json_output=true` writes its alerts.
        #[arg(long)]
        alerts: PathBuf,
        /// The rules that are loaded: actions for others are skipped. A rule file; may be given again.
        #[arg(long, short)]
        rules: Vec<PathBuf>,
        /// The rules that we ship are loaded: each action must raise its rule among them, and no look-alike any.
        #[arg(long)]
        own: bool,
        /// Only actions whose name has one of these in it.
        filter: Vec<String>,
    },
    /// A part of an action, in a process of its own with another name.
    #[command(hide = true)]
    Step {
        /// Which part.
        step: String,
    },
}

/// An action.
struct Action {
    /// Its name.
    name: &'static str,
    /// The rule that it is meant for.
    rule: &'static str,
    /// Does it.
    run: fn() -> Result<()>,
}

/// Declares the actions of a file: `"name" "rule" => function;`.
macro_rules! actions {
    ($($name:literal $rule:literal => $run:expr;)*) => {
        /// The actions of this file.
        pub(crate) const ACTIONS: &[$crate::Action] =
            &[$($crate::Action { name: $name, rule: $rule, run: $run }),*];
    };
}
pub(crate) use actions;

/// All actions.
fn all() -> impl Iterator<Item = &'static Action> {
    let files = [files::ACTIONS, processes::ACTIONS, network::ACTIONS, container::ACTIONS, uring::ACTIONS];
    files.into_iter().flatten()
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::List => {
            all().for_each(|action| println!("{}\t{}", action.name, action.rule));
            Ok(())
        }
        Command::Run { action } => {
            let known =
                all().chain(own::ACTIONS).chain(lookalikes::ACTIONS).find(|known| known.name == action);
            let Some(known) = known else { bail!("there is no action {action}; `list` shows all") };
            if std::env::var_os(container::INSIDE).is_none() {
                scene::set()?;
                check::say_that_the_action_begins();
            }
            (known.run)().with_context(|| known.name)
        }
        Command::Check { alerts, own: true, filter, .. } => {
            own::check(&alerts, &filter);
            Ok(())
        }
        Command::Check { alerts, rules, filter, .. } => check::check(&alerts, &rules, &filter),
        Command::Step { step } => processes::step(&step),
    }
}
