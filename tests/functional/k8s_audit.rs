//! The audit log of Kubernetes: rules of source `k8s_audit` over a file.

use serde_json::Value;

use crate::{TempFile, saker, text};

/// Seven requests: a pod, an exec, a binding, a role, a service, a config map, and somebody without a name.
pub(crate) const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/audit/small.jsonl");

/// A rule that is true for every event and shows these fields.
fn show_rule(fields: &[&str]) -> String {
    let shown: Vec<String> = fields.iter().map(|field| format!("%{field}")).collect();
    format!(
        "- rule: Show\n  desc: d\n  condition: ka.verb exists\n  output: \"{}\"\n  priority: INFO\n  source: k8s_audit\n",
        shown.join(" ").replace('"', "'")
    )
}

/// `output_fields` of each alert of such a rule.
fn shown(fields: &[&str]) -> Vec<Value> {
    let rules = TempFile::new("show.yaml", &show_rule(fields));
    let out = saker(&["replay", "--json", "-r", &rules.path, LOG]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let alerts = text(&out.stdout);
    alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["output_fields"].take()).collect()
}

/// The fields that are not null, but the time, which alerts always have.
fn told(fields: &Value) -> String {
    let fields = fields.as_object().unwrap().iter();
    let told = fields.filter(|(key, value)| !value.is_null() && *key != "evt.time");
    told.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_alert_is_told_in_the_form_of_any_other() {
    let rules = TempFile::new(
        "exec.yaml",
        "- rule: Exec into pod\n  desc: d\n  condition: ka.target.subresource = exec and ka.verb = create\n  \
         output: exec (user=%ka.user.name command=%ka.uri.param[command] pod=%ka.target.name none=%ka.impuser.name)\n  \
         priority: NOTICE\n  source: k8s_audit\n  tags: [k8s]\n\
         - rule: Never\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: NOTICE\n",
    );
    let out = saker(&["replay", "-r", &rules.path, LOG]);
    assert_eq!(
        text(&out.stdout),
        "10:00:02.500002000: Notice exec (user=alice command=sh pod=web none=<NA>)\n",
        "{}",
        text(&out.stderr)
    );
    assert_eq!(
        text(&out.stderr),
        "Events detected: 1\nRule counts by severity:\n   NOTICE: 1\nTriggered rules by rule name:\n   \
         Exec into pod: 1\nAudit events: 7, refused: 0\n"
    );
    let out = saker(&["replay", "--json", "-r", &rules.path, LOG]);
    assert_eq!(
        text(&out.stdout),
        "{\"hostname\":\"conformance\",\"output\":\"10:00:02.500002000: Notice exec (user=alice command=sh pod=web \
         none=<NA>)\",\"output_fields\":{\"evt.time\":1795946402500002000,\"ka.impuser.name\":null,\
         \"ka.target.name\":\"web\",\"ka.uri.param[command]\":\"sh\",\"ka.user.name\":\"alice\"},\
         \"priority\":\"Notice\",\"rule\":\"Exec into pod\",\"source\":\"k8s_audit\",\"tags\":[\"k8s\"],\
         \"time\":\"2026-11-29T10:00:02.500002000Z\"}\n"
    );
}

#[test]
fn fields_say_what_the_documents_hold() {
    let fields = [
        "evt.num",
        "evt.source",
        "evt.pluginname",
        "evt.is_async",
        "ka.auditid",
        "ka.auth.decision",
        "ka.user.groups",
        "ka.sourceips[0]",
        "ka.req.pod.host_network",
        "ka.req.pod.fs_group",
        "ka.req.pod.supplemental_groups",
        "ka.req.pod.containers.image",
        "ka.req.pod.containers.image[1]",
        "ka.req.pod.containers.image.repository",
        "ka.req.pod.initContainers.image.repository",
        "ka.req.container.image",
        "ka.req.container.privileged",
        "ka.req.pod.containers.privileged",
        "ka.req.pod.containers.read_only_fs",
        "ka.req.pod.containers.eff_run_as_user",
        "ka.req.pod.containers.eff_run_as_group",
        "ka.req.pod.initContainers.eff_run_as_user",
        "ka.req.pod.containers.add_capabilities",
        "ka.req.pod.containers.host_port",
        "ka.req.pod.containers.command",
        "ka.req.pod.volumes.hostpath",
        "ka.req.pod.volumes.volume_type",
        "ka.req.volume.hostpath[/var/run*]",
        "ka.req.volume.hostpath[/etc]",
        "ka.target.pod.name",
        "jevt.value[/requestObject/spec/containers/1/name]",
        "json.value[/objectRef]",
        "jevt.rawtime",
    ];
    insta::assert_snapshot!(told(&shown(&fields)[0]), @r##"
    evt.is_async=false
    evt.num=1
    evt.pluginname="k8saudit"
    evt.source="k8s_audit"
    jevt.rawtime="1795946401500001000"
    jevt.value[/requestObject/spec/containers/1/name]="log"
    json.value[/objectRef]="{\"resource\":\"pods\",\"namespace\":\"shop\",\"name\":\"web\",\"apiVersion\":\"v1\"}"
    ka.auditid="00000000-0000-4000-8000-000000000001"
    ka.auth.decision="allow"
    ka.req.container.image="nginx:1.27"
    ka.req.container.privileged="true"
    ka.req.pod.containers.add_capabilities=["NET_ADMIN","SYS_TIME"]
    ka.req.pod.containers.command=["nginx","-g"]
    ka.req.pod.containers.eff_run_as_group=["0","0"]
    ka.req.pod.containers.eff_run_as_user=["1000","0"]
    ka.req.pod.containers.host_port=["8080","443"]
    ka.req.pod.containers.image=["nginx:1.27","fluent/bit"]
    ka.req.pod.containers.image.repository=["nginx","fluent/bit"]
    ka.req.pod.containers.image[1]=["fluent/bit"]
    ka.req.pod.containers.privileged=["true","false"]
    ka.req.pod.containers.read_only_fs=["true"]
    ka.req.pod.fs_group="2000"
    ka.req.pod.host_network="true"
    ka.req.pod.initContainers.eff_run_as_user=["1000"]
    ka.req.pod.initContainers.image.repository=["registry:5000/shop/setup"]
    ka.req.pod.supplemental_groups=["5","6"]
    ka.req.pod.volumes.hostpath=["/var/run/docker.sock"]
    ka.req.pod.volumes.volume_type=["hostPath","emptyDir"]
    ka.req.volume.hostpath[/etc]="false"
    ka.req.volume.hostpath[/var/run*]="true"
    ka.sourceips[0]=["192.0.2.7"]
    ka.target.pod.name="web"
    ka.user.groups=["developers","system:authenticated"]
    "##);
}

#[test]
fn fields_of_roles_bindings_services_and_config_maps() {
    let fields = [
        "ka.req.binding.subjects",
        "ka.req.binding.subjects.user_names",
        "ka.req.binding.subjects.serviceaccount_ns_names",
        "ka.req.binding.subjects.group_names",
        "ka.req.binding.role",
        "ka.req.role.rules.verbs",
        "ka.req.role.rules.verbs[1]",
        "ka.req.role.rules.resources",
        "ka.req.role.rules.nonResourceURLs",
        "ka.req.service.type",
        "ka.req.service.ports",
        "ka.req.configmap.obj",
        "ka.uri.param[container]",
    ];
    let alerts: Vec<String> = shown(&fields)[1..6].iter().map(told).collect();
    insta::assert_snapshot!(alerts.join("\n--\n"), @r##"
    ka.uri.param[container]="web"
    --
    ka.req.binding.role="cluster-admin"
    ka.req.binding.subjects=["{\"kind\":\"User\",\"name\":\"mallory\"}","{\"kind\":\"ServiceAccount\",\"name\":\"ci\",\"namespace\":\"build\"}","{\"kind\":\"Group\",\"name\":\"system:unauthenticated\"}"]
    ka.req.binding.subjects.group_names=["system:unauthenticated"]
    ka.req.binding.subjects.serviceaccount_ns_names=["build:ci"]
    ka.req.binding.subjects.user_names=["mallory"]
    --
    ka.req.role.rules.nonResourceURLs=["/metrics"]
    ka.req.role.rules.resources=["pods","secrets"]
    ka.req.role.rules.verbs=["get","*"]
    ka.req.role.rules.verbs[1]=["*"]
    --
    ka.req.service.ports=["{\"port\":80,\"nodePort\":30080}"]
    ka.req.service.type="NodePort"
    --
    ka.req.configmap.obj="{\"password\":\"hunter2\"}"
    "##);
}

#[test]
fn every_field_can_be_asked_of_every_event() {
    let listed: Vec<Value> = serde_json::from_slice(&saker(&["fields", "--format", "json"]).stdout).unwrap();
    let of_audit = |field: &&Value| matches!(field["class"].as_str(), Some("k8saudit" | "json"));
    let names: Vec<String> = listed
        .iter()
        .filter(of_audit)
        .map(|field| {
            let name = field["name"].as_str().unwrap();
            match field["argument"].as_str().unwrap() {
                "[NAME]" => format!("{name}[a]"),
                _ => name.to_owned(),
            }
        })
        .collect();
    assert_eq!(names.len(), 106);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let alerts = shown(&names);
    assert_eq!(alerts.len(), 7);
    for name in names {
        assert!(alerts.iter().all(|alert| alert.get(name).is_some()), "{name} is shown");
    }
}

#[test]
fn without_the_source_its_rules_are_left_out_with_a_warning() {
    let rules = TempFile::new("show.yaml", &show_rule(&["ka.verb"]));
    let out = saker(&["check", &rules.path]);
    assert!(text(&out.stderr).contains("Unknown source k8s_audit, skipping"), "{}", text(&out.stderr));
    let on = ["check", "-o", "saker.builtin_plugins=[container,k8saudit,json]", &rules.path];
    let out = saker(&on);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()));
    let wrong = TempFile::new("wrong.yaml", &show_rule(&["proc.name"]));
    let out = saker(&["check", "-o", "saker.builtin_plugins=[k8saudit]", &wrong.path]);
    assert_eq!(out.status.code(), Some(1), "a field of another source");
}

#[test]
fn what_cannot_be_used_is_counted() {
    let rules = TempFile::new("show.yaml", &show_rule(&["ka.verb"]));
    let event = r#"{"kind":"Event","verb":"get","stageTimestamp":"2026-01-01T00:00:00Z"}"#;
    let large = format!(
        r#"{{"kind":"Event","verb":"get","stageTimestamp":"2026-01-01T00:00:00Z","x":"{}"}}"#,
        "x".repeat(262_144)
    );
    let log = format!(
        "{event}\nno JSON\n{{\"kind\":\"Pod\"}}\n{{\"kind\":\"Event\"}}\n{large}\n[{event},{event}]\n{{"
    );
    // The file begins as an audit log does, so it is taken for one.
    let log = TempFile::new("audit.log", &log);
    let out = saker(&["replay", "-r", &rules.path, &log.path]);
    assert_eq!(text(&out.stdout).lines().count(), 3);
    assert!(
        text(&out.stderr).ends_with(
            "Audit events: 3, refused: 5 (2 not JSON, 1 no audit event, 1 without a time, 1 too large)\n"
        ),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn no_standard_output_is_no_output() {
    let rules = TempFile::new("show.yaml", &show_rule(&["ka.verb"]));
    let out = saker(&["replay", "-o", "stdout_output.enabled=false", "-r", &rules.path, LOG]);
    assert_eq!(text(&out.stdout), "");
    assert!(text(&out.stderr).starts_with("Events detected: 7\n"), "{}", text(&out.stderr));
}
