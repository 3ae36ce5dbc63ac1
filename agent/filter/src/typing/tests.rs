use insta::assert_snapshot;

use super::*;
use crate::parse::{RULE_DEPTH, parse};
use crate::support::{EVENTS, SmallSchema};

fn errors(text: &str) -> String {
    let expr = parse(text, RULE_DEPTH).expect(text);
    let errors = check(&expr, &SmallSchema).expect_err(text);
    errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("\n")
}

fn warnings(text: &str) -> String {
    let checked = check(&parse(text, RULE_DEPTH).expect(text), &SmallSchema).expect(text);
    checked.warnings.iter().map(|warning| warning.message.clone()).collect::<Vec<_>>().join("\n")
}

fn events(text: &str) -> String {
    let checked = check(&parse(text, RULE_DEPTH).expect(text), &SmallSchema).expect(text);
    checked.events.iter().map(|id| EVENTS[usize::from(id)]).collect::<Vec<_>>().join(" ")
}

#[test]
fn operators_and_types() {
    let refused = [
        "proc.pid startswith 1",
        "evt.is_open >= 1",
        "evt.buffer icontains root",
        "proc.name bcontains 00",
        "fd.sip contains 127",
        "fd.types = file",
        "fd.types[1] contains file",
        "fd.nums = oneof (1)",
    ];
    assert_snapshot!(refused.map(errors).join("\n"), @r"
    filter error: 'startswith' operator not supported for numeric filters
    filter error: '>=' operator not supported for numeric filters
    filter error: 'icontains' operator not supported for buffer filters
    filter error: 'bcontains' operator not supported for string filters
    filter error: 'contains' operator not supported for ip address and network filters
    filter error: '=' operator not supported list filters
    filter error: 'contains' operator not supported list filters
    filter error: '=' operator not supported list filters
    ");
}

#[test]
fn literals() {
    let refused = [
        "evt.num = 1.5",
        "evt.num > 0x10",
        "proc.pid in (1, abc)",
        "evt.is_open = yes",
        "fd.sport = -1",
        "fd.sport = nosuch",
        "fd.sip = 1.2.3",
        "fd.sip = '::ffff:127.0.0.1'",
        "fd.sip = abc",
        "fd.snet = 1.2.3.4",
        "fd.snet = 1.2.3.4/33",
        "fd.snet = 1.2.3.4/",
        "fd.snet = '::/0'",
        "fd.snet = /8",
        "evt.buffer bcontains 0",
        "proc.name regex '(a'",
        "evt.type = nope",
        "len(evt.type) = 8",
    ];
    assert_snapshot!(refused.map(errors).join("\n"), @r"
    1.5 is not a valid number
    0x10 is not a valid number
    abc is not a valid number
    filter error: unrecognized boolean value yes
    unrecognized protocol -1
    unrecognized protocol nosuch
    unrecognized IPv4 address 1.2.3
    unrecognized IPv4 address ::ffff:127.0.0.1
    unrecognized IPv6 address abc
    unrecognized IP network 1.2.3.4
    invalid netmask 33
     is not a valid number
    invalid v6 netmask 0
    unrecognized IPv6 address /8
    filter error: bcontains and bstartswith operator support hex strings only
    invalid regex pattern: missing ): (a
    unknown event type nope
    unknown event type 8
    ");
}

#[test]
fn fields_on_the_right() {
    let refused = [
        "proc.name = val(proc.pid)",
        "user.uid = val(user.loginuid)",
        "fd.types in val(proc.name)",
        "proc.name = val(proc.aname[1])",
        "fd.ip = val(fd.sip)",
        "fd.snet = val(fd.snet)",
        "proc.name regex val(proc.pname)",
        "proc.name = val(no.such)",
    ];
    assert_snapshot!(refused.map(errors).join("\n"), @r"
    field 'proc.name' has type 'CHARBUF' while the right-hand side field 'proc.pid' has incompatible type 'INT64'
    field 'user.uid' has type 'UINT32' while the right-hand side field 'user.loginuid' has incompatible type 'INT64'
    field 'fd.types' has type 'CHARBUF' (list) while the right-hand side field 'proc.name' has incompatible type 'CHARBUF'
    field 'proc.aname' can't be used as a right-hand side field
    field 'fd.ip' doesn't support right-hand side fields
    field type 'IPNET' doesn't support right-hand side fields
    operator 'REGEX' doesn't support right-hand side fields
    filter_check called with nonexistent field no.such
    ");
}

#[test]
fn transformers() {
    let refused = [
        "toupper(proc.aname) = BASH",
        "len(proc.pid) > 1",
        "concat(proc.name) = cat",
        "concat(proc.pid, 'x') = 1x",
        "tolower(proc.name, proc.name) = x",
        "join(',', proc.name) = x",
        "join(fd.types, fd.types) = x",
        "getopt(proc.args, 'c:')[c] exists",
        "getopt(fd.types, 'c:')[cc] exists",
        "tolower(proc.name)[1] = x",
    ];
    assert_snapshot!(refused.map(errors).join("\n"), @r"
    field 'proc.aname' does not support transformers
    can't add field transformer: type 'INT64' is not supported by 'len' transformer applied on field 'proc.pid'
    unknown field transfomer 'concat'
    concat() arguments must be strings
    unknown multivalue transformer
    join() second argument must be a list
    join() first argument (separator) must be a single value, not a list
    getopt() first argument must be a list
    getopt() field argument must be a single option character
    transformer 'tolower' does not support field arguments
    ");
}

#[test]
fn every_check_is_diagnosed() {
    let text = "proc.nam = cat and not (evt.num = x or my_macro)";
    let errors = check(&parse(text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap_err();
    let errors: Vec<_> = errors.iter().map(|error| error.render(text)).collect();
    assert_snapshot!(errors.join("\n"), @r"
    filter_check called with nonexistent field proc.nam
     --> 1:1
      | proc.nam = cat and not (evt.num = x or my_macro)
      | ^^^^^^^^
    x is not a valid number
     --> 1:35
      | proc.nam = cat and not (evt.num = x or my_macro)
      |                                   ^
    filter error: unexpected identifier 'my_macro'
     --> 1:40
      | proc.nam = cat and not (evt.num = x or my_macro)
      |                                        ^^^^^^^^
    ");
}

#[test]
fn suspicious_literals() {
    let texts = [
        "proc.name = proc.pname",
        "proc.name in (a, 'proc.aname [ 1 ]', proc.nosuch)",
        "proc.name contains 'tolower(proc.name)'",
        "proc.name regex '^/usr/bin.*$'",
        "proc.name regex anyof ('.*b', 'a.*b', abc, '.*')",
    ];
    assert_snapshot!(texts.map(warnings).join("\n"), @r"
    'proc.pname' may be a valid field misused as a const string value
    'proc.aname [ 1 ]' may be a valid field misused as a const string value
    'tolower(proc.name)' may be a valid field transformer misused as a const string value

    regex check with '.*b' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
    regex check with 'abc' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
    regex check with '.*' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'
    ");
}

#[test]
fn events_of_conditions() {
    let texts = [
        "evt.type = open",
        "evt.type in (open, close) and proc.name = cat",
        "evt.type = open or proc.name = cat",
        "not evt.type = open",
        "not (evt.type = open or not evt.type != close)",
        "not (evt.type = open and proc.name = cat)",
        "evt.type = open and not evt.type = open",
        "evt.type = oneof (open)",
        "evt.type contains open",
        "evt.type exists",
        "not evt.type exists",
    ];
    assert_snapshot!(texts.map(events).join("\n"), @r"
    open
    open close
    open openat close execve connect
    openat close execve connect
    openat execve connect
    open openat close execve connect

    open openat close execve connect
    open openat close execve connect
    open openat close execve connect
    ");
}

#[test]
fn events_that_cannot_be_followed() {
    let refused = [
        "tolower(evt.type) = open",
        "concat(proc.name, evt.type) in (open)",
        "join('-', (proc.name, evt.type)) = open",
        "len(b64(evt.type)) exists",
        "evt.type != val(proc.name)",
    ];
    assert_snapshot!(refused.map(errors).join("\n"), @r"
    event code search does not support `evt.type` checks with transformers
    event code search does not support `evt.type` checks with transformers
    event code search does not support `evt.type` checks with transformers
    event code search does not support `evt.type` checks with transformers
    right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search
    ");
    assert_eq!(events("join('-', (evt.type, proc.name)) = open").split(' ').count(), EVENTS.len());
    assert_eq!(events("tolower(evt.type) startswith open").split(' ').count(), EVENTS.len());
}
