//! Resolves names to the modules that define them.

use crate::graph::{Graph, Imports};
use crate::source::{Module, Names, Source};

/// The number of facades that a name may pass.
const DEEPEST: usize = 16;

/// The modules of a crate and their imports.
pub(crate) fn of(source: &Source) -> Graph {
    let mut graph = Graph::default();
    for (name, module) in &source.modules {
        let mut imports = Imports::new();
        for path in source.named(name, module) {
            if let Some(defines) = source.absolute(name, path).and_then(|path| source.defining(&path, DEEPEST))
                && defines != *name
            {
                imports.entry(shown(&defines)).or_default().insert(path.join("::"));
            }
        }
        graph.insert(shown(name), imports);
    }
    graph
}

fn shown(name: &Names) -> String {
    ["crate".to_owned()].iter().chain(name).cloned().collect::<Vec<_>>().join("::")
}

impl Source {
    /// The names of its crate that a module uses.
    fn named<'a>(&'a self, name: &'a Names, module: &'a Module) -> impl Iterator<Item = &'a Names> {
        let used = |wanted: &String| module.paths.iter().any(|path| path.first() == Some(wanted));
        let facade = move |of: &crate::source::Use| {
            let inside = self.absolute(name, &of.path).is_some_and(|path| path.starts_with(name));
            of.public && inside && !of.name.as_ref().is_some_and(used)
        };
        let imported = module.uses.iter().filter(move |of| !facade(of)).map(|of| &of.path);
        imported.chain(module.paths.iter().filter(|path| path.len() > 1))
    }

    /// A path from the crate's root. `None` if it leads to another crate or begins with an import of the module itself.
    fn absolute(&self, module: &Names, path: &Names) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&module[..], rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let base = module.get(..module.len().checked_sub(ups)?)?;
                Some([base, &path[ups..]].concat())
            }
            _ => {
                let child = [&module[..], std::slice::from_ref(first)].concat();
                self.modules.contains_key(&child).then(|| [&module[..], path].concat())
            }
        }
    }

    /// The module that defines the item of a path. `None` if another crate defines it.
    fn defining(&self, path: &Names, deepest: usize) -> Option<Names> {
        let mut at = Names::new();
        for (place, name) in path.iter().enumerate() {
            let child = [&at[..], std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&child) {
                at = child;
                continue;
            }
            let module = self.modules.get(&at)?;
            let onward = |to: &Names| {
                let target = self.absolute(&at, to)?;
                self.defining(&[&target[..], &path[place + 1..]].concat(), deepest.checked_sub(1)?)
            };
            if module.defined.contains(name) {
                return Some(at);
            }
            if let Some(import) = module.uses.iter().find(|import| import.name.as_ref() == Some(name)) {
                return onward(&import.path);
            }
            for star in module.uses.iter().filter(|import| import.name.is_none()) {
                let target = self.absolute(&at, &[&star.path[..], std::slice::from_ref(name)].concat());
                if let Some(target) = target
                    && self.modules.get(&target[..target.len() - 1]).is_some_and(|module| module.has(name))
                {
                    return self.defining(&[&target[..], &path[place + 1..]].concat(), deepest.checked_sub(1)?);
                }
            }
            return Some(at);
        }
        Some(at)
    }
}

impl Module {
    fn has(&self, name: &String) -> bool {
        self.defined.contains(name) || self.uses.iter().any(|import| import.name.as_ref() == Some(name))
    }
}
