//! The exhaustive searches of the rules.

use serde_json::json;
use umoja_tests::exhaustive::{DEEPER, FULL};

use crate::options::{Depth, Options};

/// True if the rules hold in every state.
pub(crate) fn holds(options: &Options, depth: Depth) -> bool {
    let deeper = if depth == Depth::Deeper { &DEEPER[..] } else { &[] };
    let mut all = true;
    for search in FULL.iter().chain(deeper) {
        let searched = search.run();
        all &= searched.is_ok();
        match (searched, options.json) {
            (Ok(searched), false) => {
                println!("{}: {} states, {} steps", search.name, searched.states, searched.steps);
            }
            (Err(violated), false) => println!("{}: NO: {violated}", search.name),
            (Ok(searched), true) => {
                println!(
                    "{}",
                    json!({ "search": search.name, "holds": true, "states": searched.states, "steps": searched.steps })
                );
            }
            (Err(violated), true) => {
                println!("{}", json!({ "search": search.name, "holds": false, "violated": violated }));
            }
        }
    }
    all
}
