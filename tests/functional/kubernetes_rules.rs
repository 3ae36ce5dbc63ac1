//! The rules of `rules/kubernetes`, the audit policy that feeds them, and the posture of manifests.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;
use serde_yaml::Value as Yaml;

use crate::{TempFile, saker, text};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/kubernetes");

/// Requests that each must fire the rule that their annotation `saker.test/rule` names.
const ATTACKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/audit/attacks.jsonl");

/// Requests that look like them, and must fire none.
const HONEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/audit/honest.jsonl");

/// The audit ids with the rules that fired for each.
fn alerts(rules: &str, log: &str) -> Vec<(String, String)> {
    let id = "append_output[0].extra_fields=[ka.auditid]";
    let source = "append_output[0].match.source=k8s_audit";
    let out =
        saker(&["replay", "--json", "--rule-matching", "all", "-o", id, "-o", source, "-r", rules, log]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let told = text(&out.stdout);
    let alerts = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    alerts.map(|alert| (word(&alert["output_fields"]["ka.auditid"]), word(&alert["rule"]))).collect()
}

fn documents(log: &str) -> Vec<Value> {
    std::fs::read_to_string(log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn they_load_without_a_warning() {
    let out = saker(&["check", "-o", "saker.builtin_plugins=[container,k8saudit,json]", RULES]);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()), "{}", text(&out.stdout));
}

#[test]
fn every_rule_fires_for_its_attacks_and_for_nothing_honest() {
    let fired = alerts(RULES, ATTACKS);
    let mut attacks: BTreeMap<String, usize> = BTreeMap::new();
    for document in documents(ATTACKS) {
        let rule = document["annotations"]["saker.test/rule"].as_str().unwrap();
        let id = document["auditID"].as_str().unwrap();
        *attacks.entry(rule.to_owned()).or_default() += 1;
        assert!(fired.iter().any(|(other, name)| other == id && name == rule), "{rule}: {document}");
    }
    assert!(attacks.values().all(|count| *count >= 2), "{attacks:?}");
    let mut names = Vec::new();
    for file in std::fs::read_dir(RULES)
        .unwrap()
        .flatten()
        .filter(|file| file.path().extension() == Some("yaml".as_ref()))
    {
        let rules: Yaml = serde_yaml::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
        names.extend(
            rules
                .as_sequence()
                .unwrap()
                .iter()
                .filter_map(|item| Some(item.get("rule")?.as_str()?.to_owned())),
        );
    }
    names.sort();
    assert_eq!(names, attacks.into_keys().collect::<Vec<_>>(), "every rule has its attacks");
    assert_eq!(alerts(RULES, HONEST), []);
}

/// What an API server with this policy tells of a request, `None` if nothing.
fn told(policy: &Yaml, document: &Value) -> Option<Value> {
    let words = |value: Option<&Yaml>| -> Option<Vec<String>> {
        Some(value?.as_sequence()?.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect())
    };
    if words(policy.get("omitStages")).unwrap().contains(&document["stage"].as_str().unwrap().to_owned()) {
        return None;
    }
    let fits = |rule: &Yaml| {
        let among = |key: &str, value: &Value| {
            words(rule.get(key))
                .is_none_or(|words| words.iter().any(|word| Some(word.as_str()) == value.as_str()))
        };
        let reference = &document["objectRef"];
        let resource = |entry: &Yaml| {
            let group = reference["apiGroup"].as_str().unwrap_or_default();
            if entry.get("group").and_then(Yaml::as_str) != Some(group) {
                return false;
            }
            let name = reference["resource"].as_str().unwrap_or_default();
            let full = match reference["subresource"].as_str() {
                Some(subresource) => format!("{name}/{subresource}"),
                None => name.to_owned(),
            };
            words(entry.get("resources"))
                .unwrap()
                .iter()
                .any(|wanted| *wanted == full || full.contains('/') && *wanted == format!("{name}/*"))
        };
        let of_resource = rule.get("resources").is_none_or(|entries| {
            !reference.is_null() && entries.as_sequence().unwrap().iter().any(resource)
        });
        among("verbs", &document["verb"])
            && among("users", &document["user"]["username"])
            && words(rule.get("userGroups")).is_none_or(|groups| {
                let own = document["user"]["groups"].as_array().into_iter().flatten();
                own.filter_map(Value::as_str).any(|group| groups.iter().any(|wanted| wanted == group))
            })
            && among("namespaces", &reference["namespace"])
            && of_resource
    };
    let rule = policy.get("rules")?.as_sequence()?.iter().find(|rule| fits(rule))?;
    let mut told = document.clone();
    let remove = |told: &mut Value, key: &str| told.as_object_mut().map(|object| object.remove(key));
    match rule.get("level").and_then(Yaml::as_str).unwrap() {
        "None" => return None,
        "Metadata" => {
            remove(&mut told, "requestObject");
            remove(&mut told, "responseObject");
        }
        "Request" => {
            remove(&mut told, "responseObject");
        }
        "RequestResponse" => {}
        level => panic!("a level '{level}'"),
    }
    Some(told)
}

#[test]
fn the_policy_tells_what_the_rules_need_and_no_more() {
    let out = saker(&["audit-policy", "-r", RULES]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let printed = text(&out.stdout);
    let policy: Yaml = serde_yaml::from_str(&printed).unwrap();
    assert_eq!(policy.get("kind").and_then(Yaml::as_str), Some("Policy"));
    assert!(printed.contains("omitStages: [RequestReceived, Panic]\n"), "{printed}");

    let (mut log, mut dropped) = (String::new(), 0);
    for document in documents(ATTACKS) {
        match told(&policy, &document) {
            Some(document) => log.push_str(&format!("{document}\n")),
            None => dropped += 1,
        }
    }
    assert_eq!(dropped, 0);
    let log = TempFile::new("told.jsonl", &log);
    let sorted = |mut alerts: Vec<(String, String)>| {
        alerts.sort();
        alerts
    };
    assert_eq!(
        sorted(alerts(RULES, &log.path)),
        sorted(alerts(RULES, ATTACKS)),
        "the same alerts\n{printed}"
    );
    // Bodies of secrets are never told: no condition asks for them.
    let secret: Value = serde_json::from_str(
        r#"{"stage":"ResponseComplete","verb":"list","user":{"username":"alice"},"objectRef":{"resource":"secrets","namespace":"s"},"requestObject":{},"responseObject":{"data":"x"}}"#,
    )
    .unwrap();
    let secret = told(&policy, &secret).unwrap();
    assert!(secret.get("responseObject").is_none() && secret.get("requestObject").is_none(), "{printed}");

    let shipped =
        std::fs::read_to_string(format!("{RULES}/../../deploy/kubernetes-audit/policy.yaml")).unwrap();
    assert_eq!(
        printed, shipped,
        "saker audit-policy -r rules/kubernetes >deploy/kubernetes-audit/policy.yaml"
    );
}

#[test]
fn a_policy_is_only_as_large_as_its_rules() {
    let rules = TempFile::new(
        "rules.yaml",
        "- rule: Exec\n  desc: d\n  condition: ka.stage = ResponseStarted and ka.verb = create and ka.target.resource = pods and ka.target.subresource = exec\n  \
         output: o %ka.req.pod.containers.image\n  priority: INFO\n  source: k8s_audit\n\
         - rule: Role\n  desc: d\n  condition: ka.stage = ResponseComplete and ka.verb in (create, update) and ka.target.resource in (roles, gizmos) and ka.req.role.rules.verbs intersects (\"*\")\n  \
         output: o\n  priority: INFO\n  source: k8s_audit\n\
         - rule: Off\n  desc: d\n  condition: ka.verb exists and (jevt.rawtime = 0)\n  output: o\n  priority: INFO\n  source: k8s_audit\n",
    );
    let out = saker(&["audit-policy", "-r", &rules.path]);
    let policy: String = text(&out.stdout)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(policy, @r#"
    apiVersion: audit.k8s.io/v1
    kind: Policy
    omitStages: [RequestReceived, Panic]
    rules:
    - level: Request
      verbs: [create, update]
      # The API group of 'gizmos' is not known here: all resources.
    - level: Metadata
      verbs: [create]
      resources:
      - {group: "", resources: [pods/exec]}
    - level: None
    "#);
    assert_eq!(
        text(&out.stderr),
        "saker: rule 'Off' can never be true: nothing is told for it\n\
         saker: null in outputs at these levels: ka.req.pod.containers.image (--outputs has them told, too)\n"
    );
    let none = TempFile::new(
        "rules.yaml",
        "- rule: S\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n",
    );
    let out = saker(&["audit-policy", "-r", &none.path]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("no rule of source k8s_audit is on"), "{}", text(&out.stderr));
    let out = saker(&["audit-policy", "--webhook", "http://10.0.0.1:9765/k8s-audit"]);
    let webhook: Yaml = serde_yaml::from_slice(&out.stdout).unwrap();
    let server =
        webhook.get("clusters").and_then(|clusters| clusters.get(0)?.get("cluster")?.get("server")?.as_str());
    assert_eq!(server, Some("http://10.0.0.1:9765/k8s-audit"));
}

const MANIFEST: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: web
        image: nginx:1.27
        ports:
        - containerPort: 80
        securityContext:
          privileged: true
      volumes: []
---
apiVersion: v1
kind: Pod
metadata: {name: hard}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: a
    image: x@sha256:00
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: ConfigMap
data: {a: b}
";

#[test]
fn the_posture_of_a_manifest_is_told_with_lines_and_a_suggestion() {
    let file = TempFile::new("web.yaml", MANIFEST);
    let out = saker(&["posture", &file.path]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(text(&out.stderr), "6 findings in 2 pods\n");
    insta::assert_snapshot!(text(&out.stdout).replace(&file.path, "web.yaml"), @r#"
    web.yaml:7: Deployment shop/web: the pod uses the network of the host [host_network]
    web.yaml:7: Deployment shop/web: the pod is given a token of the API server [api_token]
    web.yaml:10: Deployment shop/web: container 'web' runs an image that is not named by its digest, so it can become another (nginx:1.27) [mutable_image]
    web.yaml:14: Deployment shop/web: container 'web' is privileged: nothing keeps it from the host [privileged]
    web.yaml:14: Deployment shop/web: container 'web' can write to its root file system, so what runs need not be what was built [writable_root]
    web.yaml:14: Deployment shop/web: container 'web' may run as root [root_user]

    # web.yaml:7: Deployment shop/web: suggested
    - name: web
      securityContext:
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
          add: [NET_BIND_SERVICE]
        privileged: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}

    # --observed CAPTURE adds the directories that the containers write to
    "#);
}

#[test]
fn json_from_kubectl_is_read_from_standard_input() {
    let pods: Vec<Value> = documents(ATTACKS)
        .into_iter()
        .filter_map(|document| {
            document.get("requestObject").filter(|object| object["kind"] == "Pod").cloned()
        })
        .collect();
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": pods });
    let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["posture", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer_pretty(child.stdin.take().unwrap(), &list).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let told: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told.len(), pods.len());
    assert_eq!(told[0]["findings"][0]["code"], "privileged");
    assert_eq!(told[0]["suggestions"][0]["securityContext"]["readOnlyRootFilesystem"], true);
}

#[test]
fn a_hardened_manifest_passes_and_what_is_no_yaml_is_refused() {
    let hard = MANIFEST.split("---\n").nth(1).unwrap();
    let file = TempFile::new("hard.yaml", hard);
    let out = saker(&["posture", &file.path]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(0), String::new()));
    let broken = TempFile::new("broken.yaml", "a: [1\nb: {\n");
    let out = saker(&["posture", &broken.path]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("broken.yaml:"), "{}", text(&out.stderr));
}

#[test]
fn a_capture_shows_where_a_workload_writes() {
    // Nothing in the bundled capture runs in a container: that is told, and the suggestion goes without.
    let file = TempFile::new("web.yaml", MANIFEST);
    let out = saker(&["posture", "--observed", crate::CAPTURE, &file.path]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("no container was seen to write"), "{}", text(&out.stderr));
}
