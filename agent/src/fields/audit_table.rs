//! The table of fields of the audit log: one row per field, with what it takes from an event's document. Names, arguments
//! and lists are those of Falco's plugins `k8saudit` and `json`.

use saker_filter::{Scope, Type};

use super::audit::{self, Extract, Extract::*};
use super::{ArgKind, Class, FieldInfo, Traits};
use crate::event::Format;

const CONTAINERS: &[&str] = &["requestObject", "spec", "containers"];
const INIT: &[&str] = &["requestObject", "spec", "initContainers"];
const EPHEMERAL: &[&str] = &["requestObject", "spec", "ephemeralContainers"];
const VOLUMES: &[&str] = &["requestObject", "spec", "volumes"];
const RULES: &[&str] = &["requestObject", "rules"];

/// Each row: name, argument, traits, what it takes from the document, doc.
macro_rules! fields {
    ($($class:ident { $($name:literal $(($arg:ident))? [$($trait:ident)?] ($($extract:tt)*) $doc:literal;)* })*) => {
        /// The table. A field's id is [`AUDIT_BASE`](super::AUDIT_BASE) and its index.
        pub static AUDIT_FIELDS: &[FieldInfo] = &[$($(FieldInfo {
            name: $name,
            class: Class::$class,
            arg: fields!(@arg $($arg)?),
            ty: Type::Str,
            format: Format::Na,
            scope: Scope::Event,
            traits: Traits::from_bits_retain(0 $(| Traits::$trait.bits())?),
            doc: $doc,
            get: audit::get,
        },)*)*];

        /// What the fields take from a document, in the order of the table.
        pub(super) static EXTRACTS: &[Extract] = &[$($($($extract)*,)*)*];
    };
    (@arg) => { ArgKind::None };
    (@arg $arg:ident) => { ArgKind::$arg };
}

fields! {
    K8sAudit {
        "ka.auditid" [] (Path(&["auditID"])) "Unique id of the request.";
        "ka.stage" [] (Path(&["stage"])) "Stage of the request, e.g. `ResponseComplete`.";
        "ka.auth.decision" [] (Annotation("authorization.k8s.io/decision")) "Whether the request was allowed: `allow` or `forbid`.";
        "ka.auth.reason" [] (Annotation("authorization.k8s.io/reason")) "Why it was allowed or forbidden.";
        "ka.auth.openshift.decision" [] (Annotation("authentication.openshift.io/decision")) "OpenShift: how the authentication ended.";
        "ka.validations.admission.policy.failure" [] (Annotation("validation.policy.admission.k8s.io/validation_failure")) "What a validating admission policy found wrong.";
        "ka.security.pod.violations" [] (Annotation("pod-security.kubernetes.io/audit-violations")) "Which pod security standards the pod violates.";
        "ka.auth.openshift.username" [] (Annotation("authentication.openshift.io/username")) "OpenShift: who was authenticated.";
        "ka.user.name" [] (Path(&["user", "username"])) "Who made the request.";
        "ka.user.groups" [LIST] (Items(&["user", "groups"])) "The groups of that user.";
        "ka.impuser.name" [] (Path(&["impersonatedUser", "username"])) "As whom the request was made, if as somebody else.";
        "ka.verb" [] (Path(&["verb"])) "What was asked for: `get`, `create`, `delete` and so on.";
        "ka.uri" [] (Path(&["requestURI"])) "The URI of the request.";
        "ka.uri.param" (Key) [] (UriParameter) "One parameter of the URI.";
        "ka.target.name" [] (Path(&["objectRef", "name"])) "Name of the object that was asked for.";
        "ka.target.namespace" [] (Path(&["objectRef", "namespace"])) "Namespace of that object.";
        "ka.target.resource" [] (Path(&["objectRef", "resource"])) "Kind of that object, in the plural: `pods`, `secrets`.";
        "ka.target.subresource" [] (Path(&["objectRef", "subresource"])) "Part of that object, e.g. `exec` of a pod.";
        "ka.target.pod.name" [] (PodName) "Name of the pod that was asked for; of one whose name the server chose, that name.";
        "ka.req.binding.subjects" [LIST] (Items(&["requestObject", "subjects"])) "Binding of a role: whom it is given to, each as JSON.";
        "ka.req.binding.subjects.user_names" [LIST] (Subjects("User", false)) "Binding of a role: the users among them.";
        "ka.req.binding.subjects.serviceaccount_names" [LIST] (Subjects("ServiceAccount", false)) "Binding of a role: the service accounts among them.";
        "ka.req.binding.subjects.serviceaccount_ns_names" [LIST] (Subjects("ServiceAccount", true)) "Binding of a role: the service accounts among them, each as `namespace:name`.";
        "ka.req.binding.subjects.group_names" [LIST] (Subjects("Group", false)) "Binding of a role: the groups among them.";
        "ka.req.binding.role" [] (Path(&["requestObject", "roleRef", "name"])) "Binding of a role: which role.";
        "ka.req.binding.subject.has_name" (Key) [] (True) "Always true. For old rules only.";
        "ka.req.configmap.name" [] (Path(&["objectRef", "name"])) "Name of the config map.";
        "ka.req.configmap.obj" [] (Path(&["requestObject", "data"])) "The data of the config map, as JSON.";
        "ka.req.pod.containers.args" (Level) [LIST] (Parts(CONTAINERS, &["args"])) "Arguments of the containers.";
        "ka.req.pod.containers.command" (Level) [LIST] (Parts(CONTAINERS, &["command"])) "Commands of the containers.";
        "ka.req.pod.containers.name" (Level) [LIST] (Parts(CONTAINERS, &["name"])) "Names of the containers.";
        "ka.req.pod.containers.image" (Level) [LIST] (Parts(CONTAINERS, &["image"])) "Images of the containers.";
        "ka.req.container.image" [] (First(&["image"], false)) "Image of the first container. For old rules only: `ka.req.pod.containers.image` has all.";
        "ka.req.pod.containers.image.repository" (Level) [LIST] (Repositories(CONTAINERS)) "Images of the containers, without tag and digest.";
        "ka.req.container.image.repository" [] (First(&["image"], true)) "Image of the first container without tag and digest. For old rules only.";
        "ka.req.pod.host_ipc" [] (Path(&["requestObject", "spec", "hostIPC"])) "Whether the pod shares the host's IPC namespace.";
        "ka.req.pod.host_network" [] (Path(&["requestObject", "spec", "hostNetwork"])) "Whether the pod uses the host's network.";
        "ka.req.container.host_network" [] (Path(&["requestObject", "spec", "hostNetwork"])) "The same as `ka.req.pod.host_network`. For old rules only.";
        "ka.req.pod.host_pid" [] (Path(&["requestObject", "spec", "hostPID"])) "Whether the pod sees the host's processes.";
        "ka.req.pod.containers.host_port" (Level) [LIST] (HostPorts(CONTAINERS)) "Ports of the host that the containers take, or with `hostNetwork` would take.";
        "ka.req.pod.containers.privileged" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "privileged"])) "`privileged` of the containers, where it is given.";
        "ka.req.container.privileged" [] (AnyPrivileged) "Whether some container is privileged. For old rules only.";
        "ka.req.pod.containers.allow_privilege_escalation" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "allowPrivilegeEscalation"])) "`allowPrivilegeEscalation` of the containers, where it is given.";
        "ka.req.pod.containers.read_only_fs" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "readOnlyRootFilesystem"])) "`readOnlyRootFilesystem` of the containers, where it is given.";
        "ka.req.pod.run_as_user" [] (Path(&["requestObject", "spec", "securityContext", "runAsUser"])) "The user that the pod asks for.";
        "ka.req.pod.containers.run_as_user" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "runAsUser"])) "`runAsUser` of the containers, where it is given.";
        "ka.req.pod.containers.eff_run_as_user" (Level) [LIST] (Effective(CONTAINERS, "runAsUser")) "The user that the containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.run_as_group" [] (Path(&["requestObject", "spec", "securityContext", "runAsGroup"])) "The group that the pod asks for.";
        "ka.req.pod.containers.run_as_group" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "runAsGroup"])) "`runAsGroup` of the containers, where it is given.";
        "ka.req.pod.containers.eff_run_as_group" (Level) [LIST] (Effective(CONTAINERS, "runAsGroup")) "The group that the containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.containers.proc_mount" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "procMount"])) "`procMount` of the containers, where it is given.";
        "ka.req.role.rules" [LIST] (Items(&["requestObject", "rules"])) "The rules of a role, each as JSON.";
        "ka.req.role.rules.apiGroups" (Level) [LIST] (Parts(RULES, &["apiGroups"])) "The API groups that the rules of a role name.";
        "ka.req.role.rules.nonResourceURLs" (Level) [LIST] (Parts(RULES, &["nonResourceURLs"])) "The paths that the rules of a role name.";
        "ka.req.role.rules.verbs" (Level) [LIST] (Parts(RULES, &["verbs"])) "The verbs that the rules of a role name.";
        "ka.req.role.rules.resources" (Level) [LIST] (Parts(RULES, &["resources"])) "The resources that the rules of a role name.";
        "ka.req.pod.fs_group" [] (Path(&["requestObject", "spec", "securityContext", "fsGroup"])) "The group that the pod's volumes are given to.";
        "ka.req.pod.supplemental_groups" [LIST] (Items(&["requestObject", "spec", "securityContext", "supplementalGroups"])) "Further groups that the pod asks for.";
        "ka.req.pod.containers.add_capabilities" (Level) [LIST] (Parts(CONTAINERS, &["securityContext", "capabilities", "add"])) "Capabilities that the containers are given beyond the usual ones.";
        "ka.req.service.type" [] (Path(&["requestObject", "spec", "type"])) "Type of the service, e.g. `NodePort`.";
        "ka.req.service.ports" (Level) [LIST] (Parts(&["requestObject", "spec", "ports"], &[])) "Ports of the service, each as JSON.";
        "ka.req.pod.volumes.hostpath" (Level) [LIST] (Parts(VOLUMES, &["hostPath", "path"])) "Paths of the host that the pod's volumes bring in.";
        "ka.req.volume.hostpath" (Key) [] (HostPath) "Whether a volume brings in this path of the host; with `*` at the end, one that begins so. For old rules only.";
        "ka.req.pod.volumes.flexvolume_driver" (Level) [LIST] (Parts(VOLUMES, &["flexVolume", "driver"])) "Drivers of the pod's flex volumes.";
        "ka.req.pod.volumes.volume_type" (Level) [LIST] (VolumeTypes) "Types of the pod's volumes, e.g. `hostPath`.";
        "ka.resp.name" [] (Path(&["responseObject", "metadata", "name"])) "Name of the object that the server answered with.";
        "ka.response.code" [] (Path(&["responseStatus", "code"])) "Status code of the answer.";
        "ka.response.reason" [] (Path(&["responseStatus", "reason"])) "Reason that the answer gives, mostly for a failure.";
        "ka.useragent" [] (Path(&["userAgent"])) "What the client calls itself.";
        "ka.sourceips" (Level) [LIST] (Parts(&["sourceIPs"], &[])) "Addresses that the request came from.";
        "ka.cluster.name" [] (Annotation("cluster_name")) "Name of the cluster, where an annotation `cluster_name` tells it.";
        "ka.req.pod.initContainers.name" (Level) [LIST] (Parts(INIT, &["name"])) "Names of the init containers.";
        "ka.req.pod.initContainers.image" (Level) [LIST] (Parts(INIT, &["image"])) "Images of the init containers.";
        "ka.req.pod.initContainers.image.repository" (Level) [LIST] (Repositories(INIT)) "Images of the init containers, without tag and digest.";
        "ka.req.pod.initContainers.command" (Level) [LIST] (Parts(INIT, &["command"])) "Commands of the init containers.";
        "ka.req.pod.initContainers.args" (Level) [LIST] (Parts(INIT, &["args"])) "Arguments of the init containers.";
        "ka.req.pod.initContainers.privileged" (Level) [LIST] (Parts(INIT, &["securityContext", "privileged"])) "`privileged` of the init containers, where it is given.";
        "ka.req.pod.initContainers.allow_privilege_escalation" (Level) [LIST] (Parts(INIT, &["securityContext", "allowPrivilegeEscalation"])) "`allowPrivilegeEscalation` of the init containers, where it is given.";
        "ka.req.pod.initContainers.read_only_fs" (Level) [LIST] (Parts(INIT, &["securityContext", "readOnlyRootFilesystem"])) "`readOnlyRootFilesystem` of the init containers, where it is given.";
        "ka.req.pod.initContainers.run_as_user" (Level) [LIST] (Parts(INIT, &["securityContext", "runAsUser"])) "`runAsUser` of the init containers, where it is given.";
        "ka.req.pod.initContainers.eff_run_as_user" (Level) [LIST] (Effective(INIT, "runAsUser")) "The user that the init containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.initContainers.run_as_group" (Level) [LIST] (Parts(INIT, &["securityContext", "runAsGroup"])) "`runAsGroup` of the init containers, where it is given.";
        "ka.req.pod.initContainers.eff_run_as_group" (Level) [LIST] (Effective(INIT, "runAsGroup")) "The group that the init containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.initContainers.proc_mount" (Level) [LIST] (Parts(INIT, &["securityContext", "procMount"])) "`procMount` of the init containers, where it is given.";
        "ka.req.pod.initContainers.add_capabilities" (Level) [LIST] (Parts(INIT, &["securityContext", "capabilities", "add"])) "Capabilities that the init containers are given beyond the usual ones.";
        "ka.req.pod.initContainers.host_port" (Level) [LIST] (HostPorts(INIT)) "Ports of the host that the init containers take, or with `hostNetwork` would take.";
        "ka.req.pod.ephemeralContainers.name" (Level) [LIST] (Parts(EPHEMERAL, &["name"])) "Names of the ephemeral containers.";
        "ka.req.pod.ephemeralContainers.image" (Level) [LIST] (Parts(EPHEMERAL, &["image"])) "Images of the ephemeral containers.";
        "ka.req.pod.ephemeralContainers.image.repository" (Level) [LIST] (Repositories(EPHEMERAL)) "Images of the ephemeral containers, without tag and digest.";
        "ka.req.pod.ephemeralContainers.command" (Level) [LIST] (Parts(EPHEMERAL, &["command"])) "Commands of the ephemeral containers.";
        "ka.req.pod.ephemeralContainers.args" (Level) [LIST] (Parts(EPHEMERAL, &["args"])) "Arguments of the ephemeral containers.";
        "ka.req.pod.ephemeralContainers.privileged" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "privileged"])) "`privileged` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.allow_privilege_escalation" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "allowPrivilegeEscalation"])) "`allowPrivilegeEscalation` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.read_only_fs" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "readOnlyRootFilesystem"])) "`readOnlyRootFilesystem` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.run_as_user" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "runAsUser"])) "`runAsUser` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.eff_run_as_user" (Level) [LIST] (Effective(EPHEMERAL, "runAsUser")) "The user that the ephemeral containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.ephemeralContainers.run_as_group" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "runAsGroup"])) "`runAsGroup` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.eff_run_as_group" (Level) [LIST] (Effective(EPHEMERAL, "runAsGroup")) "The group that the ephemeral containers start as: their own, else that of the pod, else 0.";
        "ka.req.pod.ephemeralContainers.proc_mount" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "procMount"])) "`procMount` of the ephemeral containers, where it is given.";
        "ka.req.pod.ephemeralContainers.add_capabilities" (Level) [LIST] (Parts(EPHEMERAL, &["securityContext", "capabilities", "add"])) "Capabilities that the ephemeral containers are given beyond the usual ones.";
    }
    Json {
        "json.value" (Key) [] (Pointer) "What a JSON pointer points at in the event.";
        "json.obj" [] (Whole) "The event as JSON, indented.";
        "json.rawtime" [] (Time) "Time of the event in nanoseconds since the epoch.";
        "jevt.value" (Key) [] (Pointer) "The same as `json.value`. For old rules.";
        "jevt.obj" [] (Whole) "The same as `json.obj`. For old rules.";
        "jevt.rawtime" [] (Time) "The same as `json.rawtime`. For old rules.";
    }
    SakerAudit {
        "saker.ka.pod.findings" [LIST] (Findings) "What `saker posture` finds in the pod that is written, also within a Deployment and all other kinds that make pods: `privileged`, `writable_root` and so on. Of a patch, what it finds in the answer, which holds the whole object.";
    }
}
