//! `erasure`: the receipt of an erasure, with each region's confirmation so far.

use umoja_schema::Scope;
use umoja_schema::api::{self, Receipt};

use crate::app::App;
use crate::caller::Caller;
use crate::handler::{Answer, Operation};
use crate::problem::Refusal;
use crate::receipt::receipt;

pub(crate) struct Erasure;

impl Operation for Erasure {
    const PATH: &'static str = "/v1/users/erasure";
    const SCOPE: Scope = Scope::Erase;
    const CHANGES: bool = false;
    type Body = api::Erasure;
    type Read = Receipt;

    async fn read(app: &App, _: &Caller, body: &api::Erasure) -> Result<Receipt, Refusal> {
        receipt(app, body.id).await
    }

    async fn run(_: &App, _: &Caller, _: api::Erasure, receipt: Receipt) -> Result<Answer, Refusal> {
        Answer::new(200, &api::Erased { receipt })
    }
}
