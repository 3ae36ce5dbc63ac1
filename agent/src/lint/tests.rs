//! Each lint on a rule that has it, and on one that has not.

use super::*;
use crate::fields::FieldSchema;
use crate::rules::{Environment, Plugin};

const OUTPUT: &str = "%proc.cmdline %user.name %fd.name";

fn lints_of(text: &str) -> Vec<String> {
    let schema = FieldSchema::new(true);
    let plugins = [Plugin::container()];
    let environment =
        Environment { schema: &schema, others: Vec::new(), plugins: &plugins, append_output: &[] };
    let mut loader = Loader::new(environment);
    let result = loader.load("r.yaml", text.as_bytes());
    assert!(result.successful(), "{:?}", result.errors);
    lint(&loader, &schema, RuleMatching::First).iter().map(Lint::render).collect()
}

fn rule(name: &str, condition: &str, output: &str) -> String {
    format!("- rule: {name}\n  desc: d\n  priority: INFO\n  condition: {condition}\n  output: \"{output}\"\n")
}

fn of(condition: &str) -> String {
    lints_of(&rule("r", condition, OUTPUT)).join("\n")
}

#[test]
fn sound_rules_have_none() {
    for condition in [
        "evt.type = openat and fd.name startswith /etc/ and proc.name in (cat, containerd-shim)",
        "evt.type in (open, openat) and fd.name = /etc/shadow and not proc.exepath = /usr/bin/su",
        "evt.type = chdir and proc.cwd = /tmp/",
        "evt.type = connect and fd.sip = 1.2.3.4 and fd.sip != 1.2.3.5",
        "evt.type = execve and proc.aname = bash and proc.aname = sshd",
        "evt.type = openat and (fd.name = /a or fd.name = /b)",
        "evt.type = openat and fd.name contains ../",
    ] {
        assert_eq!(of(condition), "", "{condition}");
    }
}

#[test]
fn contradictions_and_truisms_are_found() {
    insta::assert_snapshot!(of("evt.type = openat and evt.type = close"), @r"
    r.yaml:1:3: LINT_NEVER_TRUE: the condition can never be true (rule 'r')
    r.yaml:4:36: LINT_NEVER_TRUE: 'evt.type' would have to be two things at once (rule 'r')
    ");
    insta::assert_snapshot!(of("evt.type = openat and fd.name = /a and fd.name in (/b, /c)"), @"r.yaml:4:53: LINT_NEVER_TRUE: 'fd.name' would have to be two things at once (rule 'r')");
    insta::assert_snapshot!(of("evt.type = openat and (proc.name = a or (proc.name = b and proc.name = c))"), @"r.yaml:4:73: LINT_NEVER_TRUE: 'proc.name' would have to be two things at once (rule 'r')");
    insta::assert_snapshot!(of("evt.type = openat and fd.num < 0 and fd.num >= -1 and proc.fdopencount >= 0"), @"");
    insta::assert_snapshot!(of("proc.name = cat"), @"r.yaml:1:3: LINT_NO_EVENT_TYPE: the condition does not say which events it is about (rule 'r')");
    insta::assert_snapshot!(of("evt.num >= 0"), @"r.yaml:1:3: LINT_ALWAYS_TRUE: the condition is true for every event (rule 'r')");
}

#[test]
fn forms_that_cannot_occur_are_found() {
    insta::assert_snapshot!(of("evt.type = openat and fd.name in (/etc//shadow, /etc/, /etc/../x)"), @r"
    r.yaml:4:36: LINT_PATH_FORM: fd.name cannot be '/etc//shadow': paths are clean: without '//', '.' and '..' (rule 'r')
    r.yaml:4:36: LINT_PATH_FORM: fd.name cannot be '/etc/': no path ends in '/' (rule 'r')
    r.yaml:4:36: LINT_PATH_FORM: fd.name cannot be '/etc/../x': paths are clean: without '//', '.' and '..' (rule 'r')
    ");
    insta::assert_snapshot!(of("evt.type = execve and (proc.exepath = usr/bin/x or proc.cwd = /tmp)"), @r"
    r.yaml:4:37: LINT_PATH_FORM: proc.exepath cannot be 'usr/bin/x': paths are absolute (rule 'r')
    r.yaml:4:65: LINT_PATH_FORM: proc.cwd cannot be '/tmp': a working directory ends in '/' (rule 'r')
    ");
    insta::assert_snapshot!(of("evt.type = execve and proc.name in (containerd-shim-runc, /bin/cat)"), @r"
    r.yaml:4:36: LINT_PATH_FORM: proc.name cannot be 'containerd-shim-runc': the kernel keeps 15 bytes of a name (rule 'r')
    r.yaml:4:36: LINT_PATH_FORM: proc.name cannot be '/bin/cat': a name has no path; use proc.exepath (rule 'r')
    ");
    insta::assert_snapshot!(of("evt.type = openat and fd.directory = /etc/"), @"r.yaml:4:36: LINT_PATH_FORM: fd.directory cannot be '/etc/': no path ends in '/' (rule 'r')");
}

#[test]
fn fields_without_meaning_are_found() {
    insta::assert_snapshot!(of("evt.type = openat and evt.dir = < and fd.name = /a"), @"r.yaml:4:36: LINT_DEPRECATED_FIELD: 'evt.dir' is deprecated: `<` for the exit of a call, `>` for an event that is no call. (rule 'r')");
    insta::assert_snapshot!(of("evt.type = openat and container.healthcheck exists and fd.name = /a"), @"r.yaml:4:36: LINT_NULL_FIELD: 'container.healthcheck' never has a value (rule 'r')");
}

#[test]
fn outputs_without_a_subject_are_found() {
    let lints = lints_of(&rule("r", "evt.type = openat and fd.name = /a", "%evt.time"));
    insta::assert_snapshot!(lints.join("\n"), @"r.yaml:1:3: LINT_OUTPUT: the output does not show a process (proc.cmdline, proc.exepath) and a user (user.name, user.loginname) and the file or connection that the condition is about (fd.name, fs.path.name) (rule 'r')");
}

#[test]
fn rules_behind_wider_ones_are_found() {
    let first = rule("a", "evt.type in (open, openat) and fd.name = /a", OUTPUT);
    let behind = |condition: &str| lints_of(&format!("{first}{}", rule("b", condition, OUTPUT))).join("\n");
    insta::assert_snapshot!(behind("evt.type = openat and proc.name = cat and fd.name = /a"), @"r.yaml:6:3: LINT_SHADOWED: rule 'a' comes first and answers to all of its events (rule 'b')");
    assert_eq!(behind("evt.type in (openat, openat2) and fd.name = /a"), "");
    assert_eq!(behind("evt.type = openat and fd.name = /b"), "");
    let shadows = |first: &str, second: &str| {
        !lints_of(&format!("{}{}", rule("a", first, OUTPUT), rule("b", second, OUTPUT))).is_empty()
    };
    let open = "evt.type in (open, openat) and";
    for (first, second) in [
        ("fd.name in (/a, /b)", "fd.name = /a"),
        ("fd.name in (/a, /b, /c)", "(fd.name = /a or fd.name in (/b, /c))"),
        ("fd.name startswith /etc/", "fd.name in (/etc/x, /etc/y)"),
        ("fd.name startswith /etc/", "fd.name startswith /etc/ssh/ and proc.name = cat"),
        ("(fd.name = /a or proc.name = cat)", "fd.num = 3 and proc.name = cat"),
        (
            "(fd.name = /a or (fd.num = 1 and proc.name = cat))",
            "proc.name = cat and fd.num = 1 and user.name = u",
        ),
        ("fd.num = 3 and not proc.name = cat", "fd.num = 3 and not proc.name in (cat, dog)"),
        ("fd.name contains /a", "fd.name contains /a and fd.name = /a"),
    ] {
        assert!(shadows(&format!("{open} {first}"), &format!("evt.type = open and {second}")), "{second}");
    }
    for (first, second) in [
        ("fd.name in (/a, /b)", "fd.name in (/a, /c)"),
        ("fd.name startswith /etc/", "fd.name startswith /et"),
        ("fd.name startswith /etc/", "(fd.name = /etc/x or fd.name = /x)"),
        ("fd.name = /a and proc.name = cat", "fd.name = /a"),
        ("fd.num = 3 and not proc.name in (cat, dog)", "fd.num = 3 and not proc.name = cat"),
        ("fd.name = /a", "proc.exepath = /a"),
    ] {
        assert!(!shadows(&format!("{open} {first}"), &format!("evt.type = open and {second}")), "{second}");
    }
    let off = first.replace("  priority", "  enabled: false\n  priority");
    assert_eq!(
        lints_of(&format!("{off}{}", rule("b", "evt.type = open and fd.name = /a", OUTPUT))),
        Vec::<String>::new()
    );
}

#[test]
fn lints_are_allowed_in_place() {
    let bad = rule("r", "evt.type = openat and fd.name = /a", "x");
    assert_eq!(lints_of(&bad).len(), 1);
    assert_eq!(lints_of(&format!("# saker: allow LINT_OUTPUT\n{bad}")).len(), 0);
    assert_eq!(lints_of(&format!("# why\n# saker: allow LINT_PATH_FORM, LINT_OUTPUT\n{bad}")).len(), 0);
    assert_eq!(lints_of(&format!("# saker: allow LINT_PATH_FORM\n{bad}")).len(), 1);
    assert_eq!(lints_of(&bad.replace("  desc", "  # saker: allow LINT_OUTPUT\n  desc")).len(), 0);
    // The comment of one rule is none of the next.
    assert_eq!(
        lints_of(&format!(
            "# saker: allow LINT_OUTPUT\n{bad}{}",
            bad.replace("rule: r", "rule: s").replace("/a", "/b")
        ))
        .len(),
        1
    );
}
