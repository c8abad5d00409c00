//! The files of a crate, as modules with the names that they use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// The reason that a crate cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A file is not Rust.
    #[error("{0}: {1}")]
    Rust(PathBuf, syn::Error),
}

/// A module's path from the root, which is empty, or any other path.
pub(crate) type Names = Vec<String>;

/// A name that a module has by `use`.
pub(crate) struct Use {
    /// The imported path, without the star.
    pub(crate) path: Names,
    /// The name in this module. `None` for a star.
    pub(crate) name: Option<String>,
    /// Whether other modules can import the name from here.
    pub(crate) public: bool,
}

/// The content of a module.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) uses: Vec<Use>,
    /// Paths in its code, one name or more.
    pub(crate) paths: BTreeSet<Names>,
    /// The items that the module defines.
    pub(crate) defined: BTreeSet<String>,
}

/// A crate's modules.
#[derive(Default)]
pub struct Source {
    pub(crate) modules: BTreeMap<Names, Module>,
}

impl Source {
    /// Reads a crate from its root file.
    ///
    /// # Errors
    /// If a file cannot be read or is not Rust.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let mut source = Self::default();
        let children = root.parent().unwrap_or(root);
        source.file(Names::new(), root, children)?;
        Ok(source)
    }

    fn file(&mut self, name: Names, file: &Path, children: &Path) -> Result<(), Error> {
        let text = std::fs::read_to_string(file).map_err(|error| Error::File(file.to_owned(), error))?;
        let parsed = syn::parse_file(&text).map_err(|error| Error::Rust(file.to_owned(), error))?;
        self.items(name, &parsed.items, children)
    }

    fn items(&mut self, name: Names, items: &[Item], children: &Path) -> Result<(), Error> {
        let mut module = Module::default();
        for item in items {
            if let Item::Mod(child) = item {
                if !of_tests(&child.attrs) {
                    let ident = child.ident.to_string();
                    let (inner, inside) = ([&name[..], std::slice::from_ref(&ident)].concat(), children.join(&ident));
                    match &child.content {
                        Some((_, items)) => self.items(inner, items, &inside)?,
                        None if children.join(format!("{ident}.rs")).exists() => {
                            self.file(inner, &children.join(format!("{ident}.rs")), &inside)?;
                        }
                        None => self.file(inner, &inside.join("mod.rs"), &inside)?,
                    }
                }
            } else {
                module.visit_item(item);
            }
        }
        self.modules.insert(name, module);
        Ok(())
    }
}

/// Whether an item is compiled only for tests.
pub(crate) fn of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

impl Module {
    fn tree(&mut self, tree: &UseTree, mut path: Names, public: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.tree(&step.tree, path, public);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, path.clone(), public)),
            UseTree::Glob(_) => self.uses.push(Use { path, name: None, public }),
            UseTree::Name(name) => {
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                self.uses.push(Use { name: path.last().cloned(), path, public });
            }
            UseTree::Rename(rename) => {
                path.push(rename.ident.to_string());
                self.uses.push(Use { path, name: Some(rename.rename.to_string()), public });
            }
        }
    }

    /// Paths in the arguments of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Names::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.path(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 => colons += 1,
                other => {
                    self.path(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.path(path);
    }

    fn path(&mut self, path: Names) {
        if !path.is_empty() {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Impl(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if !of_tests(attributes) {
            self.defined.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, Names::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    // A visibility is not a use, and the names of derives and lints belong to other crates.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}
