//! What a header declares, as the generators and `api.json` see it.

use serde::Serialize;

/// Everything that a header declares, in its order.
#[derive(Debug, Serialize)]
pub struct Api {
    /// Who wrote the file.
    pub generated: &'static str,
    /// Number of the ABI.
    pub abi: Abi,
    /// The parts of the header.
    pub sections: Vec<Section>,
    /// Other names of plain types.
    pub aliases: Vec<Alias>,
    /// The outcomes of calls.
    pub statuses: Vec<Status>,
    /// All `#define`s with a value, those of the statuses included.
    pub constants: Vec<Constant>,
    /// Opaque types.
    pub handles: Vec<Handle>,
    /// Types of functions that the caller hands over.
    pub callbacks: Vec<Callback>,
    /// Plain structs.
    pub structs: Vec<Struct>,
    /// The functions.
    pub functions: Vec<Function>,
}

/// Number of the ABI: `GROMA_ABI_MAJOR` and `GROMA_ABI_MINOR`.
#[derive(Debug, Serialize)]
pub struct Abi {
    /// Programs of another major number do not run.
    pub major: i64,
    /// Programs of a higher minor number do not run.
    pub minor: i64,
}

/// A part of the header.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its first words: up to the first comma, colon or full stop.
    pub title: String,
    /// The whole comment, the title included.
    pub doc: String,
}

/// `typedef int32_t groma_status_t;`
#[derive(Debug, Serialize)]
pub struct Alias {
    /// The new name.
    pub name: String,
    /// The type of C that it stands for.
    pub base: String,
    /// What it is.
    pub doc: String,
}

/// The number of an outcome.
#[derive(Debug, Serialize)]
pub struct Status {
    /// As `groma_status_name` says it: `NOT_FOUND`.
    pub name: String,
    /// Its number.
    pub value: i64,
    /// When it happens.
    pub doc: String,
}

/// A `#define` with a value.
#[derive(Debug, Serialize)]
pub struct Constant {
    /// The whole name: `GROMA_TYPE_F32`.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// The word behind `GROMA_`, which those that belong together share: `TYPE`.
    pub group: String,
    /// Title of the section.
    pub section: String,
    /// What it means.
    pub doc: String,
}

/// An opaque type.
#[derive(Debug, Serialize)]
pub struct Handle {
    /// The type.
    pub name: String,
    /// The function that frees one.
    pub destroy: String,
    /// Title of the section.
    pub section: String,
    /// What it is.
    pub doc: String,
}

/// A type of functions that the caller hands over.
#[derive(Debug, Serialize)]
pub struct Callback {
    /// The type.
    pub name: String,
    /// What it returns.
    pub returns: CType,
    /// What it is given.
    pub params: Vec<Member>,
    /// Title of the section.
    pub section: String,
    /// When it is called.
    pub doc: String,
}

/// A name and its type.
#[derive(Debug, Serialize)]
pub struct Member {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub ctype: CType,
}

/// A plain struct.
#[derive(Debug, Serialize)]
pub struct Struct {
    /// The type.
    pub name: String,
    /// `sizeof` where pointers have 64 bits.
    pub size: u64,
    /// Its alignment there.
    pub align: u64,
    /// The function that fills one with the defaults.
    pub init: Option<String>,
    /// Title of the section.
    pub section: String,
    /// What it is.
    pub doc: String,
    /// The fields in their order.
    pub fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Type of the field, or of its elements.
    #[serde(rename = "type")]
    pub ctype: CType,
    /// Number of elements if it is an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Where it begins, in bytes, where pointers have 64 bits.
    pub offset: u64,
    /// Its size there, in bytes.
    pub size: u64,
    /// What it means.
    pub doc: String,
}

/// A function.
#[derive(Debug, Serialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Title of the section.
    pub section: String,
    /// What it does, without the tags.
    pub doc: String,
    /// What it returns.
    pub returns: Returns,
    /// What it is given, in order.
    pub params: Vec<Param>,
}

/// What a function returns.
#[derive(Debug, Serialize)]
pub struct Returns {
    /// Its type; `void` for nothing.
    #[serde(rename = "type")]
    pub ctype: CType,
    /// Whose it is, of pointers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// Whether it may be NULL.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// What its `@return` says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// A parameter of a function.
#[derive(Debug, Serialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ctype: CType,
    /// What it is for.
    pub role: Role,
    /// Whose it is after the call, if that is not the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// Whether it may be NULL.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// What its `@param` says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// Whose a pointer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The caller frees it.
    Owned,
    /// It lives inside another object.
    Borrowed,
    /// It lives as long as the process.
    Static,
}

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A number.
    Value,
    /// A string that ends with NUL.
    Text,
    /// An array of strings.
    Texts,
    /// A handle.
    Handle,
    /// An array of handles.
    Handles,
    /// A struct of options, which has an init function.
    Options,
    /// Another struct that is read.
    Struct,
    /// An array of numbers or bytes.
    Array,
    /// A function of the caller.
    Callback,
    /// Something of the caller or of another library that is passed on as it is.
    Pointer,
    /// Receives a handle.
    OutHandle,
    /// Receives a number.
    OutValue,
    /// Receives a struct.
    OutStruct,
    /// Receives an address.
    OutPointer,
    /// Receives the error.
    Error,
}

/// A type of C: a name behind so many pointers. In `api.json` as C writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct CType {
    /// As C writes it.
    pub c: String,
    /// The name without `const` and `*`.
    pub base: String,
    /// How many `*` there are.
    pub pointers: u8,
    /// Whether what the innermost pointer points to is `const`.
    pub constant: bool,
}

impl From<CType> for String {
    fn from(ctype: CType) -> Self {
        ctype.c
    }
}

impl CType {
    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.pointers == 0 && self.base == "void"
    }

    /// Whether it is a `const char *`.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.pointers == 1 && self.base == "char"
    }
}

impl Api {
    /// The plain type behind a name: that of an alias, or the name itself.
    #[must_use]
    pub fn plain<'a>(&'a self, base: &'a str) -> &'a str {
        self.aliases.iter().find(|alias| alias.name == base).map_or(base, |alias| &alias.base)
    }

    /// Whether a name is that of a struct.
    #[must_use]
    pub fn is_struct(&self, base: &str) -> bool {
        self.structs.iter().any(|known| known.name == base)
    }

    /// Whether a name is that of a type of functions.
    #[must_use]
    pub fn is_callback(&self, base: &str) -> bool {
        self.callbacks.iter().any(|known| known.name == base)
    }

    /// Whether a name is that of an opaque type.
    #[must_use]
    pub fn is_handle(&self, base: &str) -> bool {
        self.handles.iter().any(|known| known.name == base)
    }
}
