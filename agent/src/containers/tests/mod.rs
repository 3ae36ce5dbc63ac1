//! Look-ups from a cgroup to a container event, with fake runtimes on unix sockets.

mod fake;
mod kubernetes;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fake::{Http, http};
use tempfile::TempDir;

use super::{EngineKind, Settings, Watch, start};
use crate::config::Config;
use crate::state::{ContainerInfo, ContainerType};

const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
const IMAGE: &str = "0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a";

/// How long events wait, where a test does not say otherwise.
const WAIT: Duration = Duration::from_secs(20);

/// Settings for these engines, on a host that has nothing else.
fn settings(host: &Path, engines: Vec<EngineKind>) -> Settings {
    let settings = Settings::of(&Config::default(), host).unwrap().unwrap();
    Settings { engines, wait: WAIT, ..settings }
}

/// Watches a host whose Docker answers like this.
fn with_docker(wait: Duration, answer: impl Fn(&str) -> Http + Send + Sync + 'static) -> (TempDir, Watch) {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("docker.sock");
    http(&socket, answer);
    let settings = settings(host.path(), vec![EngineKind::Docker(socket)]);
    let watch = start(Settings { wait, ..settings }).unwrap();
    (host, watch)
}

/// Waits until a container is told of.
fn told(watch: &mut Watch) -> ContainerInfo {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if let Some(json) = watch.await_news(Duration::from_millis(100)).first() {
            return ContainerInfo::from_json(json).unwrap();
        }
    }
    panic!("nothing was told: {:?}", watch.counters());
}

/// Waits until nobody's events wait, and gives what was told.
fn settled(watch: &mut Watch) -> Vec<Vec<u8>> {
    let until = Instant::now() + Duration::from_secs(30);
    let mut told = Vec::new();
    while watch.is_waiting() {
        assert!(Instant::now() < until, "{:?}", watch.counters());
        told.extend(watch.await_news(Duration::from_millis(20)));
        watch.give_up(Instant::now());
    }
    told
}

fn scope(prefix: &str) -> Vec<u8> {
    format!("/x.slice/{prefix}-{ID}.scope").into_bytes()
}

const INSPECTED: &str = r#"{"Id":"ID","Name":"/web","Created":"2026-01-01T00:00:00.5Z","Image":"sha256:IMAGE",
    "Config":{"Image":"fedora:38","User":"me","Env":["A=b"],"Labels":{"app":"shop","long":"LONG"},
        "Healthcheck":{"Test":["CMD-SHELL","curl localhost"]}},
    "HostConfig":{"NetworkMode":"bridge","IpcMode":"private","PidMode":"host","Privileged":true,"CpusetCpus":"0-1"},
    "Mounts":[{"Source":"/s","Destination":"/d","Mode":"z","RW":true,"Propagation":"rprivate"}],
    "NetworkSettings":{"IPAddress":"","Networks":{"bridge":{"IPAddress":"172.17.0.2"}},
        "Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"53/udp":null}}}"#;

fn inspected() -> String {
    INSPECTED.replace("IMAGE", IMAGE).replace("LONG", &"l".repeat(101)).replace("\"ID\"", &format!("{ID:?}"))
}

fn docker(path: &str) -> Http {
    let container = format!("/containers/{ID}/json");
    if path == container {
        Http::Json(inspected())
    } else if path == format!("/images/sha256%3A{IMAGE}/json") {
        let digests = r#"["other@sha256:1","fedora@sha256:b9ff"]"#;
        Http::Json(format!(r#"{{"RepoDigests":{digests},"RepoTags":["other:1","fedora:38"]}}"#))
    } else if path == "/containers/json" {
        Http::Json("[]".to_owned())
    } else if path.starts_with("/events?") {
        Http::Never
    } else {
        Http::Status(404)
    }
}

#[test]
fn docker_tells_of_a_container() {
    let (_host, mut watch) = with_docker(WAIT, docker);
    watch.cgroup_made(5, &scope("docker"));
    assert!(watch.waits(5));
    let info = told(&mut watch);
    assert!(!watch.waits(5));
    assert_eq!(
        (info.kind, &info.name[..], &info.image[..]),
        (ContainerType::Docker, &b"web"[..], &b"fedora:38"[..])
    );
    assert_eq!((&info.image_repo[..], &info.image_tag[..]), (&b"fedora"[..], &b"38"[..]));
    assert_eq!((&info.image_digest[..], &info.image_id[..]), (&b"sha256:b9ff"[..], IMAGE.as_bytes()));
    assert_eq!((&info.user[..], &info.ip[..], info.privileged), (&b"me"[..], &b"172.17.0.2"[..], true));
    assert_eq!((info.host_pid, info.host_network, info.host_ipc), (true, false, false));
    assert_eq!((info.labels.len(), info.mounts.len(), info.created_time), (1, 1, 1_767_225_600));
    assert_eq!(
        (&info.id[..], &info.full_id[..], info.incomplete),
        (&ID.as_bytes()[..12], ID.as_bytes(), false)
    );
}

#[test]
fn podman_tells_of_a_container() {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("podman.sock");
    http(&socket, |path| match path.strip_prefix("/v4.0.0/libpod") {
        Some(path) if path == format!("/containers/{ID}/json") => Http::Json(
            inspected()
                .replacen('{', r#"{"ImageName":"localhost/box:1","ImageDigest":"sha256:d","#, 1)
                .replace("sha256:0ca", "0ca"),
        ),
        Some(path) if path.starts_with("/events") => Http::Never,
        _ => Http::Json("[]".to_owned()),
    });
    let mut watch = start(settings(host.path(), vec![EngineKind::Podman(socket)])).unwrap();
    watch.cgroup_made(5, &scope("libpod"));
    let info = told(&mut watch);
    assert_eq!((info.kind, &info.image[..]), (ContainerType::Podman, &b"localhost/box:1"[..]));
    assert_eq!((&info.image_repo[..], &info.image_tag[..]), (&b"localhost/box"[..], &b"1"[..]));
    assert_eq!((&info.image_digest[..], &info.image_id[..]), (&b"sha256:d"[..], IMAGE.as_bytes()));
}

#[test]
fn an_engine_tells_before_there_is_a_cgroup() {
    let (_host, mut watch) = with_docker(WAIT, |path| {
        if path.starts_with("/events?filters=%7B%22event%22%3A%5B%22create%22%2C%22start%22%5D") {
            Http::Stream(format!("{{\"status\":\"create\",\"Actor\":{{\"ID\":{ID:?}}}}}\n"))
        } else {
            docker(path)
        }
    });
    assert_eq!(&told(&mut watch).name[..], b"web");
    watch.cgroup_made(5, &scope("docker"));
    assert!(!watch.waits(5));
}

/// Docker answers nothing about a container that it is just starting.
#[test]
fn an_engine_that_is_busy_with_one_container_is_asked_for_others() {
    const OTHER: &str = "4ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let (_host, mut watch) = with_docker(Duration::from_millis(500), |path| {
        let create = format!(
            r#"{{"Actor":{{"ID":{OTHER:?},"Attributes":{{"image":"registry/box:2","name":"slow","app":"shop"}}}}}}"#
        );
        if path.starts_with("/events?") {
            Http::Stream(format!("{create}\n"))
        } else if path.contains(OTHER) {
            Http::Never
        } else {
            docker(path)
        }
    });
    // What it said when it made it, since it says no more in time.
    let info = told(&mut watch);
    assert_eq!(
        (&info.name[..], &info.image[..], info.incomplete),
        (&b"slow"[..], &b"registry/box:2"[..], true)
    );
    assert_eq!((&info.image_repo[..], &info.image_tag[..]), (&b"registry/box"[..], &b"2"[..]));
    assert_eq!((info.kind, info.labels.len()), (ContainerType::Docker, 1));
    while watch.counters().asked.slow_answers == 0 {
        // It answers others all the while.
        watch.cgroup_made(5, &scope("docker"));
        watch.cgroup_removed(5);
        std::thread::sleep(Duration::from_millis(100));
        watch.take_news();
        watch.take_gone(Instant::now() + Duration::from_secs(60));
    }
    watch.cgroup_made(6, &scope("docker"));
    assert_eq!(&told(&mut watch).name[..], b"web", "and is not left in peace");
    assert!(!watch.waits(6));
}

#[test]
fn a_container_that_is_gone_before_it_is_asked_for_has_the_name_that_was_announced() {
    let (_host, mut watch) = with_docker(WAIT, |path| {
        if path.starts_with("/events?") {
            Http::Stream(format!(
                "{{\"Actor\":{{\"ID\":{ID:?},\"Attributes\":{{\"image\":\"box\",\"name\":\"gone\"}}}}}}\n"
            ))
        } else if path.starts_with("/containers/3ad") {
            Http::Status(404)
        } else {
            docker(path)
        }
    });
    let began = Instant::now();
    let info = told(&mut watch);
    assert_eq!((&info.name[..], &info.image_repo[..], info.incomplete), (&b"gone"[..], &b"box"[..], true));
    assert!(began.elapsed() < Duration::from_secs(15), "the wait is 20 s");
}

#[test]
fn what_runs_already_is_listed() {
    let (_host, mut watch) = with_docker(WAIT, |path| {
        if path == "/containers/json" { Http::Json(format!(r#"[{{"Id":{ID:?}}}]"#)) } else { docker(path) }
    });
    assert_eq!(&told(&mut watch).name[..], b"web");
}

#[test]
fn a_container_that_its_engine_does_not_know_yet_is_asked_for_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let (_host, mut watch) = with_docker(WAIT, move |path| {
        if path.starts_with("/containers/3ad") && counter.fetch_add(1, Ordering::SeqCst) < 3 {
            Http::Status(404)
        } else {
            docker(path)
        }
    });
    watch.cgroup_made(5, &scope("docker"));
    assert_eq!(&told(&mut watch).name[..], b"web");
    assert!(asked.load(Ordering::SeqCst) >= 4);
}

#[test]
fn nobody_waits_where_nobody_can_be_asked() {
    let host = tempfile::tempdir().unwrap();
    let engines =
        vec![EngineKind::Docker(host.path().join("no.sock")), EngineKind::PodmanStore, EngineKind::Bundles];
    let mut watch = start(settings(host.path(), engines)).unwrap();
    let began = Instant::now();
    watch.cgroup_made(5, &scope("docker"));
    assert!(settled(&mut watch).is_empty());
    assert!(began.elapsed() < Duration::from_secs(15), "the wait is 20 s");
    assert_eq!(watch.counters().asked.unknown, 1);
}

/// Answers that are too large, malformed, of a broken engine or none at all cost the one container its metadata, and no more.
#[test]
fn hostile_engines_are_refused_and_counted() {
    let huge = || Http::Json(format!("{{\"Id\":\"{}", "x".repeat(9 << 20)));
    let answers: [(fn() -> Http, bool); 6] = [
        (huge, false),
        (|| Http::Json("{\"Id\":".to_owned()), false),
        (|| Http::Json("[".repeat(100_000)), false),
        (|| Http::Raw(b"SSH-2.0-x\r\n".to_vec()), false),
        (|| Http::Status(500), false),
        (|| Http::Never, true),
    ];
    std::thread::scope(|scope| {
        for (answer, slow) in answers {
            scope.spawn(move || {
                let (_host, mut watch) = with_docker(Duration::from_millis(300), move |path| {
                    if path.starts_with("/containers/3ad") { answer() } else { docker(path) }
                });
                watch.cgroup_made(5, &super::tests::scope("docker"));
                assert!(settled(&mut watch).is_empty());
                let until = Instant::now() + Duration::from_secs(30);
                let count = |watch: &Watch| {
                    let asked = watch.counters().asked;
                    if slow { asked.slow_answers } else { asked.bad_answers }
                };
                while count(&watch) == 0 {
                    assert!(Instant::now() < until, "{:?}", watch.counters());
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
}

#[test]
fn files_tell_a_part_when_the_runtime_does_not() {
    let host = tempfile::tempdir().unwrap();
    let socket = host.path().join("crio.sock");
    // Somebody listens and never answers.
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let bundle = host.path().join("run/containerd/io.containerd.runtime.v2.task/k8s.io").join(ID);
    std::fs::create_dir_all(&bundle).unwrap();
    let spec = r#"{"process":{"user":{"uid":0}},"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"network"}]},
        "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"web",
        "io.kubernetes.cri.image-name":"docker.io/library/box:1","io.kubernetes.cri.sandbox-name":"shop-1",
        "io.kubernetes.cri.sandbox-namespace":"sales","io.kubernetes.cri.sandbox-uid":"u","io.kubernetes.cri.sandbox-id":"s"}}"#;
    std::fs::write(bundle.join("config.json"), spec).unwrap();
    let engines = vec![EngineKind::Cri(socket), EngineKind::Bundles];
    let settings = Settings { wait: Duration::from_millis(200), ..settings(host.path(), engines) };
    let mut watch = start(settings).unwrap();
    watch.cgroup_made(5, &scope("cri-containerd"));
    let info = told(&mut watch);
    assert!(info.incomplete && info.privileged);
    assert_eq!((info.kind, &info.name[..]), (ContainerType::Containerd, &b"web"[..]));
    assert_eq!((&info.image_repo[..], &info.pod_sandbox_id[..]), (&b"docker.io/library/box"[..], &b"s"[..]));
    let label =
        |name: &str| info.labels.iter().find(|(key, _)| &**key == name.as_bytes()).unwrap().1.to_vec();
    assert_eq!(
        (label("io.kubernetes.pod.name"), label("io.kubernetes.pod.namespace")),
        (b"shop-1".to_vec(), b"sales".to_vec())
    );
}
