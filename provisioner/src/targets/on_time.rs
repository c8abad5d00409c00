//! What requests need of the deliveries of their region.

use async_trait::async_trait;
use umoja_accounts::provisioning::{Params, Provisions};
use umoja_accounts::{Error, People};
use umoja_schema::api::Planned;
use umoja_schema::{Target, UserId};
use umoja_store::ports::StoreError;

use crate::targets::deliver::{current, current_with};
use crate::targets::failure::Code;
use crate::targets::known::KnownTarget;
use crate::targets::plan::{Action, Compared, Wanted, action};
use crate::targets::{rows, waiting};

/// The deliveries of a region: a ring is a row of the table `due`, and wakes who delivers.
pub struct OnTime {
    people: People,
}

impl OnTime {
    /// The deliveries of a region.
    pub const fn new(people: People) -> Self {
        Self { people }
    }
}

#[async_trait]
impl Provisions for OnTime {
    async fn ring(&self, target: &Target, user: UserId) -> Result<(), StoreError> {
        let home = &self.people.home;
        if target.home != home.own.name {
            return Ok(());
        }
        waiting::ring(&*home.due, &target.id, user, false, home.clock.now()).await?;
        home.wake(&waiting::name(&target.id)).await;
        Ok(())
    }

    async fn plan(&self, target: &Target, user: UserId, params: Option<&Params>) -> Result<Planned, Error> {
        let planned = |action: Action, code: Option<Code>| Planned {
            target: target.id.clone(),
            action: action.as_str().to_owned(),
            code: code.map(|code| code.as_str().to_owned()),
            detail: code.map(|code| code.words().to_owned()),
        };
        let Ok(known) = KnownTarget::open(target.clone(), &self.people.secrets) else {
            return Ok(planned(Action::Nothing, Some(Code::CannotBeCalled)));
        };
        let row = rows::read(&self.people, user, &target.id).await?.row;
        let now = match params {
            Some(_) => current_with(&self.people, &known, user, params).await?,
            None => current(&self.people, &known, user).await?,
        };
        let compared = Compared {
            digest: now.digest.as_ref().map(<[u8; 32]>::as_slice),
            rule: target.deprovisioning,
            epoch: target.epoch,
            again: false,
        };
        let next = action(&now.wanted, &row, compared);
        let code = match next {
            _ if now.wanted == Wanted::Unmappable => Some(Code::Unmappable),
            Action::Stays => row.code.as_deref().and_then(Code::from_name),
            _ => None,
        };
        Ok(planned(next, code))
    }
}
