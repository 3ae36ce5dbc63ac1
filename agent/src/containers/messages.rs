//! The messages of the runtimes' gRPC interfaces, as far as they are read: `runtime.v1` (CRI) and containerd's services.
//! The numbers are those of the published definitions; what is not named here is skipped.

use std::collections::HashMap;

use prost::Message;

type Texts = HashMap<String, String>;

/// Asks which version a runtime is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Version {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListContainersRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) filter: Option<ContainerFilter>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerFilter {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListContainersResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<ListedContainer>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListedContainer {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatusRequest {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(bool, tag = "2")]
    pub(super) verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
    #[prost(map = "string, string", tag = "2")]
    pub(super) info: Texts,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    /// Nanoseconds since the epoch.
    #[prost(int64, tag = "4")]
    pub(super) created_at: i64,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<ImageSpec>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(map = "string, string", tag = "12")]
    pub(super) labels: Texts,
    #[prost(map = "string, string", tag = "13")]
    pub(super) annotations: Texts,
    #[prost(message, repeated, tag = "14")]
    pub(super) mounts: Vec<CriMount>,
    #[prost(message, optional, tag = "16")]
    pub(super) resources: Option<ContainerResources>,
    #[prost(string, tag = "17")]
    pub(super) image_id: String,
    #[prost(message, optional, tag = "18")]
    pub(super) user: Option<ContainerUser>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ImageSpec {
    #[prost(string, tag = "1")]
    pub(super) image: String,
    #[prost(string, tag = "18")]
    pub(super) user_specified_image: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CriMount {
    #[prost(string, tag = "1")]
    pub(super) container_path: String,
    #[prost(string, tag = "2")]
    pub(super) host_path: String,
    #[prost(bool, tag = "3")]
    pub(super) readonly: bool,
    /// 0 private, 1 from the host, 2 both ways.
    #[prost(int32, tag = "5")]
    pub(super) propagation: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerResources {
    #[prost(message, optional, tag = "1")]
    pub(super) linux: Option<LinuxResources>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxResources {
    #[prost(int64, tag = "1")]
    pub(super) cpu_period: i64,
    #[prost(int64, tag = "2")]
    pub(super) cpu_quota: i64,
    #[prost(int64, tag = "3")]
    pub(super) cpu_shares: i64,
    #[prost(int64, tag = "4")]
    pub(super) memory_limit: i64,
    #[prost(string, tag = "6")]
    pub(super) cpuset_cpus: String,
    #[prost(int64, tag = "10")]
    pub(super) memory_swap_limit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerUser {
    #[prost(message, optional, tag = "1")]
    pub(super) linux: Option<LinuxUser>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxUser {
    #[prost(int64, tag = "1")]
    pub(super) uid: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxStatusRequest {
    #[prost(string, tag = "1")]
    pub(super) pod_sandbox_id: String,
    #[prost(bool, tag = "2")]
    pub(super) verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<PodSandboxStatus>,
    #[prost(map = "string, string", tag = "2")]
    pub(super) info: Texts,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<PodSandboxMetadata>,
    #[prost(int64, tag = "4")]
    pub(super) created_at: i64,
    #[prost(message, optional, tag = "5")]
    pub(super) network: Option<PodNetwork>,
    #[prost(message, optional, tag = "6")]
    pub(super) linux: Option<LinuxPodStatus>,
    #[prost(map = "string, string", tag = "7")]
    pub(super) labels: Texts,
    #[prost(map = "string, string", tag = "8")]
    pub(super) annotations: Texts,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodNetwork {
    #[prost(string, tag = "1")]
    pub(super) ip: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LinuxPodStatus {
    #[prost(message, optional, tag = "1")]
    pub(super) namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Namespaces {
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<NamespaceOptions>,
}

/// 0 the pod's, 1 the container's, 2 the host's, 3 another container's.
#[derive(Clone, PartialEq, Message)]
pub(super) struct NamespaceOptions {
    #[prost(int32, tag = "1")]
    pub(super) network: i32,
    #[prost(int32, tag = "2")]
    pub(super) pid: i32,
    #[prost(int32, tag = "3")]
    pub(super) ipc: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListPodSandboxRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListPodSandboxResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<ListedSandbox>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListedSandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GetEventsRequest {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerEvent {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    /// 0 created, 1 started, 2 stopped, 3 deleted.
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatsRequest {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatsResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) stats: Option<ContainerStats>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStats {
    #[prost(message, optional, tag = "4")]
    pub(super) writable_layer: Option<FilesystemUsage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FilesystemUsage {
    #[prost(message, optional, tag = "3")]
    pub(super) used_bytes: Option<UInt64Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct UInt64Value {
    #[prost(uint64, tag = "1")]
    pub(super) value: u64,
}

/// containerd's own: containers, images, namespaces and events.
pub(super) mod containerd {
    use super::{Message, Texts};

    /// Asks for a container by id, or an image by name.
    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct GetRequest {
        #[prost(string, tag = "1")]
        pub(in super::super) name: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct GetContainerResponse {
        #[prost(message, optional, tag = "1")]
        pub(in super::super) container: Option<Container>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Container {
        #[prost(string, tag = "1")]
        pub(in super::super) id: String,
        #[prost(map = "string, string", tag = "2")]
        pub(in super::super) labels: Texts,
        #[prost(string, tag = "3")]
        pub(in super::super) image: String,
        #[prost(message, optional, tag = "5")]
        pub(in super::super) spec: Option<Any>,
        #[prost(message, optional, tag = "8")]
        pub(in super::super) created_at: Option<Time>,
        #[prost(string, tag = "11")]
        pub(in super::super) sandbox: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Any {
        #[prost(string, tag = "1")]
        pub(in super::super) type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(in super::super) value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Time {
        #[prost(int64, tag = "1")]
        pub(in super::super) seconds: i64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct ListRequest {}

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct ListContainersResponse {
        #[prost(message, repeated, tag = "1")]
        pub(in super::super) containers: Vec<Container>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct ListNamespacesResponse {
        #[prost(message, repeated, tag = "1")]
        pub(in super::super) namespaces: Vec<Namespace>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Namespace {
        #[prost(string, tag = "1")]
        pub(in super::super) name: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct GetImageResponse {
        #[prost(message, optional, tag = "1")]
        pub(in super::super) image: Option<Image>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Image {
        #[prost(message, optional, tag = "3")]
        pub(in super::super) target: Option<Descriptor>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Descriptor {
        #[prost(string, tag = "2")]
        pub(in super::super) digest: String,
        #[prost(int64, tag = "3")]
        pub(in super::super) size: i64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct SubscribeRequest {
        #[prost(string, repeated, tag = "1")]
        pub(in super::super) filters: Vec<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct Envelope {
        #[prost(string, tag = "2")]
        pub(in super::super) namespace: String,
        #[prost(string, tag = "3")]
        pub(in super::super) topic: String,
        #[prost(message, optional, tag = "4")]
        pub(in super::super) event: Option<Any>,
    }

    /// `ContainerCreate` and `TaskStart` both begin with the container's id.
    #[derive(Clone, PartialEq, Message)]
    pub(in super::super) struct AboutContainer {
        #[prost(string, tag = "1")]
        pub(in super::super) id: String,
    }
}
