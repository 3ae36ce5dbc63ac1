//! The table of keys about outputs that only Saker has: a section of that in `keys`.

use super::check;
use super::keys::Support::Works;
use super::keys::Type::{Duration, Flag, Integer, List, Mapping, Text, Texts, Word};
use super::keys::{COUNT, PRIORITIES, Section, key};
use crate::outputs::FACILITIES;

const PRIORITY: &str = "Only alerts at least this severe.";
const INSECURE: &str = "Take any certificate.";
const CA_CERT: &str =
    "A file or directory with certificates of CAs to trust; without it those in `/etc/ssl/certs`.";
const CLIENT_CERT: &str = "A client certificate to show.";
const CLIENT_KEY: &str = "Its key.";
const NAME: &str = "Its name in the spool and in metrics: letters, digits, `-` and `_`.";

/// The section.
pub(super) const SECTION: Section = Section {
    title: "Outputs only in Saker",
    keys: &[
        key(
            "saker.spool",
            Mapping,
            "",
            Works,
            "Where alerts wait on disk until they are delivered. There is a spool as soon as there is an output that leaves the host, or a program.",
        ),
        key(
            "saker.spool.enabled",
            Flag,
            "true",
            Works,
            "Whether it is on. Without it alerts wait in memory.",
        ),
        key(
            "saker.spool.path",
            Text,
            "/var/lib/saker/spool",
            Works,
            "Its directory, made for the owner alone. If it cannot be made there is no spool, with a warning.",
        ),
        key(
            "saker.spool.max_size_mb",
            Integer(1, 1_048_576),
            "256",
            Works,
            "How large it may become. When it is full the oldest alerts go, and are counted.",
        ),
        key("saker.rollup", Mapping, "", Works, "Alerts that repeat each other become one with their count."),
        key(
            "saker.rollup.enabled",
            Flag,
            "false",
            Works,
            "Whether it is on. The first alert comes at once, the count when the window ends.",
        ),
        key("saker.rollup.window", Duration, "1m", Works, "For how long alerts are put together.")
            .checked(check::positive),
        key(
            "saker.rollup.key",
            List,
            "[proc.exepath, fd.name, user.name]",
            Works,
            "Alerts of a rule repeat each other when these fields are the same.",
        ),
        key("saker.rollup.key[]", Text, "", Works, "The name of a field."),
        key(
            "saker.rate_limit",
            Mapping,
            "",
            Works,
            "How many alerts pass; what is over is held back and counted.",
        ),
        key("saker.rate_limit.per_rule", COUNT, "0", Works, "How many of a rule in a window; 0: no limit."),
        key(
            "saker.rate_limit.per_key",
            COUNT,
            "0",
            Works,
            "How many of a rule with the same key; 0: no limit.",
        ),
        key("saker.rate_limit.window", Duration, "1m", Works, "The time in which alerts are counted.")
            .checked(check::positive),
        key(
            "saker.rate_limit.key",
            List,
            "[proc.exepath, user.name]",
            Works,
            "The fields of which the key is made.",
        ),
        key("saker.rate_limit.key[]", Text, "", Works, "The name of a field."),
        key(
            "saker.journald_output",
            Mapping,
            "",
            Works,
            "Alerts to the journal, with a field for each part.",
        ),
        key("saker.journald_output.enabled", Flag, "false", Works, "Whether it is on."),
        key(
            "saker.journald_output.socket",
            Text,
            "/run/systemd/journal/socket",
            Works,
            "The journal's socket.",
        ),
        key(
            "saker.slack_output",
            Mapping,
            "",
            Works,
            "Alerts to a Slack channel, or to what understands Slack's messages.",
        ),
        key("saker.slack_output.enabled", Flag, "false", Works, "Whether it is on."),
        key("saker.slack_output.url", Text, "", Works, "The address of the incoming webhook."),
        key(
            "saker.slack_output.payload",
            Text,
            "",
            Works,
            "What is sent instead of the usual message; see `saker.webhooks[].payload`.",
        ),
        key("saker.slack_output.priority", Word(PRIORITIES), "debug", Works, PRIORITY),
        key(
            "saker.syslog_outputs",
            List,
            "[]",
            Works,
            "Alerts to more syslog daemons, in the form of RFC 5424 over the network.",
        ),
        key("saker.syslog_outputs[]", Mapping, "", Works, "A syslog daemon."),
        key("saker.syslog_outputs[].name", Text, "", Works, NAME).required(),
        key(
            "saker.syslog_outputs[].url",
            Text,
            "",
            Works,
            "`udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:///PATH`.",
        )
        .required(),
        key(
            "saker.syslog_outputs[].facility",
            Word(FACILITIES),
            "user",
            Works,
            "The facility of the messages.",
        ),
        key("saker.syslog_outputs[].priority", Word(PRIORITIES), "debug", Works, PRIORITY),
        key("saker.syslog_outputs[].insecure", Flag, "false", Works, INSECURE),
        key("saker.syslog_outputs[].ca_cert", Text, "", Works, CA_CERT),
        key("saker.syslog_outputs[].client_cert", Text, "", Works, CLIENT_CERT),
        key("saker.syslog_outputs[].client_key", Text, "", Works, CLIENT_KEY),
        key("saker.webhooks", List, "[]", Works, "Alerts by HTTP POST, each with its own payload."),
        key("saker.webhooks[]", Mapping, "", Works, "A receiver."),
        key("saker.webhooks[].name", Text, "", Works, NAME).required(),
        key("saker.webhooks[].url", Text, "", Works, "Its address, `http://…` or `https://…`.").required(),
        key(
            "saker.webhooks[].payload",
            Text,
            "",
            Works,
            "What is sent: a text with `{{rule}}`, `{{priority}}`, `{{source}}`, `{{hostname}}`, `{{time}}`, `{{output}}`, `{{color}}`, `{{tags_text}}`, `{{fields_text}}`, `{{proc.name}}` (any output field), and the JSON values `{{tags}}`, `{{fields}}`, `{{json}}`. Without it the alert as JSON.",
        ),
        key(
            "saker.webhooks[].content_type",
            Text,
            "application/json",
            Works,
            "What the payload is. With `json` in it texts are filled in as JSON wants them.",
        ),
        key("saker.webhooks[].headers", Texts, "{}", Works, "More headers."),
        key("saker.webhooks[].priority", Word(PRIORITIES), "debug", Works, PRIORITY),
        key("saker.webhooks[].compress_uploads", Flag, "false", Works, "Compress with gzip."),
        key("saker.webhooks[].insecure", Flag, "false", Works, INSECURE),
        key("saker.webhooks[].ca_cert", Text, "", Works, CA_CERT),
        key("saker.webhooks[].client_cert", Text, "", Works, CLIENT_CERT),
        key("saker.webhooks[].client_key", Text, "", Works, CLIENT_KEY),
    ],
};
