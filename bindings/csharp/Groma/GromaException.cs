// What went wrong: a status for programs, a sentence for people.
using System;

namespace Groma
{
    /// <summary>
    /// Why a call failed. A number that this version does not know is to be treated like the first of its block.
    /// </summary>
    public enum Status
    {
        /// <summary>Nothing is wrong.</summary>
        Ok = Low.GROMA_STATUS_OK,
        /// <summary>An argument is out of its range or contradicts another.</summary>
        InvalidArgument = Low.GROMA_STATUS_INVALID_ARGUMENT,
        /// <summary>The input lacks a column that is needed; the subject is its name.</summary>
        MissingColumn = Low.GROMA_STATUS_MISSING_COLUMN,
        /// <summary>A feature name that the schema does not know; the subject is that name.</summary>
        UnknownFeature = Low.GROMA_STATUS_UNKNOWN_FEATURE,
        /// <summary>Two feature schemas differ.</summary>
        SchemaMismatch = Low.GROMA_STATUS_SCHEMA_MISMATCH,
        /// <summary>The operating system refused a file operation; the subject is the path.</summary>
        Io = Low.GROMA_STATUS_IO,
        /// <summary>A file or folder does not exist; the subject is the path.</summary>
        NotFound = Low.GROMA_STATUS_NOT_FOUND,
        /// <summary>A damaged file; the subject is the path.</summary>
        Malformed = Low.GROMA_STATUS_MALFORMED,
        /// <summary>A sound file of a kind that is not supported.</summary>
        Unsupported = Low.GROMA_STATUS_UNSUPPORTED,
        /// <summary>A class that the point format cannot hold; the message names the upgrade.</summary>
        ClassOutOfRange = Low.GROMA_STATUS_CLASS_OUT_OF_RANGE,
        /// <summary>The output exists and may not be replaced.</summary>
        OutputExists = Low.GROMA_STATUS_OUTPUT_EXISTS,
        /// <summary>ONNX Runtime refused a model.</summary>
        ModelLoad = Low.GROMA_STATUS_MODEL_LOAD,
        /// <summary>A model's manifest is missing or says something impossible.</summary>
        Manifest = Low.GROMA_STATUS_MANIFEST,
        /// <summary>Tensors are not what a model declares; the subject is the tensor.</summary>
        ModelMismatch = Low.GROMA_STATUS_MODEL_MISMATCH,
        /// <summary>A run of a model failed.</summary>
        Inference = Low.GROMA_STATUS_INFERENCE,
        /// <summary>No ONNX Runtime was found.</summary>
        RuntimeNotFound = Low.GROMA_STATUS_RUNTIME_NOT_FOUND,
        /// <summary>The file named as ONNX Runtime cannot serve as one.</summary>
        RuntimeUnusable = Low.GROMA_STATUS_RUNTIME_UNUSABLE,
        /// <summary>The ONNX Runtime is older than the oldest one supported.</summary>
        RuntimeTooOld = Low.GROMA_STATUS_RUNTIME_TOO_OLD,
        /// <summary>Another ONNX Runtime is already in use by this process.</summary>
        RuntimeConflict = Low.GROMA_STATUS_RUNTIME_CONFLICT,
        /// <summary>A device that was asked for cannot be used; the subject is its name.</summary>
        DeviceUnavailable = Low.GROMA_STATUS_DEVICE_UNAVAILABLE,
        /// <summary>A device has too little memory left for what was asked of it; the subject is its name.</summary>
        DeviceMemory = Low.GROMA_STATUS_DEVICE_MEMORY,
        /// <summary>A device stopped to work while it was in use; the subject is its name.</summary>
        DeviceFailed = Low.GROMA_STATUS_DEVICE_FAILED,
        /// <summary>The caller cancelled.</summary>
        Cancelled = Low.GROMA_STATUS_CANCELLED,
        /// <summary>A promise inside the library does not hold; please report it.</summary>
        Internal = Low.GROMA_STATUS_INTERNAL,
        /// <summary>A panic was caught at the boundary; please report it and dispose what took part.</summary>
        Panic = Low.GROMA_STATUS_PANIC
    }

    /// <summary>A call of the library failed. Its outputs are untouched; whatever it took part in stays usable.</summary>
    public sealed class GromaException : Exception
    {
        /// <summary>Makes an exception as a failed call would.</summary>
        /// <param name="status">why</param>
        /// <param name="message">what is wrong, where, and what to do</param>
        /// <param name="subject">the file, column, tensor, model or device concerned; null for none</param>
        public GromaException(Status status, string message, string subject) : base(message)
        {
            Status = status;
            Subject = subject;
        }

        /// <summary>Why.</summary>
        public Status Status { get; private set; }

        /// <summary>The file, column, tensor, model or device concerned; null if there is none.</summary>
        public string Subject { get; private set; }
    }
}
