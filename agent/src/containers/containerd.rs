//! containerd by its own interface: containers that Kubernetes did not start (`ctr`, `nerdctl`).

use std::path::PathBuf;

use prost::Message as _;

use super::grpc::{Remote, refused};
use super::info::{Info, repository_and_tag};
use super::messages::containerd::{
    AboutContainer, Container, Envelope, GetContainerResponse, GetImageResponse, GetRequest,
    ListContainersResponse, ListNamespacesResponse, ListRequest, SubscribeRequest,
};
use super::settings::{Hook, Settings};
use super::{EngineError, Found, oci};
use crate::state::ContainerType;

/// The namespace in which Docker keeps its containers: only Docker knows their names and images.
const DOCKER: &str = "moby";

/// A containerd.
#[derive(Clone, Debug)]
pub(super) struct Containerd {
    remote: Remote,
}

impl Containerd {
    /// Must be called in a runtime.
    pub(super) fn new(socket: PathBuf) -> Containerd {
        Containerd { remote: Remote::new(socket) }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    async fn namespaces(&self) -> Result<Vec<String>, EngineError> {
        let method = "/containerd.services.namespaces.v1.Namespaces/List";
        let told: Option<ListNamespacesResponse> = self.remote.call(method, None, ListRequest {}).await?;
        let names = told.unwrap_or_default().namespaces.into_iter().map(|namespace| namespace.name);
        Ok(names.filter(|name| name != DOCKER).collect())
    }

    /// What containerd knows of a container, in the namespace if one is named, else in all.
    pub(super) async fn inspect(
        &self,
        wanted: &Found,
        settings: &Settings,
    ) -> Result<Option<Info>, EngineError> {
        let method = "/containerd.services.containers.v1.Containers/Get";
        let mut namespaces: Vec<String> = wanted.namespace.iter().cloned().collect();
        if namespaces.is_empty() {
            namespaces = self.namespaces().await?;
        }
        for namespace in namespaces {
            let question = GetRequest { name: wanted.id.clone() };
            let told: Option<GetContainerResponse> =
                self.remote.call(method, Some(&namespace), question).await?;
            if let Some(container) = told.and_then(|told| told.container) {
                return self.info(&namespace, &container, settings).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn info(
        &self,
        namespace: &str,
        container: &Container,
        settings: &Settings,
    ) -> Result<Info, EngineError> {
        let mut info = Info::new(ContainerType::Containerd, &container.id);
        info.name.clone_from(container.labels.get("nerdctl/name").unwrap_or(&info.id));
        info.image.clone_from(&container.image);
        let (repository, tag) = repository_and_tag(&container.image);
        (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
        info.created_time = container.created_at.as_ref().map_or(0, |time| time.seconds);
        info.label(&container.labels, settings.label_max_len);
        info.is_pod_sandbox =
            container.labels.get("io.cri-containerd.kind").is_some_and(|kind| kind == "sandbox");
        info.pod_sandbox_id.clone_from(&container.sandbox);
        if let Some(spec) = &container.spec {
            let spec = oci::parse(&spec.value)?;
            spec.fill(&mut info);
            let sandbox = spec.annotations.as_ref().and_then(|all| all.get("io.kubernetes.cri.sandbox-id"));
            if let Some(sandbox) = sandbox.filter(|_| info.pod_sandbox_id.is_empty()) {
                info.pod_sandbox_id.clone_from(sandbox);
            }
        }
        if !container.image.is_empty() {
            let method = "/containerd.services.images.v1.Images/Get";
            let question = GetRequest { name: container.image.clone() };
            let told: Option<GetImageResponse> =
                self.remote.call(method, Some(namespace), question).await.unwrap_or_default();
            if let Some(target) = told.and_then(|told| told.image?.target) {
                info.image_digest = target.digest;
                info.size = if settings.with_size { target.size } else { -1 };
            }
        }
        Ok(info)
    }

    /// The containers that there are.
    pub(super) async fn list(&self) -> Result<Vec<Found>, EngineError> {
        let method = "/containerd.services.containers.v1.Containers/List";
        let mut found = Vec::new();
        for namespace in self.namespaces().await? {
            let told: Option<ListContainersResponse> =
                self.remote.call(method, Some(&namespace), ListRequest {}).await?;
            let ids = told.unwrap_or_default().containers.into_iter().map(|container| container.id);
            found.extend(ids.map(|id| Found { id, namespace: Some(namespace.clone()) }));
        }
        Ok(found)
    }

    /// Tells of containers that are made, until containerd ends it.
    pub(super) async fn watch(
        &self,
        settings: &Settings,
        mut found: impl FnMut(Found),
    ) -> Result<(), EngineError> {
        let topics = settings.hooks.iter().map(|hook| match hook {
            Hook::Create => r#"topic=="/containers/create""#.to_owned(),
            Hook::Start => r#"topic=="/tasks/start""#.to_owned(),
        });
        let method = "/containerd.services.events.v1.Events/Subscribe";
        let question = SubscribeRequest { filters: topics.collect() };
        let mut events = self.remote.stream::<_, Envelope>(method, question).await?;
        while let Some(event) = events.message().await.map_err(|status| refused(&status))? {
            let about = event.event.and_then(|event| AboutContainer::decode(&event.value[..]).ok());
            let Some(about) = about.filter(|about| !about.id.is_empty()) else { continue };
            if event.namespace != DOCKER {
                found(Found { id: about.id, namespace: Some(event.namespace) });
            }
        }
        Ok(())
    }
}
