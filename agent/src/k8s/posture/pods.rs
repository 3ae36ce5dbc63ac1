//! The pods in a document: by itself, in a template, or in a list of other objects.

use super::tree::Tree;

/// A pod that an object describes.
#[derive(Debug)]
pub struct Pod<'t, T> {
    /// The kind of the object, e.g. `Deployment`.
    pub kind: &'t str,
    /// The object's namespace, if it names one.
    pub namespace: Option<&'t str>,
    /// The object's name.
    pub name: &'t str,
    /// What is under `spec` of the pod.
    pub spec: &'t T,
}

/// Where kinds keep the pod, from the object on. Objects of other kinds, such as those of operators, are looked through in the
/// same places.
const PLACES: &[&[&str]] = &[
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["spec", "template", "spec"],
    &["template", "spec"],
    &["spec"],
];

/// How deep lists of objects may be nested.
const MAX_DEPTH: usize = 4;

/// The pods that a document describes.
pub fn pods<T: Tree>(document: &T) -> Vec<Pod<'_, T>> {
    let mut found = Vec::new();
    collect(document, 0, &mut found);
    found
}

fn collect<'t, T: Tree>(object: &'t T, depth: usize, found: &mut Vec<Pod<'t, T>>) {
    let kind = object.get("kind").and_then(T::text).unwrap_or_default();
    if let Some(items) = object.get("items").filter(|_| kind.ends_with("List") && depth < MAX_DEPTH) {
        return items.each().for_each(|item| collect(item, depth + 1, found));
    }
    let text = |path: &[&str]| object.at(path).and_then(T::text);
    let spec =
        PLACES.iter().filter_map(|place| object.at(place)).find(|spec| spec.get("containers").is_some());
    if let Some(spec) = spec {
        let name = text(&["metadata", "name"]).or_else(|| text(&["metadata", "generateName"]));
        let namespace = text(&["metadata", "namespace"]);
        found.push(Pod { kind, namespace, name: name.unwrap_or("?"), spec });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::audit::Json;

    #[test]
    fn pods_are_found_in_every_kind() {
        let spec = r#""spec": {"containers": []}"#;
        let meta = r#""metadata": {"name": "n", "namespace": "s"}"#;
        let template = format!(r#""spec": {{"template": {{{spec}}}}}"#);
        for (kind, body) in [
            ("Pod", spec.to_owned()),
            ("Deployment", template.clone()),
            ("Rollout", template.clone()),
            ("CronJob", format!(r#""spec": {{"jobTemplate": {{{template}}}}}"#)),
            ("PodTemplate", format!(r#""template": {{{spec}}}"#)),
        ] {
            let object = format!(r#"{{"kind": "{kind}", {meta}, {body}}}"#);
            let list =
                format!(r#"{{"kind": "List", "items": [{object}, {{"kind": "ConfigMap"}}, 7, {object}]}}"#);
            for (document, count) in [(&object, 1), (&list, 2)] {
                let document: Json = serde_json::from_str(document).unwrap();
                let found = pods(&document);
                assert_eq!(found.len(), count, "{kind}");
                assert_eq!((found[0].kind, found[0].namespace, found[0].name), (kind, Some("s"), "n"));
            }
        }
    }
}
