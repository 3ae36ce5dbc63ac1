//! Podman without a socket: the files in which it keeps its containers and images. Labels that were given to the container alone are in
//! its database only, and so unknown.

use std::collections::BTreeMap;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;

use super::info::{Info, repository_and_tag};
use super::settings::Settings;
use super::{EngineError, api, oci};
use crate::state::ContainerType;

/// Where containers are listed: those that last, and those that are removed when they end.
const CONTAINERS: [&str; 3] = [
    "run/containers/storage/overlay-containers/volatile-containers.json",
    "var/lib/containers/storage/overlay-containers/volatile-containers.json",
    "var/lib/containers/storage/overlay-containers/containers.json",
];
/// Where images are listed.
const IMAGES: &str = "var/lib/containers/storage/overlay-images/images.json";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    /// JSON once more.
    metadata: String,
    created: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: String,
    name: String,
    #[serde(rename = "pod-name")]
    pod_name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StoredImage {
    id: String,
    digest: String,
}

/// What Podman's files tell of a container.
///
/// # Errors
/// If a file is there and makes no sense.
pub(super) fn look_up(id: &str, settings: &Settings) -> Result<Option<Info>, EngineError> {
    let host = &settings.host;
    let mut found = None;
    for list in CONTAINERS {
        let stored: Vec<Stored> = list_of(&host.join(list))?;
        found = stored.into_iter().find(|one| !id.is_empty() && one.id == id);
        if found.is_some() {
            break;
        }
    }
    let Some(stored) = found else { return Ok(None) };
    let metadata: Metadata = serde_json::from_str(&stored.metadata).unwrap_or_default();
    // CRI-O keeps its containers in the same store, and says to which pod they belong.
    if !metadata.pod_name.is_empty() {
        return Ok(None);
    }
    // Podman writes the description after the entry: without it most is unknown, so it is asked for again.
    let Some(mut info) = oci::look_up(id, settings)? else { return Ok(None) };
    info.incomplete = false;
    info.kind = ContainerType::Podman as u16;
    let name = stored.names.iter().flatten().next().cloned();
    info.name = name.unwrap_or(metadata.name);
    info.created_time = api::seconds(&stored.created);
    info.image = metadata.image_name;
    info.image_id.clone_from(&stored.image);
    let (repository, tag) = repository_and_tag(&info.image);
    (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
    let images: Vec<StoredImage> = list_of(&host.join(IMAGES))?;
    if let Some(image) = images.into_iter().find(|image| image.id == stored.image) {
        info.image_digest = image.digest;
    }
    info.label(&image_labels(&stored.image, host), settings.label_max_len);
    Ok(Some(info))
}

fn list_of<T: for<'d> Deserialize<'d>>(path: &Path) -> Result<Vec<T>, EngineError> {
    match oci::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(Vec::new()),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(EngineError::malformed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(EngineError::malformed(error)),
    }
}

/// The labels of an image: in the file that is named by its digest, in base64.
fn image_labels(image: &str, host: &Path) -> BTreeMap<String, String> {
    if image.is_empty() || !image.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return BTreeMap::new();
    }
    let name = BASE64_STANDARD.encode(format!("sha256:{image}"));
    let path = host.join("var/lib/containers/storage/overlay-images").join(image).join(format!("={name}"));
    let config: serde_json::Value =
        oci::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let labels = config.pointer("/config/Labels").cloned().unwrap_or_default();
    serde_json::from_value(labels).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Config;

    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    #[test]
    fn podmans_files_tell_of_a_container() {
        let host = tempfile::tempdir().unwrap();
        let settings = Settings::of(&Config::default(), host.path()).unwrap().unwrap();
        assert_eq!(look_up(ID, &settings).unwrap(), None);
        let storage = host.path().join("var/lib/containers/storage");
        let volatile = host.path().join("run/containers/storage/overlay-containers");
        let image = "ab".repeat(32);
        fs::create_dir_all(&volatile).unwrap();
        fs::create_dir_all(storage.join("overlay-images").join(&image)).unwrap();
        let metadata = r#"{\"image-name\":\"localhost/box:1\",\"name\":\"web\"}"#;
        let entry = format!(
            r#"[{{"id":"{ID}","names":["web"],"image":"{image}","metadata":"{metadata}","created":"2026-01-01T00:00:00Z"}}]"#
        );
        fs::write(volatile.join("volatile-containers.json"), entry).unwrap();
        fs::write(
            storage.join("overlay-images/images.json"),
            format!(r#"[{{"id":"{image}","digest":"sha256:d"}}]"#),
        )
        .unwrap();
        let config = storage
            .join("overlay-images")
            .join(&image)
            .join(format!("={}", BASE64_STANDARD.encode(format!("sha256:{image}"))));
        fs::write(config, r#"{"config":{"Labels":{"maintainer":"me"}}}"#).unwrap();
        assert_eq!(look_up(ID, &settings).unwrap(), None, "it has not been described yet");
        let bundle = storage.join("overlay-containers").join(ID).join("userdata");
        fs::create_dir_all(&bundle).unwrap();
        let spec = r#"{"process":{"user":{"uid":7},"env":["A=b"]},"linux":{"namespaces":[{"type":"pid"}],"maskedPaths":["/proc/kcore"]},
            "mounts":[{"destination":"/d","type":"bind","source":"/s","options":["rbind","ro","rprivate"]}]}"#;
        fs::write(bundle.join("config.json"), spec).unwrap();
        let info = look_up(ID, &settings).unwrap().unwrap();
        assert_eq!(
            (info.name.as_str(), info.image.as_str(), info.image_tag.as_str()),
            ("web", "localhost/box:1", "1")
        );
        assert_eq!(
            (info.image_digest.as_str(), info.user.as_str(), info.created_time),
            ("sha256:d", "7", 1_767_225_600)
        );
        assert_eq!(
            (info.host_pid, info.host_network, info.privileged, info.incomplete),
            (false, true, false, false)
        );
        assert_eq!((info.mounts[0].rdwr, info.mounts[0].propagation.as_str()), (false, "rprivate"));
        assert_eq!(info.labels["maintainer"], "me");
        fs::write(bundle.join("config.json"), "[").unwrap();
        assert!(look_up(ID, &settings).is_err());
    }
}
