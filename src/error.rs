//! The one error type of the crate.
//!
//! Every variant has one stable number ([`Error::code`]), which the C header repeats as a `GROMA_STATUS_…` constant, and
//! a message of one sentence that names the place (file, column, tensor) and what to do about it.

use std::path::{Path, PathBuf};

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, in blocks: argument 1xx, file 2xx, model 3xx, device 4xx, cancelled 500, internal 9xx.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An argument is out of its range or contradicts another (100).
    #[error("{what}; {remedy}")]
    InvalidArgument {
        /// What is wrong, with the value that was given.
        what: String,
        /// What to pass instead.
        remedy: String,
    },
    /// The input lacks a column that was asked for (101).
    #[error("the input has no column `{column}`; {remedy}")]
    MissingColumn {
        /// The column's name.
        column: String,
        /// How to do without it, or how to supply it.
        remedy: String,
    },
    /// A feature name that the schema does not know (102).
    #[error("`{name}` is not a feature of this schema version: {what}")]
    UnknownFeature {
        /// The name as it was given.
        name: String,
        /// Which part of it is not understood, and what would be.
        what: String,
    },
    /// Two feature schemas differ (103).
    #[error("feature schemas differ{}: expected `{expected}`, found `{found}`", at_column(*position))]
    SchemaMismatch {
        /// Position of the first differing column, from 0; `None` where only the hashes of the schemas are known.
        position: Option<usize>,
        /// The expected column, or hash.
        expected: String,
        /// The column found there (or `nothing`), or hash.
        found: String,
    },
    /// The operating system refused a file operation (200).
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: `open`, `read`, `create`.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file or folder that does not exist (201).
    #[error("{}: no such file or folder; {remedy}", path.display())]
    NotFound {
        /// The path as it was looked up.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// A damaged file (202).
    #[error("{}: damaged at {position}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where: `byte 375`, `point 120000`, `VLR 3`.
        position: String,
        /// What is wrong there.
        what: String,
    },
    /// A sound file of a kind that is not supported (203).
    #[error("{}: {what}; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A class code that the point format cannot hold (204).
    #[error("{}: class {class} does not fit point format {point_format}, which holds 0 to 31; {remedy}", path.display())]
    ClassOutOfRange {
        /// The file that would have been written.
        path: PathBuf,
        /// The class code.
        class: u8,
        /// The point format that cannot hold it.
        point_format: u8,
        /// The upgrade that can.
        remedy: String,
    },
    /// The output exists and may not be replaced (205).
    #[error("{}: exists already; choose another output, or ask to overwrite it (`--overwrite`)", path.display())]
    OutputExists {
        /// The output's path.
        path: PathBuf,
    },
    /// ONNX Runtime refused a model (300).
    #[error("model {model}: cannot be loaded: {what}")]
    ModelLoad {
        /// The model's file or name.
        model: String,
        /// The runtime's reason.
        what: String,
    },
    /// A manifest is missing or says something impossible (301).
    #[error("model {model}: manifest, {place}: {what}")]
    Manifest {
        /// The model's file or name.
        model: String,
        /// Where in the manifest, as a path of keys.
        place: String,
        /// What is wrong there and what would be right.
        what: String,
    },
    /// A model's tensors are not what is expected of them: by its manifest, a checkpoint, or the caller (302).
    #[error("model {model}: tensor `{tensor}` is {found}, expected is {expected}")]
    ModelMismatch {
        /// The model's file or name.
        model: String,
        /// The tensor's name.
        tensor: String,
        /// Expected type and shape, as `f32[rows, 77]`.
        expected: String,
        /// Found type and shape.
        found: String,
    },
    /// A run of a model failed (303).
    #[error("model {model}: inference failed: {what}")]
    Inference {
        /// The model's file or name.
        model: String,
        /// The runtime's reason.
        what: String,
    },
    /// No ONNX Runtime was found (310).
    #[error("no ONNX Runtime found (looked for {}); {remedy}", tried.join(", "))]
    RuntimeNotFound {
        /// The places that were looked at, in order.
        tried: Vec<String>,
        /// What to do.
        remedy: String,
    },
    /// A file that was named as ONNX Runtime and cannot serve as one (311).
    #[error("{}: cannot be used as ONNX Runtime: {what}; {remedy}", path.display())]
    RuntimeUnusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// An ONNX Runtime older than the oldest one supported (312).
    #[error("{}: ONNX Runtime {version} is too old, {needed} or newer is needed; {remedy}", path.display())]
    RuntimeTooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        version: String,
        /// The oldest that serves.
        needed: String,
        /// What to do.
        remedy: String,
    },
    /// Another ONNX Runtime is already in use by this process (313).
    #[error("ONNX Runtime {} is already in use, {} cannot be loaded beside it; use one runtime a process", loaded.display(), asked.display())]
    RuntimeConflict {
        /// The runtime in use.
        loaded: PathBuf,
        /// The one that was asked for.
        asked: PathBuf,
    },
    /// A device that was asked for cannot be used (400).
    #[error("device `{device}` cannot be used: {what}")]
    DeviceUnavailable {
        /// The device as it was asked for.
        device: String,
        /// What is missing.
        what: String,
    },
    /// A device has too little memory left for what was asked of it (401).
    #[error(
        "device `{device}` is out of memory: {what}; ask for smaller blocks or fewer rows a call, or free memory on it"
    )]
    DeviceMemory {
        /// The device, as `cuda:0`.
        device: String,
        /// What needed the memory.
        what: String,
    },
    /// A device stopped to work while it was in use; what it was computing is lost (402).
    #[error("device `{device}` failed: {what}; its work has to be done anew, on another device or in a new process")]
    DeviceFailed {
        /// The device, as `cuda:0`.
        device: String,
        /// What its driver says.
        what: String,
    },
    /// The caller cancelled (500).
    #[error("cancelled")]
    Cancelled,
    /// A promise inside the library does not hold (900).
    #[error("internal error: {what}; please report it")]
    Internal {
        /// Which promise.
        what: String,
    },
    /// A panic was caught at the library's boundary (901).
    #[error("internal error, a panic was caught: {what}; please report it")]
    Panic {
        /// The panic's message.
        what: String,
    },
}

impl Error {
    /// The stable number of this error: the value a C caller sees as status.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::InvalidArgument { .. } => 100,
            Self::MissingColumn { .. } => 101,
            Self::UnknownFeature { .. } => 102,
            Self::SchemaMismatch { .. } => 103,
            Self::Io { .. } => 200,
            Self::NotFound { .. } => 201,
            Self::Malformed { .. } => 202,
            Self::Unsupported { .. } => 203,
            Self::ClassOutOfRange { .. } => 204,
            Self::OutputExists { .. } => 205,
            Self::ModelLoad { .. } => 300,
            Self::Manifest { .. } => 301,
            Self::ModelMismatch { .. } => 302,
            Self::Inference { .. } => 303,
            Self::RuntimeNotFound { .. } => 310,
            Self::RuntimeUnusable { .. } => 311,
            Self::RuntimeTooOld { .. } => 312,
            Self::RuntimeConflict { .. } => 313,
            Self::DeviceUnavailable { .. } => 400,
            Self::DeviceMemory { .. } => 401,
            Self::DeviceFailed { .. } => 402,
            Self::Cancelled => 500,
            Self::Internal { .. } => 900,
            Self::Panic { .. } => 901,
        }
    }

    /// The file, column, tensor, model or device concerned, if there is one.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::MissingColumn { column, .. } => Some(column.clone()),
            Self::UnknownFeature { name, .. } => Some(name.clone()),
            Self::SchemaMismatch { expected, .. } => Some(expected.clone()),
            Self::Io { path, .. }
            | Self::NotFound { path, .. }
            | Self::Malformed { path, .. }
            | Self::Unsupported { path, .. }
            | Self::ClassOutOfRange { path, .. }
            | Self::OutputExists { path }
            | Self::RuntimeUnusable { path, .. }
            | Self::RuntimeTooOld { path, .. }
            | Self::RuntimeConflict { asked: path, .. } => Some(path.display().to_string()),
            Self::ModelMismatch { tensor, .. } => Some(tensor.clone()),
            Self::ModelLoad { model, .. } | Self::Manifest { model, .. } | Self::Inference { model, .. } => {
                Some(model.clone())
            }
            Self::DeviceUnavailable { device, .. }
            | Self::DeviceMemory { device, .. }
            | Self::DeviceFailed { device, .. } => Some(device.clone()),
            Self::InvalidArgument { .. }
            | Self::RuntimeNotFound { .. }
            | Self::Cancelled
            | Self::Internal { .. }
            | Self::Panic { .. } => None,
        }
    }

    /// Short for [`Error::InvalidArgument`].
    pub fn invalid(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::InvalidArgument { what: what.into(), remedy: remedy.into() }
    }

    /// An I/O error at a path; a missing file becomes [`Error::NotFound`].
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        if source.kind() == std::io::ErrorKind::NotFound {
            return Self::NotFound { path, remedy: format!("check the path (wanted to {action} it)") };
        }
        Self::Io { path, action, source }
    }

    /// Short for [`Error::Malformed`].
    pub fn malformed(path: impl AsRef<Path>, position: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Malformed { path: path.as_ref().to_path_buf(), position: position.into(), what: what.into() }
    }

    /// Short for [`Error::Internal`].
    pub fn internal(what: impl Into<String>) -> Self {
        Self::Internal { what: what.into() }
    }
}

fn at_column(position: Option<usize>) -> String {
    position.map_or_else(String::new, |position| format!(" first at column {position}"))
}
