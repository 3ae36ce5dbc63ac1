//! Fake runtimes of Kubernetes, and containerd's own interface. Each answers in its own way.

use std::collections::HashMap;
use std::path::Path;

use prost::Message as _;

use super::super::messages::containerd as own;
use super::super::messages::*;
use super::super::{EngineKind, start};
use super::fake::{Grpc, grpc};
use super::{ID, IMAGE, scope, settings, told};
use crate::state::{ContainerInfo, ContainerType};

const POD: &str = "feedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedface";

fn texts(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What two runtimes say differently.
#[derive(Clone, Copy)]
struct Manner {
    name: &'static str,
    image: &'static str,
    image_ref: &'static str,
    container: &'static str,
    pod: &'static str,
}

const CONTAINERD: Manner = Manner {
    name: "containerd",
    image: "docker.io/library/box:1",
    image_ref: "docker.io/library/box@sha256:d1",
    container: r#"{"pid":7,"config":{"image":{"image":"sha256:IMAGE"},"envs":[{"key":"A","value":"b"}],
        "linux":{"security_context":{"privileged":true}}},"runtimeSpec":{"annotations":{}}}"#,
    pod: r#"{"cniResult":{"Interfaces":{"lo":{"IPConfigs":[{"IP":"127.0.0.1"}]},"eth0":{"IPConfigs":[{"IP":"10.0.0.7"}]}}}}"#,
};

const CRIO: Manner = Manner {
    name: "cri-o",
    image: "IMAGE",
    image_ref: "docker.io/library/box@sha256:d1",
    container: r#"{"sandboxID":"POD","pid":7,"privileged":true,"runtimeSpec":{"process":{"env":["A=b"]},
        "annotations":{"io.kubernetes.cri-o.ImageName":"docker.io/library/box:1"}}}"#,
    pod: r#"{"runtimeSpec":{"annotations":{"io.kubernetes.cri-o.CNIResult":"{\"interfaces\":[{\"name\":\"eth0\"}]}"}}}"#,
};

fn serve(socket: &Path, manner: Manner, events: bool) {
    let text = |text: &str| text.replace("IMAGE", IMAGE).replace("POD", POD);
    grpc(socket, move |method, _, request| {
        let method = method.strip_prefix("/runtime.v1.RuntimeService/").unwrap();
        match method {
            "Version" => Grpc::of(&Version { runtime_name: manner.name.to_owned() }),
            "ListContainers" => {
                let asked = ListContainersRequest::decode(request).unwrap().filter.map(|filter| filter.id);
                let one = ListedContainer { id: ID.to_owned(), pod_sandbox_id: POD.to_owned() };
                let found = asked.is_some_and(|asked| ID.starts_with(&asked));
                Grpc::of(&ListContainersResponse { containers: if found { vec![one] } else { Vec::new() } })
            }
            "ContainerStatus" => {
                assert!(ContainerStatusRequest::decode(request).unwrap().verbose);
                let status = ContainerStatus {
                    id: ID.to_owned(),
                    metadata: Some(ContainerMetadata { name: "web".to_owned() }),
                    created_at: 1_767_225_600_000_000_000,
                    image: Some(ImageSpec { image: text(manner.image), ..ImageSpec::default() }),
                    image_ref: manner.image_ref.to_owned(),
                    labels: texts(&[("io.kubernetes.container.name", "web"), ("long", &"l".repeat(101))]),
                    mounts: vec![CriMount {
                        container_path: "/d".to_owned(),
                        host_path: "/s".to_owned(),
                        readonly: true,
                        propagation: 1,
                    }],
                    image_id: IMAGE.to_owned(),
                    user: Some(ContainerUser { linux: Some(LinuxUser { uid: 7 }) }),
                    ..ContainerStatus::default()
                };
                let info = texts(&[("info", &text(manner.container))]);
                Grpc::of(&ContainerStatusResponse { status: Some(status), info })
            }
            "PodSandboxStatus" if PodSandboxStatusRequest::decode(request).unwrap().pod_sandbox_id == POD => {
                let options = NamespaceOptions { network: 0, pid: 2, ipc: 0 };
                let namespaces = Some(Namespaces { options: Some(options) });
                let status = PodSandboxStatus {
                    id: POD.to_owned(),
                    metadata: Some(PodSandboxMetadata {
                        name: "shop-1".to_owned(),
                        uid: "u-1".to_owned(),
                        namespace: "sales".to_owned(),
                    }),
                    network: Some(PodNetwork { ip: "10.0.0.7".to_owned() }),
                    linux: Some(LinuxPodStatus { namespaces }),
                    labels: texts(&[("app", "shop")]),
                    ..PodSandboxStatus::default()
                };
                let info = texts(&[("info", manner.pod)]);
                Grpc::of(&PodSandboxStatusResponse { status: Some(status), info })
            }
            "PodSandboxStatus" => Grpc::Status(5),
            "ListPodSandbox" => Grpc::of(&ListPodSandboxResponse::default()),
            "GetContainerEvents" if events => {
                Grpc::Stream(ContainerEvent { container_id: ID.to_owned(), kind: 0 }.encode_to_vec())
            }
            "GetContainerEvents" => Grpc::Status(12),
            other => panic!("{other}"),
        }
    });
}

fn look_up(manner: Manner, path: &[u8]) -> ContainerInfo {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("cri.sock");
    serve(&socket, manner, false);
    let mut watch = start(settings(host.path(), vec![EngineKind::Cri(socket)])).unwrap();
    watch.cgroup_made(5, path);
    assert!(watch.waits(5));
    told(&mut watch)
}

fn check(info: &ContainerInfo) {
    assert_eq!((&info.name[..], &info.image[..]), (&b"web"[..], &b"docker.io/library/box:1"[..]));
    assert_eq!((&info.image_repo[..], &info.image_tag[..]), (&b"docker.io/library/box"[..], &b"1"[..]));
    assert_eq!((&info.image_digest[..], &info.image_id[..]), (&b"sha256:d1"[..], IMAGE.as_bytes()));
    assert_eq!((&info.user[..], info.privileged, &info.ip[..]), (&b"7"[..], true, &b"10.0.0.7"[..]));
    assert_eq!((&info.env[0][..], info.host_pid, info.host_network), (&b"A=b"[..], true, false));
    assert_eq!((info.mounts[0].rdwr, &info.mounts[0].propagation[..]), (false, &b"rslave"[..]));
    assert_eq!((&info.pod_sandbox_id[..], info.created_time), (POD.as_bytes(), 1_767_225_600));
    let label = |name: &str| {
        info.labels.iter().find(|(key, _)| &**key == name.as_bytes()).map(|(_, value)| value.to_vec())
    };
    assert_eq!(label("io.kubernetes.pod.name"), Some(b"shop-1".to_vec()));
    assert_eq!(label("io.kubernetes.pod.namespace"), Some(b"sales".to_vec()));
    assert_eq!(label("io.kubernetes.pod.uid"), Some(b"u-1".to_vec()));
    assert_eq!(label("long"), None);
    assert_eq!(info.pod_sandbox_labels.len(), 1);
    let cni = String::from_utf8(info.cni_json.to_vec()).unwrap();
    assert!(cni.contains("eth0") && !cni.contains("\"lo\""), "{cni}");
}

#[test]
fn containerd_tells_as_a_runtime_of_kubernetes() {
    let info = look_up(CONTAINERD, &scope("cri-containerd"));
    assert_eq!(info.kind, ContainerType::Containerd);
    check(&info);
}

#[test]
fn cri_o_tells_as_a_runtime_of_kubernetes() {
    let info = look_up(CRIO, &scope("crio"));
    assert_eq!(info.kind, ContainerType::Crio);
    check(&info);
}

#[test]
fn a_pod_has_a_container_of_its_own() {
    let info = look_up(CONTAINERD, format!("/kubepods.slice/cri-containerd-{POD}.scope").as_bytes());
    assert!(info.is_pod_sandbox);
    assert_eq!((&info.name[..], &info.pod_sandbox_id[..]), (&b"shop-1"[..], POD.as_bytes()));
    assert_eq!(&info.ip[..], b"10.0.0.7");
}

#[test]
fn a_runtime_tells_before_there_is_a_cgroup() {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("cri.sock");
    serve(&socket, CRIO, true);
    let mut watch = start(settings(host.path(), vec![EngineKind::Cri(socket)])).unwrap();
    check(&told(&mut watch));
    watch.cgroup_made(5, &scope("crio"));
    assert!(!watch.waits(5));
}

#[test]
fn containerd_tells_of_what_kubernetes_did_not_start() {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("containerd.sock");
    grpc(&socket, |method, namespace, request| match method {
        "/containerd.services.namespaces.v1.Namespaces/List" => {
            let namespaces = ["moby", "default"].map(|name| own::Namespace { name: name.to_owned() });
            Grpc::of(&own::ListNamespacesResponse { namespaces: namespaces.into() })
        }
        "/containerd.services.containers.v1.Containers/Get" => {
            let name = own::GetRequest::decode(request).unwrap().name;
            if (namespace, name.as_str()) != ("default", "box") {
                return Grpc::Status(5);
            }
            let spec = r#"{"process":{"user":{"uid":9},"env":["A=b"]},"linux":{"namespaces":[{"type":"pid"}],"seccomp":{}},
                "mounts":[{"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["mode=1777"]}]}"#;
            Grpc::of(&own::GetContainerResponse {
                container: Some(own::Container {
                    id: name,
                    labels: texts(&[("a", "b")]),
                    image: "docker.io/library/box:1".to_owned(),
                    spec: Some(own::Any { type_url: String::new(), value: spec.as_bytes().to_vec() }),
                    created_at: Some(own::Time { seconds: 8 }),
                    sandbox: String::new(),
                }),
            })
        }
        "/containerd.services.images.v1.Images/Get" => {
            let target = Some(own::Descriptor { digest: "sha256:d1".to_owned(), size: 5 });
            Grpc::of(&own::GetImageResponse { image: Some(own::Image { target }) })
        }
        "/containerd.services.containers.v1.Containers/List" => {
            Grpc::of(&own::ListContainersResponse::default())
        }
        _ => Grpc::Never,
    });
    let mut watch = start(settings(host.path(), vec![EngineKind::Containerd(socket)])).unwrap();
    watch.cgroup_made(5, b"/default/box");
    let info = told(&mut watch);
    assert_eq!(
        (info.kind, &info.id[..], &info.image_tag[..]),
        (ContainerType::Containerd, &b"box"[..], &b"1"[..])
    );
    assert_eq!(
        (&info.image_digest[..], &info.user[..], info.created_time),
        (&b"sha256:d1"[..], &b"9"[..], 8)
    );
    assert_eq!((info.host_pid, info.host_network, info.privileged), (false, true, false));
    assert_eq!((&info.mounts[0].mode[..], info.mounts[0].rdwr), (&b"1777"[..], true));
    // Ids are free text here: what no containerd knows may be no container at all.
    watch.cgroup_made(6, b"/some/service");
    assert!(super::settled(&mut watch).is_empty());
}
