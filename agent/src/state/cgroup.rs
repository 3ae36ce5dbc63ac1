//! Which container a cgroup is of, told from its path: every runtime has its own way to name the cgroups of its containers.

use super::ContainerType;

/// How many characters of a container's id are shown.
const SHORT_ID: usize = 12;
/// How many characters a full id has.
const FULL_ID: usize = 64;

/// Who may be asked about a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Runtime {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// A runtime of Kubernetes: containerd or CRI-O.
    Kubernetes,
    /// containerd.
    Containerd,
    /// The path does not say.
    #[default]
    Any,
}

/// The container that a cgroup's path tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CgroupContainer<'p> {
    /// Its id, as whole as the path has it.
    pub id: &'p [u8],
    /// What it is, for those of which nobody can be asked; else unknown.
    pub kind: ContainerType,
    /// Who may be asked; `None` if there is nobody.
    pub runtime: Option<Runtime>,
    /// containerd's namespace, where the path has it.
    pub namespace: Option<&'p [u8]>,
    /// It is a container without doubt: the id is one that only runtimes make.
    pub certain: bool,
}

/// Where an id of 64 hexadecimal digits stands: after which text and before which.
const LAYOUTS: [(&[u8], &[u8], Runtime); 9] = [
    (b"/libpod-", b".scope", Runtime::Podman),
    (b"/libpod-", b".scope/container", Runtime::Podman),
    (b"/libpod-", b"", Runtime::Podman),
    (b"/", b"", Runtime::Any),
    (b"/docker-", b".scope", Runtime::Docker),
    (b"/crio-", b"", Runtime::Kubernetes),
    (b"/cri-containerd-", b".scope", Runtime::Kubernetes),
    (b"/crio-", b".scope", Runtime::Kubernetes),
    (b":cri-containerd:", b"", Runtime::Kubernetes),
];

/// How a part of a path that is a container's begins and ends, around its id: for cgroups that a container makes below its own.
const PARTS: [(&[u8], &[u8], Runtime); 9] = [
    (b"libpod-", b".scope", Runtime::Podman),
    (b"libpod-", b"", Runtime::Podman),
    (b"docker-", b".scope", Runtime::Docker),
    (b"cri-containerd-", b".scope", Runtime::Kubernetes),
    (b"crio-", b".scope", Runtime::Kubernetes),
    (b"crio-", b"", Runtime::Kubernetes),
    (b"nerdctl-", b".scope", Runtime::Kubernetes),
    (b"", b".scope", Runtime::Any),
    (b"", b"", Runtime::Any),
];

impl<'p> CgroupContainer<'p> {
    /// From the path of a cgroup.
    pub fn of_path(path: &'p [u8]) -> Option<Self> {
        if path.len() <= 1 {
            return None;
        }
        let asked = |id, runtime| CgroupContainer {
            id,
            kind: ContainerType::Unknown,
            runtime: Some(runtime),
            namespace: None,
            certain: true,
        };
        let whole = LAYOUTS.iter().find_map(|(prefix, suffix, runtime)| {
            let (start, end) = bounds(path, prefix, suffix)?;
            is_full_id(path, start, end).then(|| asked(&path[start..start + FULL_ID], *runtime))
        });
        let found = whole.or_else(|| {
            // The innermost: a container in a container.
            path.rsplit(|byte| *byte == b'/').find_map(|part| {
                PARTS.iter().find_map(|(prefix, suffix, runtime)| {
                    let id = part.strip_prefix(*prefix)?.strip_suffix(*suffix)?;
                    let hex = id.len() == FULL_ID && id.iter().all(u8::is_ascii_hexdigit);
                    hex.then(|| asked(id, *runtime))
                })
            })
        });
        let found = found.map(|found| found.named_by_parents(path));
        let found = found.or_else(|| containerd_id(path));
        let alone = |id, kind| CgroupContainer { id, kind, runtime: None, namespace: None, certain: true };
        let found = found.or_else(|| Some(alone(lxc_id(path)?, ContainerType::Lxc)));
        let found = found.or_else(|| Some(alone(libvirt_id(path)?, ContainerType::LibvirtLxc)));
        let found = found.or_else(|| Some(alone(bpm_id(path)?, ContainerType::Bpm)));
        found.filter(|found| !found.id.is_empty())
    }

    /// An id that stands alone may have a parent that says whose it is.
    fn named_by_parents(mut self, path: &[u8]) -> Self {
        if self.runtime == Some(Runtime::Any) {
            let within = |text: &[u8]| memchr::memmem::find(path, text).is_some();
            self.runtime = Some(match () {
                () if within(b"/kubepods") => Runtime::Kubernetes,
                () if within(b"/docker/") => Runtime::Docker,
                () => Runtime::Any,
            });
        }
        self
    }

    /// The id as `container.id` shows it.
    pub fn short_id(&self) -> &'p [u8] {
        match self.runtime {
            Some(_) => &self.id[..self.id.len().min(SHORT_ID)],
            None => self.id,
        }
    }
}

/// Between the last `prefix` and the last `suffix`.
fn bounds(path: &[u8], prefix: &[u8], suffix: &[u8]) -> Option<(usize, usize)> {
    let start = memchr::memmem::rfind(path, prefix)? + prefix.len();
    let end = if suffix.is_empty() { path.len() } else { memchr::memmem::rfind(path, suffix)? };
    (start <= end).then_some((start, end))
}

fn is_full_id(path: &[u8], start: usize, end: usize) -> bool {
    let odd = path[start..].iter().position(|byte| !byte.is_ascii_hexdigit());
    end - start == FULL_ID && odd.is_none_or(|at| start + at >= FULL_ID)
}

/// What the names of systemd's units end in that have cgroups.
const UNITS: [&[u8]; 6] = [b".mount", b".scope", b".service", b".slice", b".socket", b".swap"];

/// `/NAMESPACE/ID`, of containers that ctr started. Ids are free text here, so what systemd makes is left out, and what its units
/// make below their own cgroups (`systemd-udevd.service/udev`).
fn containerd_id(path: &[u8]) -> Option<CgroupContainer<'_>> {
    let mut slashes = memchr::memchr_iter(b'/', path);
    let mut open = slashes.next()?;
    let (namespace, name) = slashes.find_map(|close| {
        let (start, name) = (open, &path[open + 1..close]);
        open = close;
        let words = || name.split(|byte| b"._-".contains(byte));
        let valid = words().all(|word| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric));
        valid.then(|| (&path[start..=close], name))
    })?;
    let (start, end) = bounds(path, namespace, b"")?;
    let found = |length: usize, certain| CgroupContainer {
        id: &path[start..start + length],
        kind: ContainerType::Unknown,
        runtime: Some(Runtime::Containerd),
        namespace: Some(name),
        certain,
    };
    if is_full_id(path, start, end) {
        return Some(found(FULL_ID, true));
    }
    let systemd = path.split(|byte| *byte == b'/').any(|name| UNITS.iter().any(|unit| name.ends_with(unit)));
    let length = end - start;
    (length != 0 && length <= FULL_ID && !systemd).then(|| found(length, false))
}

fn lxc_id(path: &[u8]) -> Option<&[u8]> {
    [&b"/lxc/"[..], b"/lxc.payload/", b"/lxc.payload."].iter().find_map(|prefix| {
        let rest = &path[memchr::memmem::find(path, prefix)? + prefix.len()..];
        Some(memchr::memchr(b'/', rest).map_or(rest, |end| &rest[..end]))
    })
}

fn libvirt_id(path: &[u8]) -> Option<&[u8]> {
    if let Some(body) = path.strip_suffix(b".libvirt-lxc")
        && let Some(slash) = memchr::memrchr(b'/', body)
    {
        return Some(&body[slash + 1..]);
    }
    let marker = br"-lxc\x2";
    if let Some(at) = memchr::memmem::find(path, marker) {
        let nested = memchr::memmem::find(path, b".scope/libvirt").is_some();
        let suffix = if nested { &b".scope/libvirt"[..] } else { b".scope" };
        // One more character, the `d` of `\x2d`, stands before the id.
        if let Some(id) = path.strip_suffix(suffix).and_then(|body| body.get(at + marker.len() + 1..)) {
            return Some(id);
        }
    }
    let prefix = b"/libvirt/lxc/";
    Some(&path[memchr::memmem::find(path, prefix)? + prefix.len()..])
}

fn bpm_id(path: &[u8]) -> Option<&[u8]> {
    let rest = &path[memchr::memmem::find(path, b"bpm-")? + 4..];
    let id = memchr::memmem::find(rest, b".scope").map_or(rest, |end| &rest[..end]);
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    id.iter().all(valid).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    fn id(path: &str) -> Option<&str> {
        CgroupContainer::of_path(path.as_bytes()).map(|found| std::str::from_utf8(found.short_id()).unwrap())
    }

    #[test]
    fn ids_of_runtimes() {
        for layout in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/kubepods/besteffort/pod1/ID",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope",
            "/kubepods/burstable/pod1/crio-ID",
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
        ] {
            assert_eq!(id(&layout.replace("ID", HEX)), Some("3ad7b26ded6d"), "{layout}");
        }
        assert_eq!(id("/default/my_container"), Some("my_container"));
        assert_eq!(id("/default/my_long_container"), Some("my_long_cont"));
        assert_eq!(id("/lxc/box/init"), Some("box/init"));
        assert_eq!(id("/lxc.payload.box"), Some("box"));
        assert_eq!(id("/machine/box.libvirt-lxc"), Some("box.libvirt-"));
        assert_eq!(id(r"/machine.slice/machine-lxc\x2d229\x2dc.scope"), Some(r"229\x2dc"));
        assert_eq!(id("/system.slice/bpm-job.scope"), Some("job"));
    }

    #[test]
    fn the_host_has_no_id() {
        for path in [
            "/",
            "/user.slice/user-1000.slice/session-1.scope",
            "/system.slice/cron.service",
            "/init.scope",
            "/system.slice/systemd-udevd.service/udev",
            "/system.slice/boot.mount",
            "/system.slice/dbus.socket",
            "/user.slice/user-1000.slice/user@1000.service/a/b",
        ] {
            assert_eq!(id(path), None, "{path}");
        }
    }

    /// Drivers `systemd` and `cgroupfs`, both versions of cgroups, and containers that make cgroups of their own.
    #[test]
    fn who_is_to_be_asked() {
        use Runtime::*;
        let other = HEX.replace('3', "4");
        for (path, runtime) in [
            ("/system.slice/docker-ID.scope", Docker),
            ("/docker/ID", Docker),
            ("/system.slice/docker-ID.scope/init.scope", Docker),
            ("/docker/ID/system.slice/cron.service", Docker),
            ("/machine.slice/libpod-ID.scope", Podman),
            ("/machine.slice/libpod-ID.scope/container", Podman),
            ("/machine.slice/libpod-ID.scope/container/system.slice/dbus.service", Podman),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", Podman),
            ("/libpod_parent/libpod-ID", Podman),
            ("/libpod_parent/libpod-ID/container", Podman),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
                Kubernetes,
            ),
            ("/kubepods/besteffort/pod1/ID", Kubernetes),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", Kubernetes),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope/container", Kubernetes),
            ("/kubepods/burstable/pod1/crio-ID", Kubernetes),
            ("/../../kubepods.slice/cri-containerd-ID.scope", Kubernetes),
            ("/system.slice/docker-OTHER.scope/kubelet/kubepods/pod1/ID", Kubernetes),
            (
                "/system.slice/docker-OTHER.scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-ID.scope",
                Kubernetes,
            ),
            ("/default/ID", Any),
            ("/system.slice/nerdctl-ID.scope", Kubernetes),
            ("/ID", Any),
        ] {
            let path = path.replace("ID", HEX).replace("OTHER", &other);
            let found = CgroupContainer::of_path(path.as_bytes()).unwrap();
            assert_eq!((found.id, found.runtime), (HEX.as_bytes(), Some(runtime)), "{path}");
            assert!(found.certain, "{path}");
        }
        let named = CgroupContainer::of_path(b"/k8s.io/box").unwrap();
        assert_eq!((named.id, named.namespace, named.certain), (&b"box"[..], Some(&b"k8s.io"[..]), false));
        assert_eq!(CgroupContainer::of_path(b"/lxc.payload.box").unwrap().runtime, None);
    }

    /// What watches over a container is not in it.
    #[test]
    fn monitors_are_on_the_host() {
        for path in ["/machine.slice/libpod-conmon-ID.scope", "/kubepods.slice/crio-conmon-ID.scope"] {
            assert_eq!(id(&path.replace("ID", HEX)), None, "{path}");
        }
    }
}
