//! What can go wrong at an API server, told apart by what can be done about it.

use super::super::EngineError;
use anyhow::anyhow;
use domain::status::Reason;
use kube::core::{Status, response::reason};

/// Why a call did not come about.
#[derive(Debug)]
pub enum Failure {
    /// The place does not answer; why, as a sentence. Nothing was asked of it.
    Down(String),
    /// It may work the next time; why, as a clause without a full stop.
    Retry(String),
    /// Only a person or another wish can help.
    Blocked(Reason),
    /// Fields that somebody else manages would have to change: manager and field, as in `kubectl-edit` and `.spec.instances`.
    Owned(Vec<(String, String)>),
    /// What the call was based on is old.
    Stale(String),
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Down(why) => Self::Retry(anyhow!("{}", why.trim_end_matches('.').to_owned())),
            Failure::Retry(why) | Failure::Stale(why) => Self::Retry(anyhow!("{why}")),
            Failure::Blocked(reason) => Self::Blocked(reason),
            Failure::Owned(fields) => Self::Blocked(owned(&fields)),
        }
    }
}

/// A refusal to change what others manage, and what can be done.
fn owned(fields: &[(String, String)]) -> Reason {
    let list: Vec<_> = fields.iter().map(|(manager, field)| format!("{field} is managed by {manager}")).collect();
    let how = "Undo that change there, make the same change here, or take over: then the portal's values replace theirs, once, for exactly these fields.";
    Reason::new("ManagedByOthers", format!("Somebody else changed what the portal sets: {}. {how}", list.join("; ")))
}

/// Tells failures apart. `what` is what was tried, as in `applying Cluster orders`.
pub fn told(what: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => answered(what, status),
        kube::Error::SerdeError(error) => Failure::Retry(format!("{what}: the answer was not understood ({error})")),
        // The path is served by nobody, or by somebody who does not speak the protocol yet.
        other => Failure::Retry(format!("{what}: {}", chain(other))),
    }
}

/// Whether the API server takes the caller for nobody.
pub fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 401)
}

/// Whether the path itself is unknown: the kind is not served, or not yet.
pub fn is_unserved(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 && status.details.as_ref().is_none_or(|details| details.name.is_empty()))
}

/// Whether the API server itself could not be reached.
pub fn is_silence(error: &kube::Error) -> bool {
    matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_))
}

fn answered(what: &str, status: &Status) -> Failure {
    let message = status.message.trim_end_matches('.');
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let fields: Vec<_> =
        causes.iter().filter(|cause| cause.reason == "FieldManagerConflict").map(|cause| (manager(&cause.message), cause.field.clone())).collect();
    if !fields.is_empty() {
        return Failure::Owned(fields);
    }
    let blocked = |code: &str, message: String| Failure::Blocked(Reason::new(code, message));
    match (status.code, status.reason.as_str()) {
        (409, _) => Failure::Stale(format!("{what}: {message}")),
        (403, _) if message.contains("exceeded quota") => {
            blocked("QuotaExceeded", format!("The namespace's quota does not allow it: {message}. Ask for less, or have the quota raised."))
        }
        // Whoever counts has not counted yet.
        (403, _) if message.contains("status unknown for quota") => {
            Failure::Retry(format!("{what}: the namespace's quota is not counted yet; does the controller manager of Kubernetes run? ({message})"))
        }
        (403, _) if message.contains("being terminated") => Failure::Retry(format!("{what}: {message}")),
        (403, _) => {
            blocked("Forbidden", format!("The portal may not do this: {message}. Give its service account the rights that the page of the place lists."))
        }
        (401, _) => Failure::Retry(format!("{what}: the API server refuses the portal's credentials ({message}). Renew the kubeconfig or the service account")),
        (404, reason::NOT_FOUND) if status.details.as_ref().is_some_and(|d| d.kind == "namespaces") => {
            blocked("NamespaceMissing", format!("{message}. Create it, or let the portal create namespaces."))
        }
        (404, _) if status.details.as_ref().is_none_or(|details| details.name.is_empty()) => {
            Failure::Retry(format!("{what}: the API server does not serve that kind (404); is the operator still installed there, with its CRDs?"))
        }
        // Another object has that name by now.
        (422, _) if causes.iter().any(|cause| cause.field == "metadata.uid") => Failure::Stale(format!("{what}: {message}")),
        (422 | 400, _) => blocked("Refused", format!("Kubernetes refuses this: {message}.")),
        // An unknown field or a wrong type in an apply: trying again cannot help.
        (500, _) if message.contains("failed to create typed patch object") => {
            blocked("Refused", format!("This version of the operator does not know what is asked for: {message}."))
        }
        (500, _) if message.contains("failed calling webhook") => {
            Failure::Retry(format!("{what}: the operator's webhook does not answer; is the operator running? ({message})"))
        }
        _ => Failure::Retry(format!("{what}: {message} ({})", status.code)),
    }
}

/// From `conflict with "kubectl-edit" using v1` to `kubectl-edit`.
fn manager(message: &str) -> String {
    message.split('"').nth(1).unwrap_or("somebody else").to_owned()
}

/// An error with its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

/// Whether this answer proves that the named object is not there: a proxy, a starting server or a missing kind answer 404 as well.
pub fn proves_absence(error: &kube::Error, name: &str) -> bool {
    match error {
        kube::Error::Api(status) => {
            status.code == 404 && status.reason == reason::NOT_FOUND && status.details.as_ref().is_some_and(|details| details.name == name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::{StatusCause, StatusDetails};

    fn status(code: u16, reason: &str, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, reason).with_code(code).boxed())
    }

    #[test]
    fn a_conflict_names_manager_and_field() {
        let cause = StatusCause {
            reason: "FieldManagerConflict".into(),
            message: "conflict with \"kubectl-edit\" using postgresql.cnpg.io/v1".into(),
            field: ".spec.instances".into(),
        };
        let details = StatusDetails {
            name: "orders".into(),
            group: String::new(),
            kind: "clusters".into(),
            uid: String::new(),
            causes: vec![cause],
            retry_after_seconds: 0,
        };
        let error = kube::Error::Api(Status::failure("Apply failed with 1 conflict", "Conflict").with_code(409).with_details(details).boxed());
        let Failure::Owned(fields) = told("applying", &error) else { panic!("{error:?}") };
        assert_eq!(fields, [("kubectl-edit".into(), ".spec.instances".into())]);
        assert!(owned(&fields).message.contains(".spec.instances is managed by kubectl-edit"));
    }

    #[test]
    fn only_an_answer_about_the_object_proves_that_it_is_gone() {
        let details = |name: &str| StatusDetails {
            name: name.into(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: vec![],
            retry_after_seconds: 0,
        };
        let gone = |name: &str| kube::Error::Api(Status::failure("", reason::NOT_FOUND).with_code(404).with_details(details(name)).boxed());
        assert!(proves_absence(&gone("orders"), "orders"));
        assert!(!proves_absence(&gone(""), "orders"));
        assert!(!proves_absence(&status(404, "", "404 page not found"), "orders"));
        assert!(!proves_absence(&status(429, "TooManyRequests", "storage is (re)initializing"), "orders"));
    }

    #[test]
    fn what_cannot_be_mended_by_trying_again_blocks() {
        assert!(matches!(told("", &status(422, "Invalid", "spec.instances: too many")), Failure::Blocked(_)));
        assert!(matches!(told("", &status(500, "", "failed to create typed patch object: .spec.foo: field not declared")), Failure::Blocked(_)));
        assert!(matches!(told("", &status(403, "Forbidden", "exceeded quota: small")), Failure::Blocked(reason) if reason.code == "QuotaExceeded"));
        assert!(matches!(told("", &status(429, "TooManyRequests", "storage is (re)initializing")), Failure::Retry(_)));
        assert!(matches!(told("", &status(503, "ServiceUnavailable", "")), Failure::Retry(_)));
        assert!(matches!(told("", &status(409, "Conflict", "the object has been modified")), Failure::Stale(_)));
    }
}
