//! An HTTP connector that passes the SDK's requests to an engine in the same process, and counts them. So the adapters'
//! real expressions and transactions run without a socket.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// Answers requests of the AWS JSON protocol.
pub trait Engine: Send + Sync {
    /// Answers one request. `operation` is a name such as `PutItem`, `body` its JSON.
    fn answer(&self, operation: &str, body: &[u8]) -> Answer;
}

impl<F: Fn(&str, &[u8]) -> Answer + Send + Sync> Engine for F {
    fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        self(operation, body)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Vec<u8>,
}

/// The number of calls for each operation.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<String, u64>>);

impl Calls {
    /// All called operations, such as `PutItem`, with the number of calls.
    pub fn all(&self) -> BTreeMap<String, u64> {
        self.counts().clone()
    }

    /// The number of calls of one operation.
    pub fn of(&self, operation: &str) -> u64 {
        self.counts().get(operation).copied().unwrap_or_default()
    }

    /// Resets the counters.
    pub fn reset(&self) {
        self.counts().clear();
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connector for [`Session::in_process`](crate::Session::in_process).
#[derive(Clone)]
pub struct InProcess {
    engine: Arc<dyn Engine>,
    calls: Arc<Calls>,
}

impl InProcess {
    /// A connector to an engine.
    pub fn new(engine: impl Engine + 'static) -> Self {
        Self { engine: Arc::new(engine), calls: Arc::default() }
    }

    /// The calls that were made through this connector.
    pub fn calls(&self) -> &Arc<Calls> {
        &self.calls
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        *self.calls.counts().entry(operation.to_owned()).or_default() += 1;
        let answer = self.engine.answer(operation, request.body().bytes().unwrap_or_default());
        let status = StatusCode::try_from(answer.status).map_err(|e| ConnectorError::other(e.into(), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess(..)")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
