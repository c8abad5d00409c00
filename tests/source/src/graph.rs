//! The graph of modules and its circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The modules that a module imports, each with the paths of the imports.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// The imports of all modules.
#[derive(Debug, Default)]
pub struct Graph(BTreeMap<String, Imports>);

impl Graph {
    pub(crate) fn insert(&mut self, module: String, imports: Imports) {
        self.0.insert(module, imports);
    }

    /// The modules that can reach each other, with the imports among them. Empty without a circle.
    pub fn circles(&self) -> Vec<Graph> {
        let reached = self.0.keys().map(|module| (module, self.reached(module))).collect::<BTreeMap<_, _>>();
        let together = |a: &String, b: &String| reached[a].contains(b) && reached[b].contains(a);
        let mut circles = Vec::<Graph>::new();
        for (module, imports) in &self.0 {
            if !together(module, module) {
                continue;
            }
            let within = imports.iter().filter(|(other, _)| together(module, other));
            let within = within.map(|(other, paths)| (other.clone(), paths.clone())).collect();
            let known = circles.iter_mut().find(|circle| circle.0.keys().any(|other| together(module, other)));
            match known {
                Some(circle) => circle.insert(module.clone(), within),
                None => circles.push(Graph(BTreeMap::from([(module.clone(), within)]))),
            }
        }
        circles
    }

    fn reached<'a>(&'a self, from: &'a String) -> BTreeSet<&'a String> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(
                self.0.get(module).into_iter().flatten().map(|(other, _)| other).filter(|it| reached.insert(*it)),
            );
        }
        reached
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (module, imports) in &self.0 {
            for (other, paths) in imports {
                let paths = paths.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                writeln!(f, "    {module} -> {other} ({paths})")?;
            }
        }
        Ok(())
    }
}
