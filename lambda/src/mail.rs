//! What sends mail in the functions that people or companies ask for a code.

use std::sync::Arc;

use umoja_aws::SesMailer;
use umoja_host::SystemClock;
use umoja_store::ports::Mailer;

use crate::environment::Environment;

/// Mail by SES of the function's region, if the environment has an address from which it comes.
pub(crate) fn mailer(environment: &Environment) -> Option<Arc<dyn Mailer>> {
    let from = environment.mail_from.as_ref()?;
    Some(Arc::new(SesMailer::new(environment.region.clone(), from, Arc::new(SystemClock))))
}
