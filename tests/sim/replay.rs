//! Runs from a file instead of from seeds.

use std::io::Read as _;
use std::path::Path;

use umoja_tests::sim::Runner;
use umoja_tests::sim::regressions::{self, Kept};

use crate::options::{Options, Store};
use crate::report;

/// True if no run fails: of the given file, or otherwise of the regressions.
pub(crate) fn hold(options: &Options) -> Result<bool, String> {
    match &options.replay {
        None => Ok(all(options, &regressions::all()?)),
        Some(path) => {
            let kept = regressions::read(&text_of(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
            let held = all(options, &kept);
            if held {
                println!("{} runs, all held", kept.len());
            }
            Ok(held)
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

/// Each run uses both adapters unless one was chosen.
fn all(options: &Options, kept: &[Kept]) -> bool {
    let stores = [Store::Local, Store::Dynamodb].into_iter();
    let stores: Vec<Store> = stores.filter(|store| options.store.is_none_or(|wanted| wanted == *store)).collect();
    let mut held = true;
    for store in stores {
        let runner = Runner::new(store.tables(), None);
        for kept in kept {
            if let Err(failure) = runner.run(&kept.plan) {
                held = false;
                report::failure(options, &kept.what, &kept.plan, store, &failure);
            }
        }
    }
    held
}
