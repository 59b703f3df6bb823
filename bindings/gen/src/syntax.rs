//! The declarations of a header, found in the tree that the parser of C makes of it.
//!
//! Only what this project's headers hold is understood: `#define`s of numbers, typedefs, structs and functions, each with
//! its comment in front. All else is refused with its line.

use crate::Refusal;
use crate::api::CType;
use tree_sitter::{Node, Parser};

/// A declaration and the comment in front of it.
pub struct Item {
    /// Line of the declaration, from 1.
    pub line: usize,
    /// The comment, as it stands there.
    pub comment: Option<String>,
    /// What is declared.
    pub kind: Kind,
}

/// What is declared.
pub enum Kind {
    /// A comment that opens a part of the header.
    Section(String),
    /// `#define NAME value`
    Define(String, String),
    /// `typedef plain name;`
    Alias(String, String),
    /// `typedef struct name name;`
    Handle(String),
    /// `typedef struct name { … } name;`
    Struct(String, Vec<Field>),
    /// `typedef type (*name)(…);`
    Callback(String, Signature),
    /// `type name(…);`
    Function(String, Signature),
}

/// What a function takes and gives.
pub struct Signature {
    /// What it returns.
    pub returns: CType,
    /// Names and types of its parameters.
    pub params: Vec<(String, CType)>,
}

/// A field of a struct.
pub struct Field {
    /// Line of the field, from 1.
    pub line: usize,
    /// The comment in front of it.
    pub comment: Option<String>,
    /// Its name.
    pub name: String,
    /// Its type, or that of its elements.
    pub ctype: CType,
    /// Number of elements of an array.
    pub length: Option<u64>,
}

/// How the comment of a section begins.
const SECTION: &str = "/* -----";

/// The declarations of `header`, in order.
///
/// # Errors
/// What is not understood.
pub fn items(header: &str) -> Result<Vec<Item>, Vec<Refusal>> {
    let source = without_cpp(header)?;
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_c::LANGUAGE.into()).expect("the grammar fits the parser");
    let tree = parser.parse(&source, None).expect("a language is set and nothing stops the parser");
    let mut walk = Walk { source: &source, items: Vec::new(), refusals: Vec::new() };
    walk.children(tree.root_node());
    if walk.refusals.is_empty() { Ok(walk.items) } else { Err(walk.refusals) }
}

/// Blanks what only C++ reads; lines keep their numbers. All other conditions but the guard are refused: what they hide
/// would be read as if it were always there.
fn without_cpp(header: &str) -> Result<String, Vec<Refusal>> {
    let mut inside = false;
    let mut guarded = false;
    let mut refusals = Vec::new();
    let mut kept = String::with_capacity(header.len());
    for (i, line) in header.lines().enumerate() {
        let words = line.trim();
        inside |= words == "#ifdef __cplusplus";
        if !inside {
            kept.push_str(line);
        }
        let condition = words
            .strip_prefix('#')
            .map(str::trim_start)
            .is_some_and(|directive| directive.starts_with("if") || directive.starts_with("el"));
        if condition && words != "#ifdef __cplusplus" {
            let guard = !guarded && !inside && words.starts_with("#ifndef ");
            guarded |= guard;
            if !guard {
                refusals
                    .push(Refusal::new(i + 1, format!("`{words}`: only the guard and __cplusplus may be asked for")));
            }
        }
        inside &= words != "#endif";
        kept.push('\n');
    }
    if refusals.is_empty() { Ok(kept) } else { Err(refusals) }
}

struct Walk<'s> {
    source: &'s str,
    items: Vec<Item>,
    refusals: Vec<Refusal>,
}

impl Walk<'_> {
    /// Walks over the declarations below a node, each with the comment that ends on the line above it.
    fn children(&mut self, parent: Node) {
        let mut comment: Option<Node> = None;
        for node in named(parent) {
            let line = line(node);
            let found = match node.kind() {
                "comment" => {
                    let text = self.text(node);
                    if text.starts_with(SECTION) {
                        self.items.push(Item { line, comment: None, kind: Kind::Section(text) });
                    }
                    comment = Some(node);
                    continue;
                }
                // The guard around everything; the first child is its name.
                "preproc_ifdef" => {
                    self.children(node);
                    continue;
                }
                "preproc_include" | "identifier" => continue,
                "preproc_def" if node.child_by_field_name("value").is_none() => continue,
                "preproc_def" => Ok(Kind::Define(self.field(node, "name"), self.field(node, "value"))),
                "type_definition" => self.typedef(node),
                "declaration" => self.function(node),
                other => Err(Refusal::new(line, format!("`{other}` is not understood: {}", self.first_line(node)))),
            };
            // A comment ends on the line above; those after `#define` may reach into the next line.
            let near = comment.take().filter(|comment| comment.end_position().row + 1 == node.start_position().row);
            let comment = near.map(|comment| self.text(comment));
            match found {
                Ok(kind) => self.items.push(Item { line, comment, kind }),
                Err(refusal) => self.refusals.push(refusal),
            }
        }
    }

    fn typedef(&self, node: Node) -> Result<Kind, Refusal> {
        self.one(node)?;
        let base = self.child(node, "type")?;
        let declarator = self.child(node, "declarator")?;
        if declarator.kind() == "function_declarator" {
            let inner = self.text(self.child(declarator, "declarator")?);
            let name = inner.strip_prefix("(*").and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
            if !is_name(name) {
                return Err(Refusal::new(line(node), format!("`{inner}` is not a pointer to a function")));
            }
            let name = name.to_string();
            let returns = self.ctype(node, base, 0);
            return Ok(Kind::Callback(name, Signature { returns, params: self.params(declarator)? }));
        }
        let name = self.text(declarator);
        if !is_name(&name) {
            return Err(Refusal::new(
                line(node),
                format!("`{name}`: pointers, arrays and functions have no other names"),
            ));
        }
        if base.kind() != "struct_specifier" {
            return Ok(Kind::Alias(name, self.text(base)));
        }
        if self.field(base, "name") != name {
            return Err(Refusal::new(line(node), format!("`{name}` is not the name of its struct")));
        }
        match base.child_by_field_name("body") {
            Some(body) => Ok(Kind::Struct(name, self.fields(body)?)),
            None => Ok(Kind::Handle(name)),
        }
    }

    fn fields(&self, body: Node) -> Result<Vec<Field>, Refusal> {
        let mut fields = Vec::new();
        let mut comment = None;
        for node in named(body) {
            match node.kind() {
                "comment" => comment = Some(self.text(node)),
                "field_declaration" => {
                    self.one(node)?;
                    let base = self.child(node, "type")?;
                    let mut declarator = self.child(node, "declarator")?;
                    let mut length = None;
                    if declarator.kind() == "array_declarator" {
                        let size = self.field(declarator, "size");
                        length = Some(size.parse().map_err(|_| {
                            Refusal::new(line(node), format!("the length of an array is `{size}`, expected a number"))
                        })?);
                        declarator = self.child(declarator, "declarator")?;
                    }
                    let (name, pointers) = self.declared(node, declarator, "field_identifier")?;
                    let ctype = self.ctype(node, base, pointers);
                    fields.push(Field { line: line(node), comment: comment.take(), name, ctype, length });
                }
                other => return Err(Refusal::new(line(node), format!("`{other}` in a struct is not understood"))),
            }
        }
        Ok(fields)
    }

    fn function(&self, node: Node) -> Result<Kind, Refusal> {
        self.one(node)?;
        let base = self.child(node, "type")?;
        let mut declarator = self.child(node, "declarator")?;
        let mut pointers = 0;
        while declarator.kind() == "pointer_declarator" {
            pointers += 1;
            declarator = self.child(declarator, "declarator")?;
        }
        if declarator.kind() != "function_declarator" {
            return Err(Refusal::new(line(node), format!("not a function: {}", self.first_line(node))));
        }
        let name = self.field(declarator, "declarator");
        if !is_name(&name) {
            return Err(Refusal::new(line(node), format!("`{name}` is not the name of a function")));
        }
        let returns = self.ctype(node, base, pointers);
        Ok(Kind::Function(name, Signature { returns, params: self.params(declarator)? }))
    }

    fn params(&self, declarator: Node) -> Result<Vec<(String, CType)>, Refusal> {
        let list = self.child(declarator, "parameters")?;
        let mut params = Vec::new();
        for node in named(list) {
            if node.kind() != "parameter_declaration" {
                return Err(Refusal::new(line(node), format!("parameter `{}` is not understood", self.text(node))));
            }
            if self.text(node) == "void" {
                continue;
            }
            let Some(declarator) = node.child_by_field_name("declarator") else {
                return Err(Refusal::new(line(node), format!("parameter `{}` has no name", self.text(node))));
            };
            let (name, pointers) = self.declared(node, declarator, "identifier")?;
            params.push((name, self.ctype(node, self.child(node, "type")?, pointers)));
        }
        Ok(params)
    }

    /// The name inside a declarator, and how many pointers stand in front of it.
    fn declared(&self, node: Node, mut declarator: Node, kind: &str) -> Result<(String, u8), Refusal> {
        let constant = self.constant(node);
        let mut constants = Vec::new();
        let mut pointers = 0;
        while declarator.kind() == "pointer_declarator" {
            pointers += 1;
            constants.push(named(declarator).any(|child| child.kind() == "type_qualifier"));
            declarator = self.child(declarator, "declarator")?;
        }
        // `const T *const *` is a list that is read; without the first `const` nobody reads it as one.
        if constants.iter().any(|constant| *constant) && !constant {
            return Err(Refusal::new(
                line(declarator),
                format!("`{}`: `T *const *` is not understood", self.text(declarator)),
            ));
        }
        if declarator.kind() != kind {
            return Err(Refusal::new(line(declarator), format!("`{}` is not understood", self.text(declarator))));
        }
        Ok((self.text(declarator), pointers))
    }

    /// The type that `base` and so many pointers make; what stands before `base` says whether it is `const`.
    fn ctype(&self, node: Node, base: Node, pointers: u8) -> CType {
        let constant = self.constant(node);
        let base = self.text(base);
        let mut c = if constant { format!("const {base}") } else { base.clone() };
        if pointers > 0 {
            c.push(' ');
            // Pointers to pointers to what is constant are constant themselves wherever they are read.
            c.push_str(&vec!["*"; pointers.into()].join(if constant { "const " } else { "" }));
        }
        CType { c, base, pointers, constant }
    }

    fn constant(&self, node: Node) -> bool {
        named(node).any(|child| child.kind() == "type_qualifier" && self.text(child) == "const")
    }

    /// Refuses declarations of more than one name, bit fields, attributes, and all else that stands beside type and name.
    fn one(&self, node: Node) -> Result<(), Refusal> {
        let mut cursor = node.walk();
        if node.children_by_field_name("declarator", &mut cursor).count() > 1 {
            return Err(Refusal::new(line(node), format!("more than one name: {}", self.first_line(node))));
        }
        let base = node.child_by_field_name("type");
        let inside = base.into_iter().flat_map(named);
        let declarator = node.child_by_field_name("declarator");
        let around = declarator.into_iter().flat_map(named);
        for child in named(node).chain(inside).chain(around) {
            let kind = child.kind();
            let storage = kind == "storage_class_specifier";
            if storage || kind.starts_with("attribute") || kind.starts_with("ms_") || kind == "bitfield_clause" {
                return Err(Refusal::new(line(child), format!("`{}` is not understood", self.text(child))));
            }
        }
        Ok(())
    }

    fn child<'t>(&self, node: Node<'t>, name: &str) -> Result<Node<'t>, Refusal> {
        let child = node.child_by_field_name(name).filter(|child| !child.is_missing() && !child.has_error());
        child.ok_or_else(|| Refusal::new(line(node), format!("not understood: {}", self.first_line(node))))
    }

    fn field(&self, node: Node, name: &str) -> String {
        node.child_by_field_name(name).map(|child| self.text(child)).unwrap_or_default()
    }

    fn text(&self, node: Node) -> String {
        self.source[node.byte_range()].trim().to_string()
    }

    fn first_line(&self, node: Node) -> String {
        self.text(node).lines().next().unwrap_or_default().to_string()
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn named<'t>(node: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    (0..node.named_child_count()).filter_map(move |i| node.named_child(i.try_into().ok()?))
}

fn line(node: Node) -> usize {
    node.start_position().row + 1
}
