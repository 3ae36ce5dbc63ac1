//! `saker audit-policy`: the smallest audit policy that feeds the rules, with what the API server needs to send events.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;

use super::engine::{Engine, RuleArgs, show};
use crate::k8s::audit;
use crate::k8s::audit::policy::Policy;
use crate::rules::{LoadResult, Source};

/// What `saker audit-policy` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    rules: RuleArgs,

    /// Raise levels so far that outputs have all their fields, also those that no condition asks for; the audit log then holds
    /// more, for example the data of secrets
    #[arg(long)]
    outputs: bool,

    /// Print the configuration of the API server's webhook instead, for Saker at this URL
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

/// Prints the policy, or the configuration of the webhook.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if let Some(url) = &args.webhook {
        out.write_all(webhook(url)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut config = args.rules.config()?;
    config.saker.builtin_plugins.extend([audit::K8SAUDIT, audit::JSON].map(str::to_owned));
    let mut said = |result: &LoadResult, sources: &[Source]| show(result, sources, &mut io::stderr());
    let files = args.rules.files(&config)?;
    let (_, policy) = Engine::of(&files, &config, None, &mut said, |_, rules| {
        let of_audit = rules.iter().filter(|rule| rule.labels.source == audit::SOURCE).copied();
        Policy::of(of_audit, args.outputs)
    })?;
    if policy.entries.is_empty() {
        bail!("no rule of source k8s_audit is on: there is nothing that the API server would have to tell");
    }
    out.write_all(FLAGS.as_bytes())?;
    out.write_all(policy.yaml().as_bytes())?;
    out.flush()?;
    for rule in &policy.idle {
        eprintln!("saker: rule '{rule}' can never be true: nothing is told for it");
    }
    let mut null: Vec<String> = policy.null.iter().map(|(_, field)| field.clone()).collect();
    null.sort();
    null.dedup();
    if !null.is_empty() {
        eprintln!(
            "saker: null in outputs at these levels: {} (--outputs has them told, too)",
            null.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// How the API server is told of the policy.
const FLAGS: &str = "\
# Flags of the API server:
#   --audit-policy-file=/etc/kubernetes/audit/policy.yaml        (this file)
#   --audit-webhook-config-file=/etc/kubernetes/audit/webhook.yaml   (saker audit-policy --webhook URL)
#   --audit-webhook-batch-max-size=100 --audit-webhook-batch-max-wait=1s
# or, where Saker follows a file (open_params: file:///var/log/kubernetes/audit.log):
#   --audit-log-path=/var/log/kubernetes/audit.log --audit-log-maxsize=100 --audit-log-maxbackup=3
";

/// The file of `--audit-webhook-config-file`.
fn webhook(url: &str) -> anyhow::Result<String> {
    if !(url.starts_with("http://") || url.starts_with("https://")) || url.contains(char::is_whitespace) {
        bail!("'{url}' is no URL that begins with http:// or https://");
    }
    // With https the API server must know who signed the certificate.
    let authority = match url.starts_with("https://") {
        true => "    certificate-authority: /etc/kubernetes/audit/ca.crt\n",
        false => "",
    };
    let url = serde_json::Value::from(url);
    Ok(format!(
        "# For the API server: --audit-webhook-config-file\napiVersion: v1\nkind: Config\nclusters:\n- name: saker\n  cluster:\n    \
         server: {url}\n{authority}contexts:\n- name: saker\n  context:\n    cluster: saker\n    user: \"\"\ncurrent-context: saker\n\
         preferences: {{}}\nusers: []\n"
    ))
}
